"""Dossiers from before the period: an invented month in which more is resolved than received comes out of the real fold."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contracts import reference_files
from lab import verdict
from lab.errors import FactsError, UnsolvableError
from lab.fortnight import facts as published
from lab.fortnight import writing
from tests.unit import plain_recount as plain
from tests.unit.lab_folded import Folded

pytestmark = pytest.mark.slow

REFERENCE = Path(__file__).resolve().parents[2] / "deploy" / "reference"
INVENTED = Path(__file__).with_name("facts") / "invented-2025-09.toml"
FIRST, EVE, LAST = date(2025, 9, 1), "2025-08-31", "2025-09-30"
ENDS = {"completed", "returned", "withdrawn", "halted", "supplement_lapsed"}


def test_a_month_that_resolves_more_than_it_receives_comes_out_of_the_fold() -> None:
    """Every fact is equal, no event is a misfit, and what was carried over counts as received in August alone."""
    facts = published.read(INVENTED)
    for seed in (1, 2):
        reported = writing.fortnight(facts, REFERENCE, seed)
        folded = Folded(reported, facts, REFERENCE)
        assert set(folded.outcomes) == {"applied", "tick", "control"}
        units = [unit.code for unit in reference_files.read(REFERENCE).units]
        answers = {"": folded.answer(units, str(FIRST), LAST), "before": folded.answer(units, "2000-01-01", EVE)}
        rows = verdict.rows(facts, answers)
        assert [row for row in rows if not row.equal] == []
        assert len(rows) == len(facts.facts)
        assert answers[""]["total"]["counters"]["completed"] > answers[""]["total"]["counters"]["received"]
        assert answers["before"]["total"]["counters"]["completed"] == 0
        # Entered on paper, a reception of the last day may reach the city in the period only.
        assert 250 <= sum(folded.open_before.values()) <= 260
        assert 0 < folded.overdue_before < 100
        assert folded.open_before["20056"] >= 9


def test_what_is_carried_over_was_open_and_ends_on_either_side_of_its_due() -> None:
    """By a recount of raw events: received at working times of the days before, nothing ended then, some never end."""
    lives = plain.dossiers(each.event for each in writing.fortnight(published.read(INVENTED), REFERENCE, 1))
    limits = plain.catalogue()
    told: Counter[Any] = Counter()
    for events in lives.values():
        received = next((plain.time_of(event) for event in events if plain.fact_of(event) == "received"), None)
        if received is None or received.date() >= FIRST:
            assert all(plain.time_of(event).date() >= FIRST for event in events)
            continue
        assert plain.works(received.date())
        assert plain.worked(received, received.replace(hour=23)) > plain.worked(received, received)
        assert not [event for event in events if plain.fact_of(event) in ENDS and plain.time_of(event).date() < FIRST]
        told[plain.in_time(events, limits)] += 1
        told[events[0]["data"]["channel"]] += 1
        told["for long"] += (FIRST - received.date()).days > 14
        told["taken up before"] += any(
            plain.fact_of(event) == "processing_started" and plain.time_of(event).date() < FIRST for event in events
        )
    assert told[True] + told[False] + told[None] == 260
    assert min(told[True], told[False], told[None], told["online"], told["direct"], told["for long"]) > 10
    assert told["taken up before"] > 150


def _changed(*changes: tuple[str, str | None, dict[str, Any]]) -> published.Facts:
    facts = published.read(INVENTED)
    told = list(facts.facts)
    for what, unit, change in changes:
        number = next(number for number, fact in enumerate(told) if (fact.what, fact.unit) == (what, unit))
        told[number] = msgspec.structs.replace(told[number], **change)
    return msgspec.structs.replace(facts, facts=told)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        # 700 and 260 are 960, of which 961 cannot be completed.
        ([("completed", None, {"count": 961})],
         ["carried over from before, all units: 260", "received, all units: 700", "completed, all units: 961"]),
        ([("carried_over", "19753", {"count": 261})],
         ["carried over from before, all units: 260", "carried over from before, unit 19753: 261"]),
        # 48, 5 and 9 were there before, to complete what is said to be completed.
        ([("carried_over", None, {"count": 61})],
         ["carried over from before, all units: 61", "received, unit 19753: 70, the most", "completed, unit 19753: 118",
          "received, unit 20056: 0", "completed in time, unit 20056: 5 of 9",
          "completed in time, unit 19804: 25 of 25, the best share", "received, unit 19804: 20"]),
        ([("completed", "19753", {"count": 132})],
         ["carried over from before, unit 19753: 61", "received, unit 19753: 70, the most", "completed, unit 19753: 132"]),
    ],
)  # fmt: skip
def test_what_cannot_have_been_there_before_is_named(changes: Any, named: list[str]) -> None:
    with pytest.raises(UnsolvableError, match="these facts contradict each other: ") as wrong:
        writing.planned(_changed(*changes), REFERENCE, 1)
    assert sorted(str(wrong.value).partition(": ")[2].split("; ")) == sorted(named)


def test_the_first_day_of_all_has_nothing_before_it() -> None:
    """Huế's units exist since 1 July 2025: nothing can have been carried over into that day, and it is said so."""
    facts = published.read(published.HUE_2025_07)
    fact = published.Fact(what="carried_over", count=5)
    with pytest.raises(UnsolvableError, match="no working day before 2025-07-01 is known to carry anything over"):
        writing.planned(msgspec.structs.replace(facts, facts=[*facts.facts, fact]), REFERENCE, 1)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('what = "carried_over"\nunit = "19774"\ncount = 3\nday = 2025-09-03', "there when the period begins, not on a day"),
        ('what = "carried_over"\nunit = "19774"\npercent = "3"', "was carried over from before is a count, not a share"),
        ('what = "completed"\nunit = "19774"\ncount = 3\nof = 4', "was completed is a count, not a share"),
        ('what = "completed"\nunit = "19774"\ncount = 3\nday = 2025-09-03', "planned for the period as a whole"),
        ('what = "completed"\nunit = "19774"\ncount = 3\nrank = "best"', "who leads is said of what was received"),
    ],
)
def test_a_slip_about_what_was_before_is_said(line: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "facts.toml"
    path.write_text(INVENTED.read_text(encoding="utf-8").replace("[assumed]", f"[[facts]]\n{line}\n\n[assumed]", 1))
    with pytest.raises(FactsError, match=sentence):
        published.read(path)
