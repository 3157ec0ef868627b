"""The published figures beside the system's own: one row each, equal or not."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct

from lab.fortnight.facts import COUNTS, WORDS, Fact, Facts, percent_of

Share = tuple[int, int]


class Row(Struct, frozen=True):
    """One published figure as it was said, the system's answer to it, and whether they are equal."""

    about: str
    published: str
    system: str
    equal: bool


def rows(facts: Facts, answers: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """A row for each fact; `answers` holds metrics' answer about the period under "", about a day under its date, about all
    days before the period under "before"."""
    return [_row(fact, facts, answers[_when(fact)]) for fact in facts.facts]


def _when(fact: Fact) -> str:
    if fact.what == "carried_over":
        return "before"
    return fact.day.isoformat() if fact.day else ""


def table(told: Sequence[Row]) -> str:
    """The rows for people."""
    lines = [("", "published", "system", "equal")]
    lines += [(row.about, row.published, row.system, "yes" if row.equal else "NO") for row in told]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _row(fact: Fact, facts: Facts, answer: Mapping[str, Any]) -> Row:
    units = {each["unit"]: each for each in answer["units"]}
    about = _about(fact, facts, units)
    if fact.unit is not None and fact.unit not in units:
        return Row(about, _published(fact), "no such unit", equal=False)
    part, whole = _share(fact.what, answer["total"] if fact.unit is None else units[fact.unit])
    others = [_share(fact.what, each) for code, each in units.items() if code != fact.unit]
    told = answer["total"] if fact.unit is None else units[fact.unit]
    if fact.what in COUNTS:
        equal = part == fact.count and (fact.rank is None or all(other < part for other, _ in others))
        return Row(about, _published(fact), f"{part:,}", equal)
    rate = told["rates"][fact.what]
    equal = (rate["numerator"], rate["denominator"]) == (part, whole) and _is_percent_of(rate["percent"], part, whole)
    # Nothing is no share of anything: a printed one, or the best, needs a whole.
    equal = equal and (whole > 0 or (fact.percent is None and fact.rank is None))
    equal = equal and (fact.count is None or part == fact.count) and (fact.of is None or whole == fact.of)
    equal = equal and (fact.percent is None or percent_of(part, whole, fact.percent) == fact.percent)
    # Compared as fractions: a percentage rounded to two decimals could make two units look alike.
    equal = equal and (fact.rank is None or all(other * whole < part * of for other, of in others if of))
    shown = f"{part:,} of {whole:,}" + ("" if rate["percent"] is None else f" = {float(rate['percent']):.2f} %")
    return Row(about, _published(fact), shown, equal)


def _is_percent_of(percent: float | None, part: int, whole: int) -> bool:
    if percent is None or not whole:
        return percent is None and not whole
    return f"{float(percent):.2f}" == percent_of(part, whole, "0.01")


def _share(what: str, told: Mapping[str, Any]) -> Share:
    """Part and whole from the counters, not from the rates that the same answer holds."""
    counters = told["counters"]
    match what:
        case "received":
            return counters["received"], 1
        case "completed":
            return counters["completed"], 1
        case "carried_over":
            # Of dossiers received before: in a period that the lab plays nothing ends before it unreceived.
            return counters["received"] - counters["completed"] - counters["withdrawn"] - counters["halted"], 1
        case "online":
            return counters["received_online"], counters["received"]
        case _:
            in_time = counters["completed_early"] + counters["completed_on_time"]
            return in_time, counters["completed"] - counters["completed_without_due"]


def _about(fact: Fact, facts: Facts, units: Mapping[str, Mapping[str, Any]]) -> str:
    when = _day(fact.day) if fact.day else _period(facts.first, facts.last)
    # Departments report, too, and stand in the answer with what they reported.
    communes = sum(each.get("kind") != "department" for each in units.values())
    who = f"{communes} units" if fact.unit is None else f"{units.get(fact.unit, {}).get('name', '')} ({fact.unit})".strip()
    first = {None: "", "most": ", the most", "best": ", the best share"}[fact.rank]
    return f"{when}, {who}: {WORDS[fact.what]}{first}"


def _period(first: date, last: date) -> str:
    if first == last:
        return _day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{_day(last)}"
    return f"{_day(first)} – {_day(last)}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B}"


def _published(fact: Fact) -> str:
    counted = "" if fact.count is None else f"{fact.count:,}" + (f" of {fact.of:,}" if fact.of else "")
    percent = "" if fact.percent is None else f"{fact.percent} %"
    return f"{counted} = {percent}" if counted and percent else counted or percent
