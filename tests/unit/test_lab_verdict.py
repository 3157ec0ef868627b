"""The demo's table: a row is equal only if the system's own counters say what was published, and nobody comes close."""

import copy
from datetime import date
from typing import Any

import msgspec
import pytest

from lab.fortnight.facts import HUE_2025_07, Fact, read
from lab.verdict import Row, rows, table

FACTS = read(HUE_2025_07)


def unit(code: str, received: int, online: int, in_time: int = 0, completed: int = 0) -> dict[str, Any]:
    return {
        "unit": code,
        "name": code,
        "counters": {
            "received": received,
            "received_online": online,
            "completed": completed + 1,
            "completed_without_due": 1,
            "completed_early": in_time // 3,
            "completed_on_time": in_time - in_time // 3,
        },
        "rates": {"online": rate(online, received), "on_time": rate(in_time, completed)},
    }


def rate(part: int, whole: int) -> dict[str, Any]:
    return {"numerator": part, "denominator": whole, "percent": round(100 * part / whole, 2) if whole else None}


PERIOD = {
    "units": [
        unit("19753", 1758, 900, 90, 100),
        unit("19804", 402, 200, 309, 338),
        unit("19942", 493, 491),
        unit("1", 0, 0),
    ],
    "total": unit("", 17_710, 13_420),
}
DAY = {"units": [unit("19789", 203, 203)], "total": unit("", 3_425, 3_254)}


def verdict(change: Any = None) -> list[Row]:
    answers = {"": copy.deepcopy(PERIOD), "2025-07-14": copy.deepcopy(DAY)}
    if change is not None:
        change(answers)
    return rows(FACTS, answers)


def test_figures_as_published_are_equal() -> None:
    """13,420 of 17,710 is 75.78 % too: any whole number that rounds to what was printed is equal."""
    told = verdict()
    assert len(told) == len(FACTS.facts) == 8
    assert all(row.equal for row in told)
    assert told[3].published == "309 of 338 = 91 %"
    assert told[3].system == "309 of 338 = 91.42 %"


@pytest.mark.parametrize("said", [{"count": 0}, {"count": 0, "of": 0}])
def test_none_of_none_is_equal_where_nothing_was_published(said: dict[str, int]) -> None:
    """On a day off; a printed share, or a part of something, is another matter."""
    about = {"what": "online", "day": "2025-07-14", **said}

    def equal(answer: dict[str, Any], **more: Any) -> bool:
        fact = msgspec.convert(about | more, Fact)
        return rows(msgspec.structs.replace(FACTS, facts=[fact]), {"2025-07-14": answer})[0].equal

    nothing: dict[str, Any] = {"units": [], "total": unit("", 0, 0)}
    assert equal(nothing)
    assert not equal(nothing, percent="0")
    assert not equal(nothing, count=1, of=1)
    wrong = copy.deepcopy(nothing)
    wrong["total"]["rates"]["online"]["percent"] = 0.0
    assert not equal(wrong)
    missing: dict[str, Any] = {"units": [], "total": unit("", 4, 0)}
    missing["total"]["rates"]["online"]["percent"] = None
    assert not equal(missing, of=4)


@pytest.mark.parametrize(
    ("what", "count", "equal"),
    [("carried_over", 14, True), ("carried_over", 20, False), ("completed", 101, True), ("completed", 100, False)],
)
def test_what_was_there_before_is_what_was_received_and_had_not_ended(what: str, count: int, equal: bool) -> None:
    """Read of the days before the period; completed are all of them, with a due or without."""
    before = unit("19753", 20, 9)
    before["counters"].update(completed=3, withdrawn=2, halted=1)
    facts = msgspec.structs.replace(FACTS, facts=[msgspec.convert({"what": what, "unit": "19753", "count": count}, Fact)])
    (row,) = rows(facts, {"": PERIOD, "before": {"units": [before], "total": unit("", 0, 0)}})
    assert row.equal == equal
    assert row.about.endswith("completed" if what == "completed" else "carried over from before")


def period_unit(answers: dict[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = answers[""]["units"][number]
    return found


@pytest.mark.parametrize(
    ("wrong", "change"),
    [
        (0, lambda answers: answers[""]["total"]["counters"].update(received=17_709)),
        (1, lambda answers: answers[""].update(total=unit("", 17_710, 13_419))),
        (1, lambda answers: answers[""]["total"]["rates"]["online"].update(percent=75.77)),
        (1, lambda answers: answers[""]["total"]["rates"]["online"].update(numerator=13_421)),
        (2, lambda answers: answers[""]["units"].append(unit("2", 1758, 3))),
        (3, lambda answers: period_unit(answers, 1)["counters"].update(completed=340)),
        (3, lambda answers: answers[""]["units"].append(unit("2", 9, 3, 309, 338))),
        (4, lambda answers: answers[""]["units"].append(unit("2", 600, 600))),
        (5, lambda answers: answers["2025-07-14"]["total"]["counters"].update(received=3_424)),
        (6, lambda answers: answers["2025-07-14"].update(total=unit("", 3_425, 3_272))),
        (7, lambda answers: answers["2025-07-14"].update(units=[])),
        (7, lambda answers: answers["2025-07-14"].update(units=[unit("19789", 203, 202)])),
    ],
)
def test_whatever_differs_is_seen_in_its_row(wrong: int, change: Any) -> None:
    """A counter, a rate that does not follow from the counters, a unit as good as the best, a unit that is missing."""
    assert not verdict(change)[wrong].equal


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        (date(2025, 7, 1), date(2025, 7, 14), "1–14 July, "),
        (date(2025, 8, 28), date(2025, 9, 5), "28 August – 5 September, "),
        (date(2025, 8, 4), date(2025, 8, 4), "4 August, "),
    ],
)
def test_a_period_is_named_as_people_say_it(first: date, last: date, shown: str) -> None:
    facts = msgspec.structs.replace(FACTS, first=first, last=last, facts=FACTS.facts[:1])
    assert rows(facts, {"": PERIOD})[0].about.startswith(shown)


def test_the_table_shows_what_differs() -> None:
    shown = table([Row("a", "1", "1", True), Row("b", "2", "3", False)])
    assert shown.splitlines()[1].split() == ["a", "1", "1", "yes"]
    assert shown.splitlines()[2].split() == ["b", "2", "3", "NO"]
