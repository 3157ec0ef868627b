"""Which procedure a dossier is about and when it ends, safely on the wanted side of its due."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from random import Random

from msgspec import Struct

from contracts.data import TimeLimit
from contracts.reference import Procedure
from lab.errors import UnsolvableError
from lab.fortnight.facts import Assumed
from lab.fortnight.hours import NEVER, WORKING_DAY_SECONDS, Hours

# No planned end lies closer to a due than this, so that no rounding can turn early into late.
SAFE_SECONDS = 600
LATE_AT_MOST_SECONDS = 2 * WORKING_DAY_SECONDS
LASTS_AT_MOST_SECONDS = 5 * WORKING_DAY_SECONDS
LETTER_SHARE = 0.02
LETTER_IN_VAIN_SHARE = 0.05
OVERDUE_SHARE = 0.05
PROMISED_LIMIT_SHARE = 0.08
# A procedure for which the catalogue has no limit is completed under one that the centre promised.
PROMISED_LIMIT = TimeLimit(10, "working_days")
# Drawn so often before all that would fit are looked for: most procedures fit most dossiers.
DRAWS = 12


class Demand(Struct, frozen=True):
    """Procedures, as often as people ask for each."""

    procedures: tuple[Procedure, ...]
    cumulative: tuple[float, ...]

    @staticmethod
    def of(procedures: Sequence[Procedure], assumed: Assumed) -> "Demand":
        """By the weights of their fields; alike where none of them has a weight."""
        weights = [assumed.fields.get(each.field, 1.0) for each in procedures]
        return Demand(tuple(procedures), tuple(accumulate(weights if any(weights) else [1.0] * len(weights))))

    def draw(self, chance: Random) -> Procedure:
        """One of them."""
        return chance.choices(self.procedures, cum_weights=self.cumulative)[0]


class World(Struct, frozen=True, kw_only=True):
    """One unit's: its hours, and what all units share; `joint` are the procedures of cases that have legs of their own.

    `hours` may begin before the period: that begins when so many working seconds are over as `opens` says.
    """

    hours: Hours
    opens: int = 0
    others: Mapping[str, Hours] = {}  # bodies that keep other hours than this unit
    assumed: Assumed
    single: Demand
    joint: Demand
    units: tuple[str, ...]


class Course(Struct, frozen=True, kw_only=True, gc=False):
    """Instants in working seconds of the period; `promised` is the appointment of an apology letter."""

    procedure: Procedure
    limit: TimeLimit
    start: int
    due: int
    end: int
    promised: int | None = None

    @property
    def promised_limit(self) -> TimeLimit | None:
        """The limit to be said in the event because it is not the catalogue's."""
        return None if self.limit == self.procedure.time_limit else self.limit


def in_time(start: int, demand: Demand, world: World, chance: Random) -> Course:
    """Ends at or before its due, or before the appointment of a letter that was sent in time."""
    last = world.hours.total - SAFE_SECONDS
    since = max(start, world.opens)
    procedure, limit, due = _procedure(start, (since + 2 * SAFE_SECONDS, NEVER), demand, world, chance)
    if since + 2 * SAFE_SECONDS < due < last - 3 * SAFE_SECONDS and chance.random() < LETTER_SHARE:
        promised = min(due + chance.randrange(1, 3) * WORKING_DAY_SECONDS, last)
        end = chance.randrange(due + SAFE_SECONDS, promised - SAFE_SECONDS)
        return Course(procedure=procedure, limit=limit, start=start, due=due, end=end, promised=promised)
    end = _between(since + SAFE_SECONDS, min(due - SAFE_SECONDS, last, since + LASTS_AT_MOST_SECONDS), (1.3, 1.3), chance)
    return Course(procedure=procedure, limit=limit, start=start, due=due, end=end)


def too_late(start: int, demand: Demand, world: World, chance: Random) -> Course:
    """Ends after its due, even after a letter's appointment; whoever adds pauses has to look whether it still does."""
    last = world.hours.total - SAFE_SECONDS
    procedure, limit, due = _procedure(start, (start, last - 2 * SAFE_SECONDS), demand, world, chance)
    since = max(due, world.opens)
    end = _between(since + SAFE_SECONDS, min(last, since + LATE_AT_MOST_SECONDS), (1, 2), chance)
    promised = None
    if due > start + 3 * SAFE_SECONDS and end > due + 3 * SAFE_SECONDS and chance.random() < LETTER_IN_VAIN_SHARE:
        promised = chance.randrange(due + SAFE_SECONDS, end - SAFE_SECONDS)
    return Course(procedure=procedure, limit=limit, start=start, due=due, end=end, promised=promised)


def late_until(world: World) -> int:
    """A dossier received before this can still be completed too late, whatever the procedures of the catalogue."""
    hours = [
        each.time_limit.amount * 3600
        for each in world.single.procedures
        if each.time_limit is not None and each.time_limit.unit == "working_hours"
    ]
    return world.hours.total - 3 * SAFE_SECONDS - min(hours, default=world.hours.total)


def unfinished(start: int, demand: Demand, world: World, chance: Random) -> Course:
    """Mostly due after the period, unless no limit is so long; `end` is where the last of its facts may lie."""
    total = world.hours.total
    early_enough = start < total - WORKING_DAY_SECONDS
    span = (start, total) if early_enough and chance.random() < OVERDUE_SHARE else (total, NEVER)
    try:
        procedure, limit, due = _procedure(start, span, demand, world, chance)
    except UnsolvableError:
        procedure, limit, due = _procedure(start, (start, NEVER), demand, world, chance)
    end = min(total - 1, max(start, world.opens) + 3 * WORKING_DAY_SECONDS)
    return Course(procedure=procedure, limit=limit, start=start, due=due, end=end)


def _procedure(
    start: int, due_between: tuple[int, int], demand: Demand, world: World, chance: Random
) -> tuple[Procedure, TimeLimit, int]:
    """A procedure with a limit and its due, which lies between these two."""
    earliest, latest = due_between
    chosen, due = _fitting(start, due_between, demand, world, chance)
    limit = chosen.time_limit or PROMISED_LIMIT
    if limit.unit == "working_days" and limit.amount >= 2 and chance.random() < PROMISED_LIMIT_SHARE:
        shorter = TimeLimit(limit.amount - 1, "working_days")
        earlier = world.hours.due(shorter, start)
        if earliest <= earlier <= latest:
            return chosen, shorter, earlier
    return chosen, limit, due


def _fitting(
    start: int, due_between: tuple[int, int], demand: Demand, world: World, chance: Random
) -> tuple[Procedure, int]:
    earliest, latest = due_between
    for _ in range(DRAWS):
        drawn = demand.draw(chance)
        due = world.hours.due(drawn.time_limit or PROMISED_LIMIT, start)
        if earliest <= due <= latest:
            return drawn, due
    dues = {each.code: world.hours.due(each.time_limit or PROMISED_LIMIT, start) for each in demand.procedures}
    fit = [each for each in demand.procedures if earliest <= dues[each.code] <= latest]
    if fit:
        drawn = Demand.of(fit, world.assumed).draw(chance)
        return drawn, dues[drawn.code]
    if demand is world.joint:
        return _fitting(start, due_between, world.single, world, chance)
    raise UnsolvableError("the catalogue has no procedure with a limit short or long enough")


def _between(earliest: int, latest: int, shape: tuple[float, float], chance: Random) -> int:
    return earliest + int((latest - earliest) * chance.betavariate(*shape))
