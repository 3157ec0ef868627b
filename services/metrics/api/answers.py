"""Figures as the API tells them: rows of units, one unit in parts, days; pure, from hashes to members."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from contracts import instants
from services.metrics.api.queries import Query
from services.metrics.api.snapshots import Figures
from services.metrics.api.units import Units
from services.metrics.domain.counters import FLOWS, RATES, STOCKS

FLOW_NAMES: Final = tuple(counter.name for counter in FLOWS)
STOCK_NAMES: Final = tuple(counter.name for counter in STOCKS)
ALL_NAMES: Final = (*FLOW_NAMES, *STOCK_NAMES)

Row = dict[str, Any]


def hashes_for(query: Query, plain: str = "total", by_day: str = "day") -> tuple[str, ...]:
    """The hashes that answer a query."""
    return tuple(f"{by_day}:{day}" for day in query.days) or (plain,)


def names_for(query: Query) -> Sequence[str]:
    """The counters of an answer: a day or a range leaves the stocks out."""
    return FLOW_NAMES if query.days else ALL_NAMES


def by_unit(hashes: Iterable[Figures], role: str) -> dict[str, Figures]:
    """unit -> counter -> number of a role, added up over the hashes."""
    found: dict[str, Figures] = {}
    for figures in hashes:
        for name, number in figures.items():
            of, unit, counter = name.split("|", 2)
            if of == role:
                counters = found.setdefault(unit, {})
                counters[counter] = counters.get(counter, 0) + number
    return found


def unit_rows(figures: Mapping[str, Figures], query: Query, units: Units, day: str) -> list[Row]:
    """A row for each unit that the role shows, zeros where nothing is counted."""
    names = names_for(query)
    with_figures = [unit for unit, counters in figures.items() if any(counters.values())]
    return [
        {"unit": code, "name": units.name(code, day), "kind": units.kind(code, day), **told(figures.get(code, {}), names)}
        for code in units.shown(query.role, day, with_figures)
    ]


def total_of(rows: Iterable[Row], names: Sequence[str]) -> Row:
    """The sum of all rows, with the rates of the sums."""
    summed = dict.fromkeys(names, 0)
    for row in rows:
        for name in names:
            summed[name] += row["counters"][name]
    return told(summed, names)


def told(counters: Mapping[str, int], names: Sequence[str]) -> Row:
    """Counters in their order, with their rates."""
    shown = {name: counters.get(name, 0) for name in names}
    return {"counters": shown, "rates": {rate.name: rate.of(shown) for rate in RATES}}


def in_parts(hashes: Iterable[Figures], query: Query, unit: str) -> tuple[dict[str, Row], dict[str, Row]]:
    """A unit's figures by field and by channel; what belongs to a source has neither."""
    start = f"{query.role}|{unit}|"
    parts: dict[str, dict[str, Figures]] = {"f": {}, "c": {}}
    for figures in hashes:
        for name, number in figures.items():
            if not name.startswith(start):
                continue
            mark, counter = name[len(start) :].rsplit("|", 1)
            counters = parts[mark[0]].setdefault(mark[2:], {})
            counters[counter] = counters.get(counter, 0) + number
    names = names_for(query)
    return tuple({value: told(each, names) for value, each in sorted(found.items())} for found in parts.values())  # type: ignore[return-value]


def day_rows(hashes: Mapping[str, Figures], restated: Figures, query: Query, unit: str) -> list[Row]:
    """A row for each day of the range; `restated_at` where it changed after its midnight had passed."""
    start, rows = f"{query.role}|{unit}|", []
    for day in query.days:
        figures = hashes[f"day:{day}"]
        counters = {name: figures.get(start + name, 0) for name in FLOW_NAMES}
        at = restated.get(f"{start}{day}")
        rows.append({"day": day, **told(counters, FLOW_NAMES), "restated_at": None if at is None else instants.show(at)})
    return rows


def dictionary() -> Row:
    """Every counter and rate with its meaning."""
    return {
        "counters": [
            {
                "name": each.name, "kind": each.kind, "attributed": each.attributed, "help": each.help,
                "label_vi": each.label_vi,
            }
            for each in (*FLOWS, *STOCKS)
        ],
        "rates": [
            {
                "name": rate.name, "help": rate.help, "label_vi": rate.label_vi, "numerator": list(rate.numerator),
                "denominator": {"plus": list(rate.plus), "minus": list(rate.minus)},
            }
            for rate in RATES
        ],
    }  # fmt: skip
