"""Answers worked out of what was read: pages and groups of dead letters, standings by now, every event of a dossier told."""

from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import deadletters, instants
from contracts.deadletters import DeadLetter, Src
from contracts.events import Event, Ticked, control_record, to_record
from contracts.topics import PARTITIONS, REPORTED
from services.processing.api import letters, pages, views, whole
from services.processing.api.cursors import RejectedCursor
from services.processing.api.groups import Groups
from services.processing.api.letters import Reported, Row, Stand, Wanted
from services.processing.api.pages import Search
from services.processing.domain.dossier import Dossier, Retired, decode, encode
from services.processing.domain.line import Position
from services.processing.log.reading import Place
from services.processing.log.records import Record
from tests.unit.fold_world import BIRTH, LIMIT, RULES, Desk, at, event

EVENT = event("completed", "07-01 08:00", id="c1")


# --- pages ------------------------------------------------------------------------------------------------------------


class MemoryTopics:
    """dossier.rejected as lists of records; a reported record was recorded at its offset, in seconds."""

    def __init__(self, rejected: dict[int, list[Record]]) -> None:
        self.rejected = rejected

    @property
    def ends(self) -> dict[int, int]:
        return {number: len(self.rejected.get(number, [])) for number in range(PARTITIONS)}

    def run(self, topic: str, partition: int, start: int, end: int) -> Iterator[Record]:
        assert topic == "dossier.rejected.g1"
        yield from self.rejected.get(partition, [])[start:end]

    def at(self, places: Iterable[Place]) -> dict[Place, Record]:
        found = ((place, self.rejected.get(place.partition, [])[place.offset :][:1]) for place in places)
        return {place: records[0] for place, records in found if records}

    def some(self, topic: str, partition: int, offsets: Iterable[int]) -> dict[int, Record]:
        assert topic == REPORTED.name
        return {offset: Record(offset, offset * instants.SECOND, None, None, []) for offset in offsets}


def letter(offset: int, src: Src, code: str = "id_reused", reported: Event = EVENT) -> Record:
    """A record of dossier.rejected."""
    key, value, headers = to_record(reported)
    told = DeadLetter(code=code, detail="why", src=src, prev=None, key=key, value=value, headers=tuple(headers))
    return Record(offset, 0, key, value, deadletters.to_headers(told))


def all_pages(
    topics: MemoryTopics,
    positions: list[Position | None],
    rows_max: int = 100,
    scan_max: int = 5000,
    wanted: Wanted | None = None,
) -> list[pages.Page]:
    """Every page of the list, from the first to the one without a `next`."""
    cursor: RejectedCursor | None = RejectedCursor()
    found: list[pages.Page] = []
    while cursor is not None:
        search = Search("dossier.rejected.g1", cursor, wanted or Wanted(), positions, rows_max, scan_max)
        found.append(pages.read(topics, search, topics.ends))  # type: ignore[arg-type]  # reads as a Reader does
        assert found[-1].next != cursor
        cursor = found[-1].next
    return found


AT_100 = [Position(offset=100)] * PARTITIONS


@given(
    st.dictionaries(st.integers(0, PARTITIONS - 1), st.lists(st.integers(0, 3), max_size=12), max_size=5),
    st.integers(1, 7), st.integers(1, 9),
)  # fmt: skip
def test_every_letter_is_on_exactly_one_page_in_its_order_whatever_the_sizes(
    lengths: dict[int, list[int]], rows_max: int, scan_max: int
) -> None:
    """Each number n in `lengths` is a reported record with n dead letters."""
    topics, wanted = {}, []
    for partition, counts in lengths.items():
        srcs = [(offset, 0, n) for offset, count in enumerate(counts) for n in range(count)]
        topics[partition] = [letter(place, src) for place, src in enumerate(srcs)]
        wanted += [(partition, src) for src in srcs]
    found = all_pages(MemoryTopics(topics), list(AT_100), rows_max, scan_max)
    assert [(row.partition, row.letter.src) for page in found for row in page.rows] == sorted(wanted)
    assert all(len(page.rows) <= rows_max and page.scanned <= scan_max for page in found)
    assert all(row.recorded_at == row.letter.src[0] * instants.SECOND for page in found for row in page.rows)


@pytest.mark.parametrize("rows_max", [1, 2, 3, 100])
def test_what_was_sent_twice_is_listed_once_also_across_pages(rows_max: int) -> None:
    sent = [(3, 0, 0), (5, 0, 0), (5, 1, 0), (5, 0, 0), (5, 1, 0), (8, 0, 0)]
    topics = MemoryTopics({2: [letter(place, src) for place, src in enumerate(sent)]})
    found = all_pages(topics, list(AT_100), rows_max)
    assert [row.letter.src for page in found for row in page.rows] == [(3, 0, 0), (5, 0, 0), (5, 1, 0), (8, 0, 0)]
    assert [row.offset for page in found for row in page.rows] == [0, 1, 2, 5]


@pytest.mark.parametrize(
    ("position", "listed"),
    [
        (None, []),
        (Position(), []),
        (Position(offset=3), []),
        (Position(offset=4), [(3, 0, 0)]),
        (Position(offset=5, index=1), [(3, 0, 0), (5, 0, 0), (5, 0, 1)]),
        (Position(offset=6), [(3, 0, 0), (5, 0, 0), (5, 0, 1), (5, 1, 0)]),
    ],
)
def test_letters_that_are_not_counted_in_yet_are_left_for_later(position: Position | None, listed: list[Src]) -> None:
    sent = [(3, 0, 0), (5, 0, 0), (5, 0, 1), (5, 1, 0)]
    topics = MemoryTopics({0: [letter(place, src) for place, src in enumerate(sent)], 11: [letter(0, (1, 0, 0))]})
    [page] = all_pages(topics, [position, *AT_100[1:]])
    assert [row.letter.src for row in page.rows] == [*listed, (1, 0, 0)]


def test_a_filter_lets_through_what_it_names_and_a_page_without_any_goes_on() -> None:
    of_b = event("completed", "07-01 08:00", source="/units/B/portal", id="c2")
    codes = [("id_reused", EVENT), ("too_many", EVENT), ("too_many", of_b), ("retired", of_b)]
    topics = MemoryTopics({1: [letter(n, (n, 0, 0), code, reported) for n, (code, reported) in enumerate(codes)]})

    def offsets(wanted: Wanted) -> list[list[int]]:
        return [[row.offset for row in page.rows] for page in all_pages(topics, list(AT_100), 100, 2, wanted)]

    assert offsets(Wanted("too_many")) == [[1], [2]]
    assert offsets(Wanted(None, "B")) == [[], [2, 3]]
    assert offsets(Wanted("too_many", "A")) == [[1], []]
    assert offsets(Wanted("retired", "A")) == [[], []]
    assert offsets(Wanted("no_arrow", "portal")) == [[], []]


def test_a_letter_is_found_by_its_place_alone() -> None:
    key, value, headers = to_record(EVENT)
    topics = MemoryTopics({2: [letter(0, (3, 0, 0)), Record(1, 0, key, value, headers)]})

    def one(partition: int, offset: int) -> Row | None:
        return pages.one(topics, Place("dossier.rejected.g1", partition, offset))  # type: ignore[arg-type]  # as a Reader does

    found = one(2, 0)
    assert found is not None
    assert (found.partition, found.offset, found.letter.src, found.recorded_at) == (2, 0, (3, 0, 0), 3 * instants.SECOND)
    assert [one(2, 1), one(2, 2), one(3, 0), one(PARTITIONS, 0)] == [None] * 4, "no worker's, behind the end, no partition"


# --- groups -----------------------------------------------------------------------------------------------------------

TOLD = st.tuples(
    st.sampled_from(["id_reused", "too_many"]), st.sampled_from(["/units/A", "/units/A/portal", "/units/B", None]),
    st.none() | st.datetimes(datetime(2024, 12, 20), datetime(2026, 1, 10)), st.sampled_from(["rejected", "applied", None]),
)  # fmt: skip


@given(st.lists(TOLD), st.sampled_from([None, "2025-W01", "2025-W27"]))
def test_every_letter_of_the_week_is_in_exactly_one_group(
    told: list[tuple[str, str | None, datetime | None, str | None]], week: str | None
) -> None:
    """Weeks are Vietnam's; a unit is its code whatever its counter; what is not known goes first."""
    groups = Groups(week)
    for code, source, recorded, standing in told:
        record = DeadLetter(code=code, detail="", src=(0, 0, 0), prev=None, key=None, value=None, headers=())
        row = Row(0, 0, record, Reported(source=source))
        at = None if recorded is None else instants.parse(recorded.isoformat() + "+07:00")
        groups.add([(row, Stand(standing, 0, at))])
    rows = [
        (code, "" if source is None else source[7], "" if recorded is None else recorded.strftime("%G-W%V"), standing)
        for code, source, recorded, standing in told
    ]
    counted = Counter(row[:3] for row in rows if week in (None, row[2]))
    standing_now = Counter(row[:3] for row in rows if row[3] == "rejected")
    assert groups.show() == [
        {"code": name[0], "unit": name[1] or None, "week": name[2] or None, "letters": count,
         "rejected_now": standing_now[name]}
        for name, count in sorted(counted.items())
    ]  # fmt: skip


# --- one whole --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value", "value_text"),
    [(b"X", b'{"reason": "h\xe1\xbb\x93 s\xc6\xa1"}', '{"reason": "hồ sơ"}'), (b"", b"\xff\x00", None), (None, None, None)],
)
def test_a_letter_is_told_with_the_bytes_that_were_reported(
    key: bytes | None, value: bytes | None, value_text: str | None
) -> None:
    """Headers in their order, also those of one name, without the four of the dead letter's own."""
    headers = (("ce_id", b"1"), ("odd", b"\xff"), ("ce_id", b""), ("none", None))
    record = DeadLetter(code="too_many", detail="why", src=(7, 0, 0), prev=None, key=key, value=value, headers=headers)
    row = letters.read(3, Record(17, 0, key, value, deadletters.to_headers(record)))
    assert row is not None
    stand = letters.stand(row, None, None, None)
    told = whole.show(row, stand, None)
    assert letters.show(row, stand).items() <= told.items()
    assert [None if told[name] is None else b64decode(told[name]) for name in ("key", "value")] == [key, value]
    assert told["value_text"] == value_text
    assert [(each["name"], each["value"], each["bytes"]) for each in told["headers"]] == [
        ("ce_id", "1", None), ("odd", None, "/w=="), ("ce_id", "", None), ("none", None, None)
    ]  # fmt: skip
    assert told["heals"] == "replay it, once the missing event or annulments have made room in this dossier"


def test_what_has_healed_needs_nothing_and_what_fits_nowhere_what_it_follows_on() -> None:
    desk, record = expired()

    def heals() -> str:
        row = letters.read(0, record)
        assert row is not None
        return str(whole.show(row, letters.stand(row, desk.dossier, desk.clock, RULES), None)["heals"])

    assert heals().startswith("the event that it follows on, `received`, whenever it comes")
    desk.report(event("received", "07-01 09:00"))
    assert heals() == "nothing: it has healed, and stands applied"


def test_what_another_try_has_brought_in_is_not_to_be_replayed() -> None:
    """The record that was rejected stays so; whoever asks what would heal it is told that it has come again."""
    desk, born = Desk(), event("submitted", "07-01 08:00", id="s1", **BIRTH)
    row = letters.read(0, letter(0, (7, 0, 0), "too_many", born))
    assert row is not None

    def heals() -> str:
        since = letters.since(row, desk.dossier, desk.clock, RULES)
        return str(whole.show(row, letters.stand(row, desk.dossier, desk.clock, RULES), since)["heals"])

    assert heals().startswith("replay it")
    desk.report(event("submitted", "07-01 08:00", id="another", **BIRTH))
    assert heals().startswith("replay it")
    desk.report(born)
    assert heals() == "nothing: it has healed, and stands duplicate"


# --- rows -------------------------------------------------------------------------------------------------------------


def shown(record: Record, desk: Desk | None = None, dossier: Dossier | Retired | None = None) -> dict[str, Any]:
    """The row of a record; the dossier is the desk's unless another is given."""
    row = letters.read(0, record)
    assert row is not None
    found = desk.dossier if desk is not None and dossier is None else dossier
    return letters.show(row, letters.stand(row, found, None if desk is None else desk.clock, RULES))


def expired() -> tuple[Desk, Record]:
    """A dossier whose completion came without a reception, and the dead letter that seven days have brought."""
    desk = Desk()
    desk.report(event("submitted", "07-01 08:00", **BIRTH))
    early = event("completed", "07-02 08:00", id="c1")
    desk.report(early)
    desk.tick(at("07-10 00:00"))
    [written] = desk.effects[-1].letters
    return desk, letter(0, (2, 0, 0), written.code, early)


def test_a_misfit_that_was_rejected_and_healed_stands_applied_by_now() -> None:
    desk, record = expired()
    row = shown(record, desk)
    assert (row["code"], row["standing"], row["dossier"], row["fact"]) == ("no_arrow", "rejected", "X", "completed")
    assert row["reported"] == {"partition": 0, "offset": 1}, "the event, not the tick that rejected it"
    assert row["recorded_at"] == "2025-07-02T08:00:00+07:00"
    desk.report(event("received", "07-01 09:00"))
    assert shown(record, desk)["standing"] == "applied"
    desk.report(event("annulled", "07-01 09:00", event="c1", reason="typo"))
    assert shown(record, desk)["standing"] == "annulled"


@pytest.mark.parametrize("heals", [False, True])
def test_of_a_retired_history_its_misfits_stand_for_ever_as_they_stood_at_its_end(heals: bool) -> None:
    desk, record = expired()
    desk.report(event("received", "07-01 09:00") if heals else event("withdrawn", "07-09 09:00"))
    before = shown(record, desk)
    assert desk.clock is not None
    desk.tick(desk.clock + 500 * instants.DAY)
    assert isinstance(desk.dossier, Retired)
    stub = decode("X", encode(desk.dossier))
    assert stub == desk.dossier
    assert isinstance(stub, Retired)
    row = shown(record, dossier=stub)
    names = ("standing", "recorded_at", "reported")
    assert [row[name] for name in names] == [before[name] for name in names]
    assert row["standing"] == ("applied" if heals else "rejected")


@pytest.mark.parametrize("code", ["id_reused", "too_many", "retired", "internal_error"])
def test_what_was_not_kept_stays_rejected_whatever_is_kept_under_its_id(code: str) -> None:
    desk = Desk()
    desk.report(event("received", "07-01 08:00", id="c1", **BIRTH))
    row = shown(letter(0, (7, 0, 0), code), desk)
    assert (row["standing"], row["reported"]["offset"]) == ("rejected", 7)


def test_a_change_that_failed_within_a_tick_names_the_tick_and_its_standing() -> None:
    value, headers = control_record(Ticked(at("07-01 08:00")), "tick-1", "/processing")
    told = DeadLetter(code="internal_error", detail="why", src=(4, 2, 0), prev=None, key=None, value=value,
                      headers=tuple((name, text) for name, text in headers))  # fmt: skip
    row = shown(Record(0, 0, None, value, deadletters.to_headers(told)))
    assert (row["standing"], row["dossier"], row["reported"]) == ("tick", None, {"partition": 0, "offset": 4})


def test_of_an_unreadable_record_only_what_has_its_form_is_shown() -> None:
    name = "Nguyễn Văn A"
    headers = [("ce_id", name.encode() * 9), ("ce_source", f"/units/19753/{name}".encode()), ("ce_subject", name.encode()),
               ("ce_time", b"9999-12-31T23:59:59Z"), ("ce_type", name.encode())]  # fmt: skip
    told = DeadLetter(code="invalid_envelope", detail="why", src=(4, 0, 0), prev=None, key=None, value=name.encode(),
                      headers=tuple(headers))  # fmt: skip
    row = shown(Record(0, 0, None, told.value, deadletters.to_headers(told)))
    assert row["standing"] == "rejected"
    assert [row[each] for each in ("dossier", "source", "id", "fact", "occurred_at")] == [None] * 5
    assert name not in msgspec.json.encode(row).decode()


def test_a_record_that_no_worker_wrote_is_no_row() -> None:
    key, value, headers = to_record(EVENT)
    assert letters.read(0, Record(0, 0, key, value, headers)) is None
    assert letters.read(0, Record(0, 0, None, None, [])) is None


# --- one dossier ------------------------------------------------------------------------------------------------------


def test_every_kept_event_of_a_dossier_is_told_in_exactly_one_list() -> None:
    desk = Desk()
    for fact, when, more in (
        ("submitted", "07-01 08:00", BIRTH),
        ("received", "07-01 09:00", {"time_limit": LIMIT}),
        ("received", "07-01 09:05", {}),
        ("processing_started", "07-01 10:00", {}),
        ("payment_made", "07-01 10:30", {"id": "alone"}),
        ("completed", "07-01 11:00", {"id": "typo"}),
        ("annulled", "07-01 11:30", {"id": "a1", "event": "typo", "reason": "wrong_dossier"}),
        ("annulled", "07-01 11:31", {"id": "a2", "event": "typo", "reason": "wrong_dossier"}),
    ):
        desk.report(event(fact, when, **more))
    desk.tick(at("07-01 12:00"))
    assert isinstance(desk.dossier, Dossier)
    told = views.dossier_answer((desk.dossier, desk.clock, RULES))
    by_list = {name: [each["fact"] for each in told[name]]
               for name in ("history", "misfits", "annulled", "annulments", "repeats")}  # fmt: skip
    assert by_list == {
        "history": ["submitted", "received", "processing_started"],
        "misfits": ["payment_made"],
        "annulled": ["completed"],
        "annulments": ["annulled"],
        "repeats": ["received", "annulled"],
    }
    [annulment] = told["annulments"]
    assert (annulment["event"], annulment["reason"]) == ("typo", "wrong_dossier")
    assert (told["code"], told["state"], told["due_current"]) == ("X", 4, "2025-07-04T09:00:00+07:00")


def test_an_event_of_the_last_days_that_have_a_text_is_shown_to_expire_on_the_last_of_them() -> None:
    desk = Desk()
    desk.report(event("completed", instants.parse("9999-12-28T00:00:00+07:00")))
    assert isinstance(desk.dossier, Dossier)
    judged = (desk.dossier, desk.clock, RULES)
    [row] = views.parked_rows([(0, "X")], {(0, "X"): judged}, None, 9)[0]
    [misfit] = views.dossier_answer(judged)["misfits"]
    assert row["expires_at"] == misfit["expires_at"] == "9999-12-31T23:59:59+07:00"


def test_parked_rows_stop_between_dossiers_and_leave_out_what_has_expired_or_is_of_others() -> None:
    def waiting(code: str, *sources: str) -> Dossier:
        desk = Desk()
        for source in sources:
            desk.report(event("completed", "07-02 08:00", source=source))
        assert isinstance(desk.dossier, Dossier)
        return Dossier(code, desk.dossier.kept)

    found = [(0, "P"), (0, "Q"), (3, "R")]
    clock = at("07-03 00:00")
    judged = {
        (0, "P"): (waiting("P", "/units/A", "/units/B"), clock, RULES),
        (0, "Q"): (waiting("Q", "/units/A"), at("07-09 08:00"), RULES),
        (3, "R"): (waiting("R", "/units/A/portal"), clock, RULES),
    }

    def rows(unit: str | None, rows_max: int) -> tuple[list[tuple[str, str]], int]:
        shown, seen = views.parked_rows(found, judged, unit, rows_max)
        return [(row["dossier"], row["source"]) for row in shown], seen

    assert rows(None, 1) == ([("P", "/units/A"), ("P", "/units/B")], 1)
    assert rows(None, 3) == ([("P", "/units/A"), ("P", "/units/B"), ("R", "/units/A/portal")], 3)
    assert rows("A", 9) == ([("P", "/units/A"), ("R", "/units/A/portal")], 3)
    assert rows("B", 1) == ([("P", "/units/B")], 1)
    assert rows("D", 1) == ([], 3)
