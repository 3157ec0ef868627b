"""The verdict on a run of faults can fail: each way in which a figure may be wrong is found, and a run too short is."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.faults import oracle, report
from tests.faults.coming import Arrival, Identity, identity
from tests.faults.injecting import Suffered
from tests.faults.journal import Journal, complaints, injected
from tests.faults.kinds import KINDS
from tests.faults.load import load, without_recordedtime
from tests.faults.rounds import Outcome
from tests.faults.verdict import Verdict, against_archive, against_figures, of_audit, unlike

SECOND, LATE = timedelta(seconds=1), ("late_by_link", "late_entry")
LOAD = load(1, 0, dossiers_per_unit=4)
RAWS = [each.event for batch in LOAD.batches for each in batch.events]
STANDS = oracle.standings(RAWS)
CLOCK = datetime.fromtimestamp(LOAD.ticks[-1] / 1_000_000, UTC)


def came(raws: Sequence[bytes], records: int = 1, clock: datetime | None = None) -> dict[Identity, Arrival]:
    """Each event so many times in the archive, when the log clock stood there; entered when it says."""
    return {identity(raw): Arrival(records, clock, None) for raw in raws}


WANTED = oracle.figures(STANDS, RAWS, CLOCK, came(RAWS, records=2, clock=CLOCK), {})
CLEAN = Verdict(events=10, dossiers=3, lost=0, double=0, counters=100, unequal=0, wrong=0, audit="clean")


def shown() -> dict[str, list[dict[str, Any]]]:
    """What a system that counts right would show."""
    rows: dict[str, list[dict[str, Any]]] = {"receiver": [], "competent": []}
    for (role, unit), counters in WANTED.items():
        rows[role].append({"unit": unit, "counters": dict(counters)})
    return rows


def test_equal_is_equal() -> None:
    """Every counter that is not 0 in one of both, what the way of events decides among them."""
    told = set().union(*WANTED.values())
    assert {"duplicates", "late_by_link"} <= told
    compared, lack, excess, said = against_figures(WANTED, shown())
    assert compared > 50
    assert (lack, excess, said) == (0, 0, [])
    assert against_archive(RAWS, Counter(identity(raw) for raw in RAWS)) == (0, 0)


@pytest.mark.parametrize("by", [-1, 1])
def test_each_counter_that_is_off_by_one_is_found(by: int) -> None:
    """In every unit and role, and which of the two it is: lost or double."""
    for role, units in shown().items():
        for row in units:
            for name in row["counters"]:
                altered = shown()
                next(each for each in altered[role] if each["unit"] == row["unit"])["counters"][name] += by
                _, lack, excess, said = against_figures(WANTED, altered)
                assert (lack, excess) == ((1, 0) if by < 0 else (0, 1))
                assert name in said[0]


def test_events_that_vanish_or_come_from_nowhere_are_found() -> None:
    """By identity, however often the archive holds each."""
    held = Counter(identity(raw) for raw in [*RAWS, *RAWS])
    del held[identity(RAWS[3])]
    held["/units/19753", "again", "nobody"] += 1
    assert against_archive(RAWS, held) == (1, 1)


def test_another_state_or_due_is_found() -> None:
    """Of each dossier, by a minute."""
    for stand in STANDS.values():
        told = {
            "state": stand.shown_state,
            "due_original": None if stand.original is None else stand.original.at.isoformat(),
            "due_current": None if stand.current is None else stand.current.at.isoformat(),
        }
        assert unlike(stand, told) is None
        assert unlike(stand, {**told, "state": 0}) is not None
        assert unlike(stand, {}) is not None
        for name, due in (("due_original", stand.original), ("due_current", stand.current)):
            other = None if due is None else (due.at + timedelta(minutes=1)).isoformat()
            assert unlike(stand, {**told, name: other or "2025-07-01T17:00:00+07:00"}) is not None


def total(figures: oracle.Figures, name: str) -> int:
    return sum(counters[name] for (role, _), counters in figures.items() if role == "receiver")


def test_a_record_beyond_the_first_is_a_duplicate_of_its_source() -> None:
    """Also of an event that nobody handed in; a first one is none."""
    found = came(RAWS)
    assert total(oracle.figures(STANDS, RAWS, CLOCK, found, {}), "duplicates") == 0
    source, event, subject = identity(RAWS[0])
    found[source, event, subject] = Arrival(3, None, None)
    found["/units/19777/points/1", "foreign", subject] = Arrival(2, None, None)
    told = oracle.figures(STANDS, RAWS, CLOCK, found, {})
    for role in ("receiver", "competent"):
        assert told[role, source.split("/")[2]]["duplicates"] == 2
        assert told[role, "19777"]["duplicates"] == 1


def test_a_completion_in_time_that_came_late_is_told_apart_by_when_it_was_entered() -> None:
    """By the log clock before its record, which must have passed the due; each under the body competent at completion."""
    in_time = {stand.in_time[0]: (stand, stand.in_time[1]) for stand in STANDS.values() if stand.in_time is not None}
    assert len(in_time) > 5
    raws = [raw for raw in RAWS if identity(raw) in in_time]
    for raw in raws:
        event, (stand, due) = identity(raw), in_time[identity(raw)]
        told = json.loads(raw)
        for clock, entered, name in (
            (None, due, None), (due, due, None),
            (due + SECOND, due, "late_by_link"), (due + SECOND, due + SECOND, "late_entry"),
        ):  # fmt: skip
            other = json.dumps({**told, "recordedtime": entered.isoformat()}).encode()
            some = [other if identity(each) == event else each for each in RAWS]
            figures = oracle.figures(STANDS, some, CLOCK, {**came(RAWS), event: Arrival(1, clock, None)}, {})
            assert [total(figures, each) for each in LATE] == [int(each == name) for each in LATE]
            if name is not None:
                assert figures["competent", stand.completion[0][1]][name] == 1
    assert total(oracle.figures(STANDS, RAWS, CLOCK, came(RAWS), {}), "late_entry") == 0


def test_a_time_of_entry_that_is_left_to_an_edge_is_what_its_clock_can_have_said() -> None:
    """An edge that corrects its clock, or says the right time while it is off, is found: it would turn `backdated`."""
    bare = [without_recordedtime(raw) for raw in RAWS]
    times = {identity(raw): datetime.fromisoformat(json.loads(raw)["time"]) for raw in RAWS}
    annulled, months = total(WANTED, "annulled"), timedelta(days=400)

    def backdated(off: timedelta, said: timedelta) -> int:
        """Its clock was so far from each event's time, and it said so much."""
        found = {event: Arrival(1, None, at + said) for event, at in times.items()}
        between = {event: (at + off, at + off + SECOND) for event, at in times.items()}
        return total(oracle.figures(STANDS, bare, CLOCK, found, between), "backdated")

    everything = len(RAWS) - annulled
    hour = timedelta(minutes=60)
    assert (backdated(hour - SECOND, hour), backdated(hour, hour + SECOND)) == (0, everything)
    assert backdated(timedelta(), months) == 0, "the right time is none that its clock has said"
    assert backdated(months, timedelta()) == everything


def test_an_audit_that_broke_off_found_no_differences() -> None:
    """Nor does it pass: by its own word, or by an exception, which ends a program with 1."""
    assert of_audit(0, "") == ("clean", [])
    assert of_audit(1, "ok    a\nFAIL  b   c\n") == ("differences", ["FAIL b c"])
    assert of_audit(2, "ok    a\nFAIL  b\nwhy") == ("no verdict", ["ok a", "FAIL b", "why"])
    assert of_audit(1, "Traceback\nKeyError") == ("no verdict", ["Traceback", "KeyError"])
    assert of_audit(-9, "") == ("no verdict", [])


def outcome(number: int, verdict: Verdict | None = CLEAN) -> Outcome:
    """A round that suffered each kind once."""
    suffered = tuple(Suffered(kind.name, alone=number % 2 == 0, recovered_seconds=1.0 + number) for kind in KINDS)
    failed = None if verdict else "slot 3, no figures"
    return Outcome(1, number, 60.0, suffered, verdict, failed, load=1.0 + number, commit="abc1234")


def test_a_run_with_fewer_faults_than_promised_fails() -> None:
    """In all, or of one kind; only those of rounds that came to a verdict count."""
    enough = [outcome(number) for number in range(30)]
    assert complaints(enough, 26, 1000, 25) == []
    assert len(complaints(enough[:28], 26, 1000, 25)) == 1, "too few in all"
    assert any(
        "promised" in each for each in complaints([*enough[:20], *(outcome(n, None) for n in range(20, 30))], 26, 1, 25)
    )
    for verdict in (
        Verdict(10, 3, 1, 0, 100, 0, 0, "clean"), Verdict(10, 3, 0, 1, 100, 0, 0, "clean"),
        Verdict(10, 3, 0, 0, 100, 1, 0, "clean"), Verdict(10, 3, 0, 0, 100, 0, 1, "clean"),
        Verdict(10, 3, 0, 0, 100, 0, 0, "differences"), Verdict(10, 3, 0, 0, 100, 0, 0, "no verdict"),
    ):  # fmt: skip
        assert len(complaints([*enough, outcome(30, verdict)], 26, 1000, 25)) == 1


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Also when its last line was cut off; rounds without a verdict are played again."""
    journal = Journal(tmp_path, 1)
    journal.add(outcome(0))
    journal.add(outcome(1, None))
    journal.add(outcome(2))
    with journal.file.open("a") as opened:
        opened.write(json.dumps({"seed": 1})[:-3])
    again = Journal(tmp_path, 1)
    assert again.outcomes == journal.outcomes
    assert again.played == {0, 2}
    again.add(outcome(1))
    assert Journal(tmp_path, 1).played == {0, 1, 2}
    assert (Journal(tmp_path, 1).commits, Journal(tmp_path, 2).commits) == ({"abc1234"}, set())
    assert Journal(tmp_path, 2).played == set()


def test_the_table_says_what_was_measured(tmp_path: Path) -> None:
    """Between its markers, and nothing else of the page."""
    outcomes = [outcome(number) for number in range(4)]
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nwhat stood here\n{report.END}\nafter\n")
    report.put(
        page, report.table(outcomes, 26, "a proxy", datetime(2026, 11, 26, 3, 0, tzinfo=UTC), ["round 9: no verdict"])
    )
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "what stood here" not in text
    assert f"**{injected(outcomes).total()} faults of {len(KINDS)} kinds" in text
    assert "round 9: no verdict" in text
    assert "load over 15 minutes 1.0 to 4.0, lines by a proxy, commit abc1234." in text
    [row] = [line for line in text.splitlines() if line.startswith("| FLUSHALL ")]
    assert row == "| FLUSHALL | 4 | 0 | 0 | 2.0 | 3.0 | 3.0 | 3.0 | 4.0 |"
