"""Which procedure a dossier is about and when it ends, safely on the wanted side of its due."""

from random import Random

from msgspec import Struct

from contracts.data import TimeLimit
from contracts.reference import Procedure
from lab.fortnight.facts import Assumed
from lab.fortnight.hours import NEVER, WORKING_DAY_SECONDS, Hours
from lab.fortnight.solver import UnsolvableError

# No planned end lies closer to a due than this, so that no rounding can turn early into late.
SAFE_SECONDS = 600
LATE_AT_MOST_SECONDS = 2 * WORKING_DAY_SECONDS
LASTS_AT_MOST_SECONDS = 5 * WORKING_DAY_SECONDS
LETTER_SHARE = 0.02
OVERDUE_SHARE = 0.05
PROMISED_LIMIT_SHARE = 0.08
# A procedure for which the catalogue has no limit is completed under one that the centre promised.
PROMISED_LIMIT = TimeLimit(10, "working_days")


class World(Struct, frozen=True):
    """What all units share."""

    hours: Hours
    assumed: Assumed
    procedures: tuple[Procedure, ...]
    units: tuple[str, ...]


class Course(Struct, frozen=True, kw_only=True):
    """Instants in working seconds of the period; `promised` is the appointment of an apology letter."""

    procedure: Procedure
    promised_limit: TimeLimit | None
    start: int
    due: int
    end: int
    promised: int | None = None


def in_time(start: int, world: World, chance: Random) -> Course:
    """Ends at or before its due, or before the appointment of a letter that was sent in time."""
    last = world.hours.total - SAFE_SECONDS
    procedure, limit, due = _procedure(start, (start + 2 * SAFE_SECONDS, NEVER), world, chance)
    if start + 2 * SAFE_SECONDS < due < last - 3 * SAFE_SECONDS and chance.random() < LETTER_SHARE:
        promised = min(due + chance.randrange(1, 3) * WORKING_DAY_SECONDS, last)
        end = chance.randrange(due + SAFE_SECONDS, promised - SAFE_SECONDS)
        return Course(procedure=procedure, promised_limit=limit, start=start, due=due, end=end, promised=promised)
    end = _between(start + SAFE_SECONDS, min(due - SAFE_SECONDS, last, start + LASTS_AT_MOST_SECONDS), (1.3, 1.3), chance)
    return Course(procedure=procedure, promised_limit=limit, start=start, due=due, end=end)


def too_late(start: int, world: World, chance: Random) -> Course:
    """Ends after its due; whoever adds pauses has to look whether it still does."""
    last = world.hours.total - SAFE_SECONDS
    procedure, limit, due = _procedure(start, (start, last - 2 * SAFE_SECONDS), world, chance)
    end = _between(due + SAFE_SECONDS, min(last, due + LATE_AT_MOST_SECONDS), (1, 2), chance)
    return Course(procedure=procedure, promised_limit=limit, start=start, due=due, end=end)


def unfinished(start: int, world: World, chance: Random) -> Course:
    """Mostly due after the period; `end` is where the last of its facts may lie."""
    total = world.hours.total
    early_enough = start < total - world.hours.per_day
    span = (start, total) if early_enough and chance.random() < OVERDUE_SHARE else (total, NEVER)
    procedure, limit, due = _procedure(start, span, world, chance)
    return Course(
        procedure=procedure, promised_limit=limit, start=start, due=due,
        end=min(total - 1, start + 3 * WORKING_DAY_SECONDS),
    )  # fmt: skip


def any_procedure(world: World, chance: Random) -> Procedure:
    """A procedure as often as people ask for it."""
    return _drawn(world.procedures, world.assumed, chance)


def _procedure(
    start: int, due_between: tuple[int, int], world: World, chance: Random
) -> tuple[Procedure, TimeLimit | None, int]:
    """A procedure, the limit to be said in the event if it is not the catalogue's, and the due."""
    earliest, latest = due_between
    dues: dict[str, int] = {}
    limits: dict[str, TimeLimit] = {}
    for each in world.procedures:
        limit = each.time_limit
        if limit is None:
            limit = limits[each.code] = PROMISED_LIMIT
        due = world.hours.due(limit, start)
        if due is not None and earliest <= due <= latest:
            dues[each.code] = due
    fit = tuple(each for each in world.procedures if each.code in dues)
    if not fit:
        raise UnsolvableError("the catalogue has no procedure with a limit short or long enough")
    chosen = _drawn(fit, world.assumed, chance)
    promised, due = limits.get(chosen.code), dues[chosen.code]
    limit = chosen.time_limit
    if limit is not None and limit.unit == "working_days" and limit.amount >= 2 and chance.random() < PROMISED_LIMIT_SHARE:
        shorter = TimeLimit(limit.amount - 1, "working_days")
        earlier = world.hours.due(shorter, start)
        if earlier is not None and earliest <= earlier <= latest:
            return chosen, shorter, earlier
    return chosen, promised, due


def _drawn(procedures: tuple[Procedure, ...], assumed: Assumed, chance: Random) -> Procedure:
    return chance.choices(procedures, [assumed.fields.get(each.field, 1.0) for each in procedures])[0]


def _between(earliest: int, latest: int, shape: tuple[float, float], chance: Random) -> int:
    return earliest + int((latest - earliest) * chance.betavariate(*shape))
