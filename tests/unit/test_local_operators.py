"""What the operators' tool decides about settings, files, topics and an archive's opening, before it touches anything."""

import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import ValidationError, json

from contracts import instants, reference, topics
from contracts.events import Activated, Control, Event, Opened, Ticked
from contracts.heartbeats import Heartbeat, Kept
from contracts.reference import Calendar, Reference, Unit
from deploy.operators import acts, log, main
from deploy.operators.archive import plan
from deploy.operators.errors import ForeignArchiveError, KafkaUnavailableError, OtherClockError, OtherClusterError
from deploy.operators.log import RECORD_BYTES_MAX, Log, retired
from deploy.operators.topics import Found, differences

SHIPPED = Path(__file__).parents[2] / "deploy/reference"
OPENED = Opened(clock="wall", cluster="c1")


def test_an_empty_archive_gets_both_records_in_each_partition() -> None:
    opening = plan({0: (), 1: ()}, OPENED, "d1")
    assert opening.missing == {0: (OPENED, Activated("d1")), 1: (OPENED, Activated("d1"))}


def test_an_open_archive_gets_nothing_also_when_the_files_have_changed() -> None:
    begun = (OPENED, Activated("d1"))
    opening = plan({0: begun, 1: begun}, OPENED, "d2")
    assert opening.missing == {}
    assert opening.digest == "d1"


def test_an_opening_that_was_cut_short_is_finished_with_the_rules_it_began_with() -> None:
    opening = plan({0: (), 1: (OPENED,), 2: (OPENED, Activated("d1"))}, OPENED, "d2")
    assert opening.missing == {0: (OPENED, Activated("d1")), 1: (Activated("d1"),)}


@pytest.mark.parametrize("first", [None, Ticked(0), Activated("d1")])
def test_a_topic_that_begins_with_anything_else_is_refused(first: Control | Event | None) -> None:
    with pytest.raises(ForeignArchiveError, match=r"dossier\.reported\[1\] holds at offset 0"):
        plan({0: (), 1: (first,)}, OPENED, "d1")


def test_a_second_record_that_is_no_activation_is_refused() -> None:
    with pytest.raises(ForeignArchiveError, match="at offset 1 a control record"):
        plan({0: (OPENED, Ticked(0))}, OPENED, "d1")


def test_the_other_clock_and_another_cluster_are_refused() -> None:
    with pytest.raises(OtherClockError, match="driven by CLOCK=wall for ever"):
        plan({0: (OPENED,)}, Opened(clock="log", cluster="c1"), "d1")
    with pytest.raises(OtherClusterError, match="opened in cluster c1 and this is cluster c2"):
        plan({0: (OPENED,)}, Opened(clock="wall", cluster="c2"), "d1")


def test_nothing_is_written_anywhere_when_one_partition_is_wrong() -> None:
    with pytest.raises(ForeignArchiveError):
        plan({0: (), 11: (Ticked(0),)}, OPENED, "d1")


def test_a_topic_as_the_contract_says_has_no_difference() -> None:
    for wanted in topics.all_topics(1):
        more = {**wanted.settings, "segment.bytes": "1073741824"}
        assert differences(wanted, Found(wanted.partitions, frozenset({3}), more), 3) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "dossier.reported does not exist"),
        (Found(6, frozenset({3}), topics.REPORTED.settings), "dossier.reported has 6 partitions instead of 12"),
        (Found(12, frozenset({1, 3}), topics.REPORTED.settings), "dossier.reported has 1 replicas instead of 3"),
        (
            Found(12, frozenset({3}), {**topics.REPORTED.settings, "retention.ms": "604800000"}),
            "dossier.reported has retention.ms=604800000 instead of -1",
        ),
    ],
)
def test_every_difference_is_named(found: Found | None, said: str) -> None:
    assert differences(topics.REPORTED, found, 3) == [said]


def test_a_setting_that_cannot_be_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MOTCUA_CLOCK", "sun")
    assert main.main(["check"]) == 1
    assert capsys.readouterr().err.startswith("MOTCUA_CLOCK is set to something that it cannot be: Input should be 'wall'")


def test_the_check_says_from_when_on_days_off_are_estimates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With those of the first such year, to be compared with its announcement; also where the file does not say so.

    A later day of the file's own is no estimate.
    """
    directory = shutil.copytree(SHIPPED, tmp_path / "reference")
    file = directory / "calendar.toml"
    file.write_text(file.read_text().replace("[days_off]", '[days_off]\n"2027-01-04" = "bão"\n"2027-11-23" = "bão"'))
    line = next(line for line in file.read_text().splitlines() if line.startswith("announced_until"))
    said = {
        'announced_until = "2026-12-31"': "after 2026-12-31 are estimates until calendar.toml has the announced ones; "
        "the next: 2027-01-01, 2027-02-04, ",
        'announced_until = "2027-09-02"': "ones; the next: 2027-09-03, 2027-11-24\n",
        'announced_until = "2040-12-31"': "until calendar.toml has the announced ones\n",
        "": "calendar.toml has no announced_until",
    }
    told = set()
    for other, sentence in said.items():
        file.write_text(file.read_text().replace(line, other))
        line = other or line
        assert main.main(["check", str(directory)]) == 0
        first, second, _ = capsys.readouterr().out.splitlines(keepends=True)
        assert sentence in second
        told.add(first)
    assert len(told) == 1, "no digest differs"


def test_files_that_make_too_large_a_body_are_refused_by_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its size and the bound."""
    monkeypatch.setattr(acts, "BODY_BYTES_MAX", 1_000)
    assert main.main(["check"]) == 1
    told = capsys.readouterr().err
    assert "bytes, and one has at most 1,000." in told
    assert told.count("\n") == 1


def test_a_record_that_the_client_does_not_take_is_one_sentence() -> None:
    with pytest.raises(KafkaUnavailableError, match=r"could not store records: .*too large"):
        Log("127.0.0.1:1").publish("digest", bytes(RECORD_BYTES_MAX))


def _published(*codes: str) -> bytes:
    bodies = [Unit(code=code, name=code, kind="ward", hours="default", valid_from="2025-07-01") for code in codes]
    calendar = Calendar(profiles={}, days_off={}, make_up_days={})
    return reference.encode(Reference(units=bodies[:1], departments=bodies[1:], procedures=[], calendar=calendar))


@pytest.mark.parametrize(
    ("former", "added"), [("d1", {"c", "d"}), ("d2", set()), ("d3", set()), ("gone", set()), ("odd", set()), (None, set())]
)
def test_codes_are_new_where_the_rules_before_are_known_to_lack_them(former: str | None, added: set[str]) -> None:
    bodies = {"d1": _published("a", "b"), "d2": _published("a", "c", "d"), "d3": _published("d", "c", "a"), "odd": b"{}"}
    assert acts._added(bodies, former, "d2") == added


@pytest.mark.parametrize(
    ("former", "arguments", "refused"),
    [("theirs", [], "(c, d)"), ("theirs", ["--really"], ""), ("ours", [], ""), ("odd", [], ""), (None, [], "")],
)
def test_files_of_another_place_are_not_activated_unless_that_is_meant(
    former: str | None,
    arguments: list[str],
    refused: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """They lack units that rule; nothing is published then. Nobody is kept from it where nobody says what rules, or its
    codes cannot be read: a line says that they are not compared."""
    ours = _published("a", "b")
    bodies = {"theirs": _published("a", "c", "d"), "ours": ours, "odd": b"{}"}
    done: list[object] = []
    monkeypatch.setattr(acts, "files", lambda _: reference.decode(ours))
    monkeypatch.setattr(acts, "estimates", lambda *_: "")
    monkeypatch.setattr(acts, "_in_force", lambda _: former)
    monkeypatch.setattr(acts, "publish", lambda *told: done.append(told))
    monkeypatch.setattr(acts, "_let_rule", lambda *_: acts.Activation("d1", {}))
    monkeypatch.setattr(Log, "wait", lambda *_: None)
    monkeypatch.setattr(Log, "bodies", lambda _: bodies)
    assert main.main(["activate", "--no-wait", *arguments]) == bool(refused)
    assert (done == []) is bool(refused)
    told = capsys.readouterr()
    assert refused in told.err
    assert ("codes the rules in force know: they are not compared" in told.out) is (former in (None, "odd"))


def test_an_activation_names_the_rules_that_it_replaces(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By these the way back goes."""
    for former, said in (("d0", "partitions; before, d0 ruled"), (None, "partitions")):
        monkeypatch.setattr(acts, "activate_digest", lambda *_, former=former: acts.Activation("d1", {}, former=former))
        assert main.main(["activate", "--no-wait", "--digest", "d1"]) == 0
        assert capsys.readouterr().out.rstrip().endswith(said)


@pytest.mark.parametrize(("number", "said"), [(0, ""), (1, "codes 0: each"), (7, "codes 0, 1, 2, 3, 4 and 2 more: each")])
def test_an_activation_ends_with_what_new_codes_need(
    number: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = acts.Activation("d1", {}, frozenset(str(each) for each in range(number)))
    monkeypatch.setattr(acts, "activate_files", lambda *_: told)
    assert main.main(["activate", "--no-wait"]) == 0
    estimates, first, *more = capsys.readouterr().out.splitlines()
    assert estimates.startswith("days off after 2")
    assert first.startswith("rules d1 are activated")
    assert len(more) == (number > 0)
    assert said in "".join(more)
    assert all("the one that speaks for every centre" in line for line in more)


FORMER, PRESENT = "0197c000-0000-7000-8000-000000000001", "0197c000-0000-7000-8000-000000000002"
NOON = instants.parse("2026-01-05T12:00:00+07:00")


def packed(incarnation: str, *aside: int, at: str = "2026-01-05T09:00:00+07:00", unsent: int = 0) -> bytes:
    beat = Heartbeat(
        source="/units/19753", incarnation=incarnation, at=at, spool_depth=unsent,
        oldest_unsent_age_seconds=0.0, quarantined_sequences=list(aside),
    )  # fmt: skip
    return json.encode(beat)


def test_of_an_edge_that_is_gone_the_newest_heartbeat_of_its_newest_store_is_kept() -> None:
    """Audit knows from it what intake had refused; of one that never said anything nothing is kept."""
    values = [packed(PRESENT), packed(PRESENT, 4, 5), b"no heartbeat", None, packed(FORMER, 9)]
    kept = retired(values, NOON).kept
    assert kept is not None
    assert (kept.incarnation, kept.quarantined_sequences, kept.retired) == (PRESENT, [4, 5], True)
    assert retired([*values, json.encode(kept)], NOON).kept == kept
    again = retired([*values, json.encode(kept), packed(FORMER, 9)], NOON).kept
    assert again is not None
    assert again.quarantined_sequences == [9], "heard again: a machine that sorts before the former"
    with pytest.raises(ValidationError, match="retired"):
        json.decode(json.encode(kept), type=Heartbeat)  # as intake reads one: no edge can say it of itself
    assert retired([b"no heartbeat", None], NOON) == (None, 0, 0, False)
    deep = packed(PRESENT)[:-1] + b',"of_tomorrow":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert retired([values[1], deep], NOON) == (kept, 2, 0, True)


def test_an_edge_is_asked_for_by_the_heartbeat_that_holds_for_audit_and_by_the_last_to_arrive() -> None:
    """One came late; one was said by a clock that has been put right since."""
    newest = packed(PRESENT, at="2026-01-05T09:00:30+07:00", unsent=12)
    for later in (packed(PRESENT, 4), packed(FORMER, 4)):
        left = retired([newest, later], NOON)
        assert left.kept is not None
        assert (left.kept.spool_depth, left.aside, left.unsent) == (12, 1, 12)
    ahead = packed(PRESENT, at="2027-01-05T09:00:00+07:00", unsent=12)
    assert retired([ahead, packed(PRESENT, 4)], NOON)[1:] == (1, 0, False)


def keep(values: list[bytes], source: str, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Has centre.status hold these values; what will be written to it."""
    records = [SimpleNamespace(key=source.encode, value=lambda value=value: value) for value in values]
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(log, "_Reading", lambda _: nullcontext())
    monkeypatch.setattr(Log, "_bounds", lambda *_: (0, len(records)))
    monkeypatch.setattr(Log, "_read", lambda _self, _consumer, _topic, ends: dict.fromkeys(ends, records))
    monkeypatch.setattr(Log, "_append", lambda _self, rows: written.extend(rows))
    return written


@pytest.mark.parametrize("values", [[b"no heartbeat"], [packed(PRESENT), b"no heartbeat"]])
def test_an_edge_whose_last_heartbeat_cannot_be_read_is_retired_only_if_that_is_meant(
    values: list[bytes], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = keep(values, "/units/19753", monkeypatch)
    assert main.main(["retire-edge", "/units/19753"]) == 1
    assert written == []
    assert "its last heartbeat cannot be read here" in capsys.readouterr().err
    assert main.main(["retire-edge", "/units/19753", "--really"]) == 0
    out = capsys.readouterr().out
    assert "its last heartbeat cannot be read here" in out
    assert "nothing was ever heard" not in out
    assert [row["value"] is None for row in written] == [len(values) == 1]


def test_of_an_edge_that_never_said_anything_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep([], "/units/19753", monkeypatch)
    assert main.main(["retire-edge", "/units/19753"]) == 0
    assert "nothing was ever heard of it" in capsys.readouterr().out


@pytest.mark.parametrize(("aside", "unsent"), [(2, 0), (0, 12), (2, 12), (0, 0)])
def test_an_edge_with_events_that_no_figure_has_is_retired_only_if_that_is_meant(
    aside: int, unsent: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = "/units/19753"
    written = keep([packed(FORMER, *range(1, aside + 1), unsent=unsent)], source, monkeypatch)
    is_whole = not aside and not unsent
    assert main.main(["retire-edge", source]) == (0 if is_whole else 1)
    assert len(written) == is_whole
    if not is_whole:
        assert f"{aside} events lie aside there that intake refused, and {unsent} are unsent" in capsys.readouterr().err
        assert main.main(["retire-edge", source, "--really"]) == 0
    out = capsys.readouterr().out
    assert f"{aside} events lay aside there and {unsent} were unsent" in out
    assert (f"\nMOTCUA_AUDIT_GIVEN_UP={source}@{FORMER}=1-2\n" in out) == (aside > 0)
    assert [json.decode(row["value"], type=Kept).retired for row in written] == [True]
