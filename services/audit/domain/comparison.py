"""Figures of metrics held against the recount: Redis hashes, answers of the API, series of Prometheus."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.audit.domain.findings import Check, Difference
from services.audit.domain.recount import ROLES, Figures, Tally

# Gauges whose labels say more than the counter's name; all others are `motcua_dossiers_<counter>{unit,role}`.
PREFIX = "motcua_dossiers_"
TODAY = f"{PREFIX}today"
TODAY_COUNTERS = ("received", "completed", "returned", "refused")
OF_SOURCE = frozenset({"duplicates", "rejected", "skewed", "backdated", "annulled", "parked_now"})
# Shown by channel, timeliness or state instead, and compared there.
SHOWN_IN_PARTS = frozenset({"received", "completed", "open"})


@dataclass(frozen=True)
class Series:
    """One exact series: name without the prefix, labels, value."""

    name: str
    labels: Mapping[str, str]
    value: float


def compare(check: Check, expected: Mapping[str, int], found: Mapping[str, int], where: str) -> None:
    """Every counter on either side; an absent one is 0."""
    for name in sorted(expected.keys() | found.keys()):
        check.examined += 1
        want, have = expected.get(name, 0), found.get(name, 0)
        if want != have:
            check.differ(Difference(where, counter=name, expected=str(want), found=str(have)))


def of_role(figures: Figures, role: str) -> dict[str, dict[str, int]]:
    """`role|unit|counter` figures as unit -> counter -> number."""
    units: dict[str, dict[str, int]] = {}
    for name, number in figures.items():
        of, unit, counter = name.split("|", 2)
        if of == role:
            units.setdefault(unit, {})[counter] = number
    return units


def by_unit(figures: Figures) -> dict[str, Figures]:
    """`role|unit|…` figures as `role|unit` -> those of that unit, names and all."""
    units: dict[str, Figures] = {}
    for name, number in figures.items():
        role, unit, _ = name.split("|", 2)
        units.setdefault(f"{role}|{unit}", {})[name] = number
    return units


def compare_answer(check: Check, expected: Figures, role: str, rows: Mapping[str, Mapping[str, int]], where: str) -> None:
    """A list of units of one role: no counter may differ, no unit with figures may be missing."""
    want = of_role(expected, role)
    for unit in sorted(want.keys() | rows.keys()):
        counters = rows.get(unit)
        known = want.get(unit, {})
        compare(
            check,
            {f"{role}|{unit}|{counter}": number for counter, number in known.items()},
            {f"{role}|{unit}|{counter}": number for counter, number in (counters or {}).items()},
            where if counters is not None else f"{where}: the unit is missing",
        )


def compare_split(
    check: Check, expected: Figures, role: str, unit: str, rows: Mapping[str, Mapping[str, int]], where: str
) -> None:
    """`by_field` and `by_channel` of one unit; `rows` maps `f:<field>` or `c:<channel>` to counters."""
    start = f"{role}|{unit}|"
    want = {name: number for name, number in expected.items() if name.startswith(start)}
    have = {f"{start}{mark}|{counter}": number for mark, counters in rows.items() for counter, number in counters.items()}
    compare(check, want, have, where)


def compare_total(check: Check, expected: Figures, role: str, total: Mapping[str, int], where: str) -> None:
    """The sum over all units of a role."""
    sums: Figures = {}
    for name, number in expected.items():
        of, _, counter = name.split("|", 2)
        if of == role:
            sums[f"{role}|total|{counter}"] = sums.get(f"{role}|total|{counter}", 0) + number
    compare(check, sums, {f"{role}|total|{counter}": number for counter, number in total.items()}, where)


def compare_days(
    check: Check, by_day: Mapping[str, Figures], role: str, unit: str, rows: Mapping[str, Mapping[str, int]], where: str
) -> None:
    """The rows of one unit: one for each day of `by_day`, which are those that were asked for."""
    start = f"{role}|{unit}|"
    for day in sorted(by_day.keys() | rows.keys()):
        if day not in rows:
            check.differ(Difference(f"{where}, {day}: the row is missing"))
        want = {name: number for name, number in by_day.get(day, {}).items() if name.startswith(start)}
        have = {f"{start}{counter}": number for counter, number in rows.get(day, {}).items()}
        compare(check, want, have, f"{where}, {day}")


def counter_of(series: Series) -> str | None:
    """`role|unit|counter` that a series shows (of open ones `open/<state>`); None for what is of no role and unit."""
    role, unit = series.labels.get("role"), series.labels.get("unit")
    counter = series.name.removeprefix(PREFIX)
    if not series.name.startswith(PREFIX) or role not in ROLES or unit is None:
        return None
    for label, names in _BY_LABEL.items():
        if label in series.labels:
            return f"{role}|{unit}|{names.format(series.labels[label])}"
    return f"{role}|{unit}|{_RENAMED.get(counter, counter)}"


_BY_LABEL = {
    "channel": "received_{}",
    "timeliness": "completed_{}",
    "state": "open/{}",
    "within": "due_in_{}",
}
_RENAMED = {"overdue": "overdue_open"}


def series_expected(tally: Tally) -> Figures:
    """The recount as the scrape names it: the open dossiers by state beside the totals."""
    expected = dict(tally.total)
    for name, number in tally.by_state.items():
        role, unit, state = name.split("|")
        expected[f"{role}|{unit}|open/{state}"] = number
    return expected


def compare_series(check: Check, tally: Tally, series: Iterable[Series], today: str | None = None) -> None:
    """Every exact series against the recount, and no counter of the recount without its series."""
    found: dict[str, int] = {}
    of_today: dict[str, int] = {}
    for each in series:
        if each.name == TODAY:
            of_today[f"{each.labels['role']}|{each.labels['unit']}|{each.labels['counter']}"] = int(each.value)
            continue
        if (name := counter_of(each)) is not None:
            found[name] = found.get(name, 0) + int(each.value)
    if today is not None:
        _compare_today(check, tally, tally.day.get(today, {}), of_today)
    shown = {name.split("|", 2)[2] for name in found}
    summed = SHOWN_IN_PARTS - shown
    expected = {
        name: number
        for name, number in series_expected(tally).items()
        if (counter := name.split("|", 2)[2]) not in summed and not (counter in OF_SOURCE and name.startswith("competent|"))
    }
    compare(check, expected, found, "a series of the scrape is not what was recounted")


def _compare_today(check: Check, tally: Tally, day: Figures, found: Mapping[str, int]) -> None:
    """Today's series, of which each receiver has the same few whatever their numbers."""
    receivers = of_role(tally.total, "receiver").keys() | of_role(day, "receiver").keys()
    for name in (f"receiver|{unit}|{counter}" for unit in sorted(receivers) for counter in TODAY_COUNTERS):
        if name not in found:
            check.differ(Difference("today's series is missing", counter=name))
    compare(check, {name: day.get(name, 0) for name in found}, found, "today's series is not the day's recount")
