"""Figures as the API tells them: rows of units, one unit in parts, days; pure, from what was found to members."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from contracts import instants
from services.metrics.api.queries import ROLES, Query
from services.metrics.api.snapshots import All, Figures, Some, Sum
from services.metrics.api.units import Units
from services.metrics.domain.counters import FLOWS, RATES, STOCKS, Rate
from services.metrics.domain.meanings import MEANINGS_VI

FLOW_NAMES: Final = tuple(counter.name for counter in FLOWS)
STOCK_NAMES: Final = tuple(counter.name for counter in STOCKS)
ALL_NAMES: Final = (*FLOW_NAMES, *STOCK_NAMES)
# When each unit's last event was stored.
SEEN: Final = All("seen")

Row = dict[str, Any]


def names_for(query: Query) -> Sequence[str]:
    """The counters of an answer: a day or a range leaves the stocks out."""
    return FLOW_NAMES if query.days else ALL_NAMES


def of_role(query: Query) -> Sum:
    """What a list of units reads."""
    return Sum(_hashes(query, "total", "day"), f"{query.role}|")


def of_unit(query: Query, unit: str) -> tuple[Some, Sum, Some, Some]:
    """What the answer about one unit reads: its counters, its parts, whether any figure knows it, its last event."""
    start = f"{query.role}|{unit}|"
    plain = Some(_hashes(query, "total", "day"), tuple(start + name for name in names_for(query)))
    return plain, Sum(_hashes(query, "split", "daysplit"), start), _anything(unit), Some((SEEN.name,), (unit,))


def of_days(query: Query, unit: str) -> tuple[Some, Some, Some, Some]:
    """What the days of one unit read: their counters, when they were restated, whether any figure knows it, its last
    event."""
    start = f"{query.role}|{unit}|"
    plain = Some(_hashes(query, "total", "day"), tuple(start + name for name in FLOW_NAMES))
    restated = Some(("restated",), tuple(start + day for day in query.days))
    return plain, restated, _anything(unit), Some((SEEN.name,), (unit,))


def by_unit(figures: Figures) -> dict[str, Figures]:
    """unit -> counter -> number, of figures of one role."""
    found: dict[str, Figures] = {}
    for name, number in figures.items():
        _, unit, counter = name.split("|", 2)
        found.setdefault(unit, {})[counter] = number
    return found


def unit_rows(figures: Mapping[str, Figures], query: Query, units: Units, first: str, last: str) -> list[Row]:
    """A row for each unit that the role shows over these days, zeros where nothing is counted; named as on the last."""
    names = names_for(query)
    with_figures = [unit for unit, counters in figures.items() if any(counters.values())]
    return [
        {"unit": code, "name": units.name(code, last), "kind": units.kind(code, last), **told(figures.get(code, {}), names)}
        for code in units.shown(query.role, first, last, with_figures)
    ]


def total_of(rows: Iterable[Row], names: Sequence[str]) -> Row:
    """The sum of all rows, with the rates of the sums."""
    summed = dict.fromkeys(names, 0)
    for row in rows:
        for name, number in row["counters"].items():
            summed[name] += number
    return told(summed, names)


def added(found: Iterable[Figures]) -> Figures:
    """Counter -> number of one unit, over its hashes."""
    sums: Figures = {}
    for figures in found:
        for name, number in figures.items():
            counter = name.rsplit("|", 1)[1]
            sums[counter] = sums.get(counter, 0) + number
    return sums


def told(counters: Mapping[str, int], names: Sequence[str]) -> Row:
    """Counters in their order, with their rates."""
    shown = {name: counters.get(name, 0) for name in names}
    return {"counters": shown, "rates": {rate.name: rate.of(shown) for rate in RATES}}


def in_parts(figures: Figures, query: Query) -> tuple[dict[str, Row], dict[str, Row]]:
    """A unit's figures by field and by channel; what belongs to a source has neither."""
    parts: dict[str, dict[str, Figures]] = {"f": {}, "c": {}}
    for name, number in figures.items():
        _, _, rest = name.split("|", 2)
        mark, counter = rest.rsplit("|", 1)
        parts[mark[0]].setdefault(mark[2:], {})[counter] = number
    names = names_for(query)
    by_field, by_channel = (
        {value: told(each, names) for value, each in sorted(found.items()) if any(each.values())} for found in parts.values()
    )
    return by_field, by_channel


def day_rows(by_day: Sequence[Figures], restated: Figures, query: Query, unit: str) -> list[Row]:
    """A row for each day of the range; `restated_at` where it changed after its midnight had passed."""
    rows = []
    for day, figures in zip(query.days, by_day, strict=True):
        at = restated.get(f"{query.role}|{unit}|{day}")
        shown = told(added([figures]), FLOW_NAMES)
        rows.append({"day": day, **shown, "restated_at": None if at is None else instants.show(at)})
    return rows


def dictionary() -> Row:
    """Every counter and rate with its meaning."""
    return {
        "counters": [
            {
                "name": each.name, "kind": each.kind, "attributed": each.attributed, "roles": list(ROLES),
                "help": each.help, "label_vi": each.label_vi, "help_vi": MEANINGS_VI[each.name],
            }
            for each in (*FLOWS, *STOCKS)
        ],
        "rates": [
            {
                "name": rate.name, "help": rate.help, "label_vi": rate.label_vi, "help_vi": MEANINGS_VI[rate.name],
                "formula": formula(rate), "numerator": list(rate.numerator),
                "denominator": {"plus": list(rate.plus), "minus": list(rate.minus)},
            }
            for rate in RATES
        ],
    }  # fmt: skip


def formula(rate: Rate) -> str:
    """A rate as people write it."""
    top = " + ".join(rate.numerator)
    bottom = " + ".join(rate.plus) + "".join(f" − {name}" for name in rate.minus)
    return f"{_grouped(top)} ÷ {_grouped(bottom)}"


def _grouped(text: str) -> str:
    return f"({text})" if " " in text else text


def _hashes(query: Query, in_total: str, by_day: str) -> tuple[str, ...]:
    return tuple(f"{by_day}:{day}" for day in query.days) or (in_total,)


def _anything(unit: str) -> Some:
    return Some(("total",), tuple(f"{role}|{unit}|{name}" for role in ROLES for name in ALL_NAMES))
