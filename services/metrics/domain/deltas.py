"""What a tally adds to the stored figures, hash by hash."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from services.metrics.domain.contributions import Flow, Marks, Row, Stock
from services.metrics.domain.tally import Arrival, Tally

Figures = dict[str, int]
COMPETENT: Final = "competent|"


@dataclass(frozen=True)
class Deltas:
    """`add` maps a hash to what is added to its fields, `rise` one to values that its fields have at least."""

    add: Mapping[str, Figures] = field(default_factory=dict)
    rise: Mapping[str, Figures] = field(default_factory=dict)
    days: tuple[str, ...] = ()


def deltas(tally: Tally) -> Deltas:
    """A tally as hashes: totals, days, splits, states, outcomes; what adds nothing is left out, but for bodies that were
    competent meanwhile."""
    plain, split, states = _by_row(tally.stocks, tally.flows)
    found: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    found["states"], found["outcomes"] = states, _outcomes(tally.arrivals)
    for row, times in plain.items():
        figures = found["total" if row.day is None else f"day:{row.day}"]
        for name in row.plain:
            figures[name] += times
    for (row, mark), times in split.items():
        if times:
            figures = found["split" if row.day is None else f"daysplit:{row.day}"]
            start = f"{row.start}{mark}|"
            for name in row.names:
                figures[start + name] += times
    # Every flow of a day is one of the total, too: summed here, day by day, rather than row by row above.
    for day in [name for name in found if name.startswith("day")]:
        total = found["total" if day.startswith("day:") else "split"]
        for name, number in found[day].items():
            total[name] += number
    add = {name: left for name, figures in found.items() if (left := _without_zeros(figures))}
    if zeros := _came_and_went(tally.stocks, tally.flows):
        add["total"] = zeros | add.get("total", {})
    rise = {"seen": _highest((_unit(source), at) for source, at in tally.seen.items()), "restated": dict(tally.restated)}
    days = tuple(sorted(name.removeprefix("day:") for name in add if name.startswith("day:")))
    return Deltas(add, {name: highest for name, highest in rise.items() if highest}, days)


def row_name(row: Row) -> str:
    """By which a day's row of one role and body is known: `role|body|day`."""
    return f"{row.start}{row.day}"


def _by_row(
    stocks: Mapping[Stock, int], flows: Mapping[tuple[Flow, Marks], int]
) -> tuple[defaultdict[Row, int], defaultdict[tuple[Row, str], int], defaultdict[str, int]]:
    plain: defaultdict[Row, int] = defaultdict(int)
    split: defaultdict[tuple[Row, str], int] = defaultdict(int)
    states: defaultdict[str, int] = defaultdict(int)
    moved: list[tuple[Stock | Flow, Marks, int]] = []
    for stock, times in stocks.items():
        if times:
            moved.append((stock, stock.marks, times))
            for state in stock.states:
                states[state] += times
    moved += [(flow, marks, times) for (flow, marks), times in flows.items() if times]
    for part, marks, times in moved:
        for row in part.bodies:
            plain[row] += times
            for mark in marks.names:
                split[row, mark] += times
        for row in part.alone:
            plain[row] += times
    return plain, split, states


def _came_and_went(stocks: Mapping[Stock, int], flows: Mapping[tuple[Flow, Marks], int]) -> Figures:
    """Zeros: a body is shown as competent once it ever was, also where that came and went between two flushes."""
    parts: list[Stock | Flow] = [stock for stock, times in stocks.items() if not times]
    parts += [flow for (flow, _), times in flows.items() if not times]
    rows = {row for part in parts for row in part.bodies if row.start.startswith(COMPETENT)}
    return {name: 0 for row in rows for name in row.plain}


def _outcomes(arrivals: Mapping[Arrival, int]) -> defaultdict[str, int]:
    outcomes: defaultdict[str, int] = defaultdict(int)
    for (source, fact, outcome), times in arrivals.items():
        outcomes[f"unit|{_unit(source)}|{outcome}"] += times
        if fact is not None:
            outcomes[f"fact|{fact}|{outcome}"] += times
    return outcomes


def _highest(found: Iterable[tuple[str, int]]) -> Figures:
    highest: Figures = {}
    for name, at in found:
        if highest.get(name, 0) < at:
            highest[name] = at
    return highest


def _unit(source: str) -> str:
    """The code in `/units/{code}` or `/units/{code}/{point}`; what has another form is its own."""
    parts = source.split("/", 3)
    return parts[2] if len(parts) > 2 else source


def _without_zeros(figures: Figures) -> Figures:
    return {name: number for name, number in figures.items() if number}
