"""The dead letters' workbench without servers: what heals what, groups, order, the event anew, the journal."""

import json
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.deadletters import DeadLetter
from contracts.events import read_structured, to_record
from deploy.operators import main as operators
from deploy.operators.deadletters import letters, remedies, workbench
from deploy.operators.deadletters.journal import Journal
from deploy.operators.deadletters.letters import At, Group, Row, Selection
from deploy.operators.deadletters.replay import as_event
from deploy.operators.errors import JournalError

VIETNAM = timezone(timedelta(hours=7))
FAR = 4_000_000_000_000_000
CODES = ["internal_error", "too_many", "no_arrow", "unknown_unit", "not_responsible", "id_reused", "retired", "invalid_data"]


def row(**more: Any) -> Row:
    """A dead letter that stands rejected."""
    told: dict[str, Any] = {
        "code": "too_many", "detail": "…", "position": At(1, 2), "reported": At(1, 9), "standing": "rejected",
        "dossier": "D", "source": "/units/19753", "id": "e", "fact": "completed", "occurred_at": None,
        "recorded_at": "2025-07-01T08:00:00+07:00", **more,
    }  # fmt: skip
    return Row(**told)


def test_a_unit_is_asked_for_by_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        operators.main(["rejected", "list", "--unit", "Huế"])
    assert "a unit is named by its code, as 19753" in capsys.readouterr().err


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("standing", ["rejected", "applied", "duplicate", "annulled", "parked", None])
def test_only_two_codes_are_handed_in_again_and_only_while_they_stand_rejected(code: str, standing: str | None) -> None:
    """Everything has a remedy of its own; what has healed says so."""
    one = row(code=code, standing=standing)
    assert remedies.is_replayable(one) == (code in ("internal_error", "too_many") and standing == "rejected")
    told = remedies.remedy(one)
    assert told
    if standing in ("applied", "duplicate", "annulled", "parked"):
        assert told == f"nothing: it has healed, and stands {standing}"


REMEDIES = [
    ("no_arrow", "`received`"),
    ("unknown_unit", "reference-activate"),
    ("not_responsible", "hand-over"),
    ("id_reused", "new id"),
    ("retired", "nothing"),
    ("invalid_data", "new id"),
    ("unknown_attribute", "new id"),
]


@pytest.mark.parametrize(("code", "word"), REMEDIES)
def test_each_cause_names_what_would_heal_it(code: str, word: str) -> None:
    """The missing event, reference data, an annulment, another id."""
    assert word in remedies.remedy(row(code=code))


def test_what_follows_on_nothing_that_is_known_is_not_said_to_follow_on_anything() -> None:
    """A birth without its data, a fact of another release."""
    for fact in ("submitted", "unheard_of", None):
        assert remedies.remedy(row(code="no_arrow", fact=fact)).startswith("the event that it follows on, whenever it comes")


def test_a_control_record_is_nobodys_to_hand_in() -> None:
    """A tick that failed on a dossier has no event."""
    one = row(code="internal_error", standing="tick", dossier=None, source=None, id=None)
    assert not remedies.is_replayable(one)
    assert remedies.remedy(one) == "a control record failed on one dossier: a new generation of the fold works it off anew"


NAMED = st.builds(
    Group,
    code=st.sampled_from(CODES[:3]), unit=st.sampled_from(["19753", None]), week=st.sampled_from(["2025-W27", None]),
    letters=st.integers(1, 9), rejected_now=st.integers(0, 1),
)  # fmt: skip


@given(st.lists(st.lists(NAMED, max_size=5), max_size=4))
def test_groups_of_all_pieces_add_up(pieces: list[list[Group]]) -> None:
    """No name is there twice, in order; what is not known has a name, too."""
    groups = letters.added(group for piece in pieces for group in piece)
    assert [each[:3] for each in groups] == sorted({each[:3] for each in groups})
    every: Counter[tuple[str, str, str]] = Counter()
    still: Counter[tuple[str, str, str]] = Counter()
    for group in (group for piece in pieces for group in piece):
        name = group.code, group.unit or "–", group.week or "–"
        every.update({name: group.letters})
        still.update({name: group.rejected_now})
    named = {(code, unit, week): (number, standing) for code, unit, week, number, standing in groups}
    assert named == {name: (number, still[name]) for name, number in every.items()}


def test_only_what_was_left_out_is_said_to_be(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(workbench, "LETTERS_MAX", 2)
    piece = [Group("too_many", 2, 1)]
    workbench._say_groups([piece])
    assert "2 dead letters, 1 of them stands rejected now\n" in (said := capsys.readouterr().out)
    assert "only the first" not in said
    workbench._say_groups([piece, piece])
    assert "only the first 2 were looked at" in capsys.readouterr().out


@given(st.datetimes(datetime(2024, 12, 20), datetime(2026, 1, 10)), st.sampled_from(["19753", "19774"]))
def test_a_letter_is_selected_by_its_week_in_vietnam(recorded: datetime, unit: str) -> None:
    """And by its unit."""
    one = row(source=f"/units/{unit}/point", recorded_at=recorded.replace(tzinfo=VIETNAM).isoformat())
    assert Selection(unit=unit, week=recorded.strftime("%G-W%V")).takes(one)
    assert not Selection(week="2023-W01").takes(one)
    assert Selection(unit="19753").takes(one) == (unit == "19753")


def test_the_order_is_that_in_which_they_were_reported() -> None:
    """By partition and offset in the archive, whatever the order of their dead letters."""
    rows = [row(reported=At(2, 1)), row(reported=At(1, 12)), row(reported=At(1, 9)), row(reported=At(1, None))]
    assert [(each.reported.partition, each.reported.offset) for each in letters.in_original_order(rows)] == [
        (1, None), (1, 9), (1, 12), (2, 1)
    ]  # fmt: skip


EVENT = {
    "specversion": "1.0", "id": "e-1", "source": "/units/19753/p", "type": "vn.motcua.dossier.completed.v1",
    "subject": "D-1", "time": "2025-07-01T08:00:00.5+07:00", "datacontenttype": "application/json",
    "data": {"electronic_result": True}, "sequence": "17", "incarnation": "019790aa-0000-7000-8000-000000000000",
}  # fmt: skip


def letter_of(event: dict[str, Any]) -> DeadLetter:
    """A dead letter of an event, as processing writes it."""
    key, value, headers = to_record(read_structured(msgspec.json.encode(event), FAR))
    return DeadLetter(code="too_many", detail="…", src=(9, 0, 0), prev=None, key=key, value=value, headers=tuple(headers))


def test_an_event_is_handed_in_as_it_was() -> None:
    """The same id and content; entered when it says, else when it was recorded, so that a replay back-dates nothing."""
    recorded_at = "2025-07-01T09:00:00+07:00"
    told = json.loads(msgspec.json.encode(as_event(letter_of(EVENT), recorded_at)))
    assert told == {**EVENT, "recordedtime": recorded_at}
    entered = {**EVENT, "recordedtime": "2025-07-01T08:01:00+07:00"}
    assert json.loads(msgspec.json.encode(as_event(letter_of(entered), recorded_at))) == entered


@pytest.mark.parametrize("headers", [(), (("ce_type", b"vn.motcua.clock.ticked.v1"),)])
def test_what_is_no_event_is_not_handed_in(headers: tuple[tuple[str, bytes], ...]) -> None:
    """Nor is a control record."""
    letter = DeadLetter(code="internal_error", detail="…", src=(1, 0, 0), prev=None, key=None,
                        value=b'{"at":"2025-07-01T08:00:00+07:00"}', headers=headers)  # fmt: skip
    with pytest.raises(ValueError, match=r"no event|control"):
        as_event(letter, None)


def test_the_journal_is_appended_to_and_belongs_to_one_at_a_time(tmp_path: Path) -> None:
    """Lines stay in the order of what was done, over runs; a second operator is told to wait."""
    directory = tmp_path / "state"
    with Journal(directory) as journal:
        journal.write(step="one", number=1)
        with pytest.raises(JournalError):
            Journal(directory)
        journal.write(step="two")
    with Journal(directory) as journal:
        journal.write(step="three")
    assert [json.loads(line)["step"] for line in journal.path.read_text().splitlines()] == ["one", "two", "three"]


def test_a_journal_that_cannot_be_written_stops_everything(tmp_path: Path) -> None:
    """With one sentence."""
    (tmp_path / "state").write_text("a file where a directory belongs")
    with pytest.raises(JournalError):
        Journal(tmp_path / "state")


@pytest.mark.parametrize("text", ["", "3", "3:", ":3", "a:1", "1:2:3", "-1:2", "1:1234567890123456789"])
def test_a_place_is_a_partition_and_an_offset(text: str) -> None:
    """Nothing else."""
    with pytest.raises(ValueError, match="place"):
        letters.place(text)
    assert letters.place("3:17") == (3, 17)


@pytest.mark.parametrize("text", ["2025", "2025-27", "2025-W7", "2025-W60", "W27"])
def test_a_week_is_an_iso_week(text: str) -> None:
    """Nothing else."""
    with pytest.raises(ValueError, match="week"):
        letters.week(text)
    assert letters.week("2025-W27") == "2025-W27"
