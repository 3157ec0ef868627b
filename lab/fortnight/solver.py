"""How many dossiers each unit receives a day, online or not, and completes in time, so that every published figure holds."""

from collections.abc import Sequence
from datetime import date
from random import Random
from typing import TypeVar

from msgspec import Struct

from lab.fortnight.facts import Fact, Facts, count_for

# Of what a unit receives, the share that may come over the counter.
OFFLINE_MOST = 0.8
MONDAY_WEIGHT = 1.2


_Value = TypeVar("_Value")


class UnsolvableError(ValueError):
    """The figures contradict each other or leave no room; says which."""


class UnitPlan(Struct, frozen=True, kw_only=True):
    """What one unit does over the period; `received` and `online` hold a number for each working day."""

    code: str
    received: tuple[int, ...]
    online: tuple[int, ...]
    completed: int
    on_time: int


def solve(facts: Facts, units: Sequence[str], days: Sequence[date], chance: Random) -> list[UnitPlan]:
    """One plan for each unit; UnsolvableError when there is none."""
    received = _received(facts, units, days, chance)
    offline = _offline(facts, units, days, received, chance)
    plans = []
    for unit in units:
        completed, on_time = _completed(facts, unit, sum(received[unit]), chance)
        online = tuple(all_of - some for all_of, some in zip(received[unit], offline[unit], strict=True))
        plans.append(
            UnitPlan(code=unit, received=tuple(received[unit]), online=online, completed=completed, on_time=on_time)
        )
    return plans


def share_out(what: str, total: int, weights: Sequence[float], lows: Sequence[int], highs: Sequence[int]) -> list[int]:
    """Whole numbers that add up to `total`, near to the weights, each within its bounds; UnsolvableError when none do."""
    if not sum(lows) <= total <= sum(highs) or any(low > high for low, high in zip(lows, highs, strict=True)):
        raise UnsolvableError(f"{what}: {total} does not fit between {sum(lows)} and {sum(highs)}")
    shares = list(lows)
    while (left := total - sum(shares)) > 0:
        room = [number for number, share in enumerate(shares) if share < highs[number]]
        # A weight of 0 means "last of all", not "never": the sum has to be met.
        weight = {number: max(weights[number], 1e-9) for number in room}
        whole = sum(weight.values())
        given = {number: min(highs[number] - shares[number], int(left * weight[number] / whole)) for number in room}
        if not any(given.values()):
            heaviest = sorted(room, key=lambda number: (-weight[number], number))[:left]
            given = dict.fromkeys(heaviest, 1)
        for number, more in given.items():
            shares[number] += more
    return shares


def _received(facts: Facts, units: Sequence[str], days: Sequence[date], chance: Random) -> dict[str, list[int]]:
    published = _published_days(facts, days)
    total = _needed(facts.received(), "how many were received in all")
    most = facts.leader("received", "most")
    least = [sum(facts.received(unit, days[number]) or 0 for number in published) for unit in units]
    lows, highs, weights = [], [], []
    for unit, low in zip(units, least, strict=True):
        known = facts.received(unit) or facts.assumed.received.get(unit)
        ceiling = total if most is None else _needed(most.count, "how much the first unit received") - 1
        lows.append(low if known is None else known)
        highs.append(ceiling if known is None else known)
        weights.append(facts.assumed.weights.get(unit, 1.0) * chance.uniform(0.75, 1.3))
    totals = share_out("received by unit", total, weights, lows, highs)
    cells = {unit: [0] * len(days) for unit in units}
    for number in published:
        day = days[number]
        known_cells = [facts.received(unit, day) for unit in units]
        left = [whole - sum(cells[unit]) for unit, whole in zip(units, totals, strict=True)]
        column = share_out(
            f"received on {day}",
            _needed(facts.received(day=day), f"how many were received on {day}"),
            [room * chance.uniform(0.85, 1.15) for room in left],
            [known or 0 for known in known_cells],
            [room if known is None else known for known, room in zip(known_cells, left, strict=True)],
        )
        for unit, count in zip(units, column, strict=True):
            cells[unit][number] = count
    _fill(cells, dict(zip(units, totals, strict=True)), published, days, chance)
    return cells


def _fill(
    cells: dict[str, list[int]], totals: dict[str, int], published: Sequence[int], days: Sequence[date], chance: Random
) -> None:
    """What a unit has left goes to the days of which nothing was published."""
    free = [number for number in range(len(days)) if number not in published]
    for unit, row in cells.items():
        left = totals[unit] - sum(row)
        weights = [chance.uniform(0.8, 1.2) * (MONDAY_WEIGHT if days[number].weekday() == 0 else 1) for number in free]
        for number, count in zip(
            free, share_out(f"received by {unit}", left, weights, [0] * len(free), [left] * len(free)), strict=True
        ):
            row[number] = count


def _offline(
    facts: Facts, units: Sequence[str], days: Sequence[date], received: dict[str, list[int]], chance: Random
) -> dict[str, list[int]]:
    """What did not come online; solved in its stead, since the published shares leave few of these."""
    habit = {unit: chance.uniform(0.5, 1.5) for unit in units}
    exact = {unit: _complement(facts.about("online", unit)) for unit in units}
    cells = {unit: [0] * len(days) for unit in units}
    given = 0
    published = [number for number in range(len(days)) if facts.about("online", day=days[number]) is not None]
    for number in published:
        day = days[number]
        column = [received[unit][number] for unit in units]
        highs = []
        for unit, count in zip(units, column, strict=True):
            cell, row = _complement(facts.about("online", unit, day)), exact[unit]
            highs.append(cell if cell is not None else min(count, row if row is not None else count))
        share = facts.about("online", day=day)
        total = sum(column) - _online_count(share, sum(column))
        weights = [count * habit[unit] for unit, count in zip(units, column, strict=True)]
        for unit, count in zip(units, share_out(f"offline on {day}", total, weights, [0] * len(units), highs), strict=True):
            cells[unit][number] = count
        given += total
    everything = sum(map(sum, received.values()))
    left = everything - _online_count(facts.about("online"), everything) - given
    free = [number for number in range(len(days)) if number not in published]
    rest = {unit: sum(received[unit][number] for number in free) for unit in units}
    best = facts.leader("online", "best")
    lows, highs = [], []
    for unit in units:
        had, row = sum(cells[unit]), exact[unit]
        if row is not None:
            lows.append(row - had)
            highs.append(row - had)
        else:
            lows.append(max(0, _least_offline(best, sum(received[unit])) - had))
            highs.append(int(rest[unit] * OFFLINE_MOST))
    rows = share_out("offline by unit", left, [rest[unit] * habit[unit] for unit in units], lows, highs)
    for unit, count in zip(units, rows, strict=True):
        room = [received[unit][number] for number in free]
        for number, some in zip(free, share_out(f"offline in {unit}", count, room, [0] * len(free), room), strict=True):
            cells[unit][number] = some
    return cells


def _completed(facts: Facts, unit: str, received: int, chance: Random) -> tuple[int, int]:
    """How many a unit completes, and how many of these in time: fewer in proportion than the best unit does."""
    known = facts.about("on_time", unit)
    share, low_high = facts.assumed.completed_share * chance.uniform(0.93, 1.07), facts.assumed.on_time_share
    rate = chance.uniform(*low_high)
    if known is not None and known.of is not None:
        if known.of > received:
            raise UnsolvableError(f"{unit} cannot complete {known.of} of the {received} that it received")
        return known.of, known.count if known.count is not None else _online_count(known, known.of)
    completed = round(received * share)
    on_time = int(completed * rate)
    best = facts.leader("on_time", "best")
    if best is not None and best.count is not None and best.of is not None:
        while on_time > 0 and on_time * best.of >= best.count * completed:
            on_time -= 1
    return completed, on_time


def _published_days(facts: Facts, days: Sequence[date]) -> list[int]:
    for fact in facts.facts:
        if fact.day is not None and fact.day not in days:
            raise UnsolvableError(f"{fact.day} is no working day: nothing is received on it")
    return [number for number, day in enumerate(days) if facts.received(day=day) is not None]


def _complement(fact: Fact | None) -> int | None:
    return None if fact is None or fact.count is None or fact.of is None else fact.of - fact.count


def _online_count(fact: Fact | None, whole: int) -> int:
    if fact is None:
        raise UnsolvableError("the facts do not say which share was online")
    if fact.count is not None:
        return fact.count
    return count_for(_needed(fact.percent, "a share in percent"), whole)


def _least_offline(best: Fact | None, received: int) -> int:
    """The fewest that keep a unit's online share below the best one."""
    if best is None or best.count is None or best.of is None or received == 0:
        return 0
    return (best.of - best.count) * received // best.of + 1


def _needed(value: _Value | None, what: str) -> _Value:
    if value is None:
        raise UnsolvableError(f"the facts do not say {what}")
    return value
