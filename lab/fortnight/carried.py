"""When dossiers came that were received before the period and are open at its start, and how they go on in it."""

from collections.abc import Callable, Iterator
from random import Random

from lab.errors import UnsolvableError
from lab.fortnight import courses
from lab.fortnight.arrivals import Arrival, arrival
from lab.fortnight.courses import SAFE_SECONDS, Course, Demand, World
from lab.fortnight.hours import WORKING_DAY_SECONDS
from lab.fortnight.solver import UnitPlan

Taken = Callable[[int, Demand, World, Random], Course]
Begun = tuple[Arrival, Course]
# Most came not long before: the mean of what is drawn, in working seconds.
USUAL_AGE_SECONDS = 6 * WORKING_DAY_SECONDS
FIRST_SECONDS = 60
# A day on which no procedure has a limit that fits is drawn anew so often: then the nearest and the first are tried.
DRAWS = 20


def late(plan: UnitPlan, world: World, chance: Random) -> Iterator[Begun]:
    """Those that the period completes too late."""
    return _begun(plan.carried_completed - plan.carried_on_time, courses.too_late, world, chance)


def in_time(plan: UnitPlan, world: World, chance: Random) -> Iterator[Begun]:
    """Those that it completes in time."""
    return _begun(plan.carried_on_time, courses.in_time, world, chance)


def unfinished(plan: UnitPlan, world: World, chance: Random) -> Iterator[Begun]:
    """Those that stay open beyond it, or end in it without a result."""
    return _begun(plan.carried_over - plan.carried_completed, courses.unfinished, world, chance)


def _begun(count: int, taken: Taken, world: World, chance: Random) -> Iterator[Begun]:
    for _ in range(count):
        course = _course(taken, world, chance)
        online = chance.random() < world.assumed.online_share
        yield arrival(course.start, online, world.hours.day(course.start), world.hours, chance), course


def _course(taken: Taken, world: World, chance: Random) -> Course:
    latest = world.opens - SAFE_SECONDS
    drawn = (_start(latest, chance) for _ in range(DRAWS))
    for start in (*drawn, latest, FIRST_SECONDS):
        try:
            return taken(start, world.single, world, chance)
        except UnsolvableError:
            continue
    raise UnsolvableError("no procedure has a limit with which what was carried over could end as planned")


def _start(latest: int, chance: Random) -> int:
    start = latest - int(chance.expovariate(1 / USUAL_AGE_SECONDS))
    return start if start >= FIRST_SECONDS else chance.randrange(FIRST_SECONDS, latest)
