"""How many each unit receives on each day, and how many of these online: a table that agrees with all that was published."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from lab.errors import UnsolvableError
from lab.fortnight import implied, transport
from lab.fortnight.facts import PRINTABLE_WITHIN, Fact, Facts, a_count_for, count_for, counts_for
from lab.fortnight.implied import Cell, Known
from lab.fortnight.shares import Member, Pair, margins

MONDAY_WEIGHT = 1.2
# Where nothing is published: what a unit or a day has is about this many, whatever else is known.
ANYTHING = 10**9
GUESSES_MAX = 20_000
Place = implied.Place


class Row(Struct, frozen=True):
    """One unit's days."""

    received: tuple[int, ...]
    online: tuple[int, ...]


def solve(
    facts: Facts,
    units: Sequence[str],
    days: Sequence[date],
    chance: Random,
    bold: bool,
    carried: Sequence[int],
    shut: Collection[Cell],
) -> list[Row] | None:
    """One attempt: sums of units and days first, then the cells; None or UnsolvableError when it meets a dead end.

    `carried`: what each unit has from before. `shut`: cells (unit, day) in which nobody is there to receive anything. A bold
    attempt strays far from what is usual: where little room is left, the usual may not be in it.
    """
    said = implied.said(facts, units, days, shut)
    below = _settled(facts, units, said, chance, bold)
    by_unit = [_unit(facts, unit, row, len(days), said, below, carried[row], chance) for row, unit in enumerate(units)]
    by_day = [_day(facts, day, column, len(units), said, shut, chance) for column, day in enumerate(days)]
    if bold:
        by_unit, by_day = ([_strayed(each, chance) for each in side] for side in (by_unit, by_day))
    total = _total(facts, said.get((None, None)), by_unit, by_day, sum(carried))
    ceiling = total.whole_high
    sides = [_within(ceiling, by_unit), _within(ceiling, by_day)]
    rows, columns = margins(total, sides)
    cells = {(row, column): known for (row, column), known in said.items() if row is not None and column is not None}
    return _cells(rows, columns, cells, chance, bold)


def _member(name: str, known: Known | None, weight: float, habit: float) -> Member:
    known = known or Known()
    whole, part = known.received, known.online
    return Member(
        name=name, whole_low=whole or part or 0, whole_high=ANYTHING if whole is None else whole,
        part_low=part or 0, part_high=ANYTHING if part is None else part, rest_high=ANYTHING,
        percents=() if known.percent is None else (known.percent,), weight=weight, habit=habit,
    )  # fmt: skip


def _unit(
    facts: Facts,
    unit: str,
    row: int,
    columns: int,
    said: Mapping[Place, Known],
    below: Pair | None,
    carried: int,
    chance: Random,
) -> Member:
    known = said.get((row, None))
    assumed = facts.assumed.received.get(unit)
    if assumed is not None and (known is None or known.received is None):
        known = replace(known or Known(), received=assumed)
    weight = facts.assumed.weights.get(unit, 1.0) * chance.uniform(0.75, 1.3)
    habit = min(1.0, facts.assumed.online_share * chance.uniform(0.8, 1.2))
    member = _member(f"received by {unit}", known, weight, habit)
    member = _holding(member, [said.get((row, column)) for column in range(columns)])
    most, best, ended = facts.leader("received"), facts.leader("online"), facts.about("on_time", unit)
    if most is not None and most.unit != unit:
        member = replace(member, whole_high=min(member.whole_high, (most.count or 0) - 1))
    if best is not None and best.unit != unit:
        member = replace(member, below=below)
    if ended is not None:
        member = replace(member, whole_low=max(member.whole_low, _completed_at_least(ended) - carried))
    return member


def _day(
    facts: Facts, day: date, column: int, rows: int, said: Mapping[Place, Known], shut: Collection[Cell], chance: Random
) -> Member:
    weight = chance.uniform(0.85, 1.15) * (MONDAY_WEIGHT if day.weekday() == 0 else 1.0)
    if shut:
        weight *= 1 - sum((row, column) in shut for row in range(rows)) / rows
    member = _member(f"received on {day}", said.get((None, column)), weight, facts.assumed.online_share)
    return _holding(member, [said.get((row, column)) for row in range(rows)])


def _strayed(member: Member, chance: Random) -> Member:
    return replace(member, weight=member.weight * chance.uniform(0.1, 3), habit=chance.random())


def _holding(member: Member, cells: Sequence[Known | None]) -> Member:
    """A unit or a day has at least what is published of its cells; exactly that when all of them are."""
    received = online = offline = 0
    for cell in cells:
        if cell is None:
            continue
        whole = cell.received
        if whole is None:
            # A printed share needs at least one; a count alone says nothing of the others.
            whole = next(_wholes_of(cell, 0, ANYTHING), 0)
        low, high = _member("", cell, 1.0, 0.5).span(whole)
        received, online, offline = received + whole, online + low, offline + whole - high
    every = all(cell is not None and cell.received is not None for cell in cells)
    return replace(
        member, whole_low=max(member.whole_low, received), part_low=max(member.part_low, online),
        rest_low=max(member.rest_low, offline),
        whole_high=min(member.whole_high, received) if every else member.whole_high,
    )  # fmt: skip


def _total(facts: Facts, known: Known | None, by_unit: Sequence[Member], by_day: Sequence[Member], carried: int) -> Member:
    """All together; where nothing is published of it, as many as the known units or days let expect."""
    expected = 0.0
    for side in (by_unit, by_day):
        fixed = [each for each in side if each.whole_low == each.whole_high]
        if fixed and not expected:
            weight = sum(each.weight for each in fixed)
            expected = sum(each.whole_low for each in fixed) * sum(each.weight for each in side) / max(weight, 1e-9)
    usual = sum(each.whole_low for each in by_unit)
    total = _member("received", known, max(expected, usual), facts.assumed.online_share)
    ended = facts.about("on_time")
    least = 0 if ended is None else _completed_at_least(ended) - carried
    ceiling = min(sum(each.whole_high for each in side) for side in (by_unit, by_day))
    return replace(total, whole_low=max(total.whole_low, least), whole_high=min(total.whole_high, ceiling))


def _completed_at_least(ended: Fact) -> int:
    """Whatever was completed had been received, or carried over; a printed share needs a whole of which it can be taken."""
    if ended.of is not None:
        return ended.of
    least = ended.count or 0
    if ended.percent is None:
        return least
    for whole in range(max(1, least), least + PRINTABLE_WITHIN):
        low, high = counts_for(ended.percent, whole)
        if low <= high and (ended.count is None or low <= ended.count <= high):
            return whole
    return least


def _within(ceiling: int, members: Sequence[Member]) -> list[Member]:
    return [
        replace(
            each, whole_high=min(each.whole_high, ceiling), part_high=min(each.part_high, ceiling),
            rest_high=min(each.rest_high, ceiling),
        )
        for each in members
    ]  # fmt: skip


def _cells(
    rows: Sequence[Pair], columns: Sequence[Pair], said: Mapping[Cell, Known], chance: Random, bold: bool
) -> list[Row] | None:
    """Online and offline are two tables with sums of their own, once the cells of which something is known are settled."""
    settled = _settle(rows, columns, said, chance, bold)
    if settled is None:
        return None
    online, offline = settled
    filled = []
    for cells, sums in ((online, [part for _, part in rows]), (offline, [whole - part for whole, part in rows])):
        down = [part if cells is online else whole - part for whole, part in columns]
        for (row, column), count in cells.items():
            sums[row] -= count
            down[column] -= count
        table = transport.fill(sums, down, cells.keys(), chance)
        if table is None:
            return None
        for (row, column), count in cells.items():
            table[row][column] = count
        filled.append(table)
    return [
        Row(tuple(on + off for on, off in zip(one, other, strict=True)), tuple(one))
        for one, other in zip(*filled, strict=True)
    ]


def _settle(
    rows: Sequence[Pair], columns: Sequence[Pair], said: Mapping[Cell, Known], chance: Random, bold: bool
) -> tuple[dict[Cell, int], dict[Cell, int]] | None:
    """Online and offline counts of the cells of which something is published; None when one finds no room."""
    online: dict[Cell, int] = {}
    offline: dict[Cell, int] = {}
    part_left = [[part for _, part in rows], [part for _, part in columns]]
    rest_left = [[whole - part for whole, part in rows], [whole - part for whole, part in columns]]

    def put(cell: Cell, part: int | None, rest: int | None) -> bool:
        for left, count, known in ((part_left, part, online), (rest_left, rest, offline)):
            if count is not None:
                known[cell] = count
                left[0][cell[0]] -= count
                left[1][cell[1]] -= count
        return min(*(min(side, default=0) for side in (*part_left, *rest_left)), 0) == 0

    def room(cell: Cell, whole: int) -> Pair:
        low, high = _member("", said[cell], 1.0, 0.5).span(whole)
        high = min(high, part_left[0][cell[0]], part_left[1][cell[1]])
        return max(low, whole - min(rest_left[0][cell[0]], rest_left[1][cell[1]])), high

    for cell, known in said.items():
        count_alone = known.received is None and known.percent is None
        if count_alone and not put(cell, known.online, None):
            return None
    waiting = [cell for cell, known in said.items() if known.percent is not None or known.received is not None]
    # What can only be one number goes first, so that the others see what is left.
    waiting.sort(key=lambda cell: (said[cell].received is None, said[cell].online is None, chance.random()))
    for cell in waiting:
        known = said[cell]
        everything = sum(count for count, _ in rows) or 1
        even = max(1, rows[cell[0]][0] * columns[cell[1]][0] // everything)
        wholes = [known.received] if known.received is not None else _wholes_of(known, even, 2 * even + GUESSES_MAX)
        whole = next((count for count in wholes if room(cell, count)[0] <= room(cell, count)[1]), None)
        if whole is None:
            return None
        low, high = room(cell, whole)
        want = part_left[1][cell[1]] + rest_left[1][cell[1]]
        aim = round(whole * part_left[1][cell[1]] / want) if want else low
        if known.percent is not None and whole:
            aim = count_for(known.percent, whole)
        elif bold:
            aim = chance.randint(low, high)
        part = min(max(aim, low), high)
        if not put(cell, part, whole - part):
            return None
    return online, offline


def _wholes_of(known: Known, aim: int, most: int) -> Iterator[int]:
    """Counts of which a part can be what is known of it, the nearest first."""
    member = _member("", known, 1.0, 0.5)
    for away in range(max(aim, most - aim) + 1):
        for whole in dict.fromkeys((aim + away, aim - away)):
            if 0 <= whole <= most and whole >= member.part_low and member.has_room(whole):
                yield whole


def _settled(facts: Facts, units: Sequence[str], said: dict[Place, Known], chance: Random, bold: bool) -> Pair | None:
    """The best online share as a fraction below which all others stay; its unit's figures are settled where they must be.

    One that is only printed counts as its lower end; a bold attempt settles it anywhere within its rounding.
    """
    best = facts.leader("online")
    if best is None:
        return None
    place = (units.index(best.unit or ""), None)
    known = said[place]
    if known.received == 0:
        raise UnsolvableError("nothing has no share that could be the best")
    if known.online is not None and known.received is not None:
        return known.online, known.received
    if known.percent is not None and not bold:
        scale = 10 ** len(known.percent.partition(".")[2])
        return 2 * round(float(known.percent) * scale) - 1, 200 * scale
    whole = known.received
    if whole is None:
        whole = _whole_of(known, facts, best, len(units), said.get((None, None), Known()), chance, bold)
    part = known.online if known.online is not None else a_count_for(known.percent or "0", whole, chance)
    if part is None:
        raise UnsolvableError(f"no whole number of {whole} is {known.percent} %")
    said[place] = replace(known, received=whole, online=part)
    return part, whole


def _whole_of(known: Known, facts: Facts, best: Fact, units: int, everything: Known, chance: Random, bold: bool) -> int:
    """So many that the best unit received, of whom its share alone is known, or how many came online."""
    most = everything.received or ANYTHING
    usual = facts.assumed.received.get(best.unit or "", 0)
    if known.online is not None:
        # Others have the usual share, if they can: the best lies above it.
        share = chance.uniform(0.0 if bold else facts.assumed.online_share, 1.0)
        usual = int(known.online / max(share if known.percent is None else float(known.percent) / 100, 1e-4))
    elif not usual:
        usual = round((everything.received or units) / units * chance.uniform(0.3, 3.0))
    return next(_wholes_of(known, min(max(usual, 1), most), most), 1)
