"""What a correction moved: the figures of every unit and day before and after, compared and told."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

UNIT_ROWS_SHOWN = 20
SHARES = ("completed_early", "completed_on_time", "completed_late")


class Cell(Struct, frozen=True):
    """Where a figure stands: role, unit, and its day (None: the stocks of now)."""

    role: str
    unit: str
    day: str | None


Counters = Mapping[str, int]


class Snapshot(Struct, frozen=True):
    """Every figure at one moment, and which units' days say that they were restated."""

    counters: Mapping[Cell, Counters]
    restated: Mapping[Cell, str]
    names: Mapping[str, str]


class Moved(Struct, frozen=True):
    """One figure that is not what it was."""

    cell: Cell
    counter: str
    before: int
    after: int


def moved(before: Snapshot, after: Snapshot) -> list[Moved]:
    """Every figure that differs; one that is missing on a side counts as 0 there."""
    found = []
    for cell in sorted(
        before.counters.keys() | after.counters.keys(), key=lambda each: (each.role, each.unit, each.day or "")
    ):
        was, now = before.counters.get(cell, {}), after.counters.get(cell, {})
        found += [
            Moved(cell, name, was.get(name, 0), now.get(name, 0))
            for name in sorted(was.keys() | now.keys())
            if was.get(name, 0) != now.get(name, 0)
        ]
    return found


def restated(before: Snapshot, after: Snapshot) -> int:
    """Days of units whose `restated_at` is another one, or new."""
    return sum(at != before.restated.get(cell) for cell, at in after.restated.items())


def totals_table(differences: Sequence[Moved], before: Snapshot) -> str:
    """For role receiver: each counter that moved anywhere, summed over the units, of the days and of now."""
    lines = [("all units", "figure", "before", "after")]
    for label, is_stock in (("of all days", False), ("now", True)):
        names = dict.fromkeys(
            each.counter for each in differences if each.cell.role == "receiver" and (each.cell.day is None) == is_stock
        )
        for name in sorted(names):
            was = sum(
                row.get(name, 0)
                for cell, row in before.counters.items()
                if cell.role == "receiver" and (cell.day is None) == is_stock
            )
            by = sum(
                each.after - each.before
                for each in differences
                if each.cell.role == "receiver" and each.counter == name and (each.cell.day is None) == is_stock
            )
            lines.append((label, name, f"{was:,}", f"{was + by:,}"))
    return _aligned(lines)


def units_table(before: Snapshot, after: Snapshot, differences: Sequence[Moved], rows_shown: int = UNIT_ROWS_SHOWN) -> str:
    """For role receiver: units and days whose timeliness moved, those that moved most first."""
    by_cell: dict[Cell, int] = {}
    for each in differences:
        if each.cell.role == "receiver" and each.cell.day is not None and each.counter in SHARES:
            by_cell[each.cell] = by_cell.get(each.cell, 0) + abs(each.after - each.before)
    most = sorted(by_cell, key=lambda cell: (-by_cell[cell], cell.unit, cell.day or ""))
    lines: list[tuple[str, ...]] = [("unit", "day", "early", "on time", "late", "on-time rate", "restated_at")]
    for cell in most[:rows_shown]:
        was, now = before.counters.get(cell, {}), after.counters.get(cell, {})
        lines.append(
            (
                f"{before.names.get(cell.unit, '')} ({cell.unit})".strip(),
                cell.day or "",
                *(_arrow(f"{was.get(name, 0):,}", f"{now.get(name, 0):,}") for name in SHARES),
                _arrow(_rate(was), _rate(now)),
                after.restated.get(cell, "NOT SAID")[:19],
            )
        )
    told = _aligned(lines)
    return told + (f"\n… and {len(most) - rows_shown:,} more" if len(most) > rows_shown else "")


def _rate(counters: Counters) -> str:
    whole = sum(counters.get(name, 0) for name in SHARES)
    return f"{100 * (whole - counters.get('completed_late', 0)) / whole:.2f} %" if whole else "–"


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def of_answers(
    units: Mapping[str, Mapping[str, Any]], days: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
) -> Snapshot:
    """A snapshot of metrics' answers: `/v1/units` by role, `/v1/units/{code}/days` by role and unit."""
    counters: dict[Cell, Counters] = {}
    marks: dict[Cell, str] = {}
    for role, answer in units.items():
        counters.update({Cell(role, row["unit"], None): row["counters"] for row in answer["units"]})
    for (role, unit), rows in days.items():
        for row in rows:
            cell = Cell(role, unit, row["day"])
            counters[cell] = row["counters"]
            if row["restated_at"] is not None:
                marks[cell] = row["restated_at"]
    names = {row["unit"]: row["name"] for answer in units.values() for row in answer["units"]}
    return Snapshot(counters, marks, names)
