"""When dossiers reach one unit, alone or as legs of a joint case, and which of them will end late, in time or later."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from contracts import instants
from lab.errors import UnsolvableError
from lab.fortnight.courses import SAFE_SECONDS, World, late_until
from lab.fortnight.hours import Hours
from lab.fortnight.solver import UnitPlan

FIRST_SECONDS = 60
# Nothing is received so late that it could not be completed in time on the same day.
LAST_BEFORE_CLOSING_SECONDS = 2 * SAFE_SECONDS
COMFORTABLE_SECONDS = 3600
JOINT_SHARE = 0.012
LEGS = (2, 3)
LEG_AFTER_SECONDS = (5, 120)


class Arrival(Struct, frozen=True, kw_only=True, gc=False):
    """A reception; `born_at` is its submission if it came online; `joint` numbers the case that it leads or is a leg of."""

    at: int  # working seconds since the period's start
    online: bool
    received_at: int
    born_at: int
    joint: int | None = None
    leads: bool = False


class Fates(Struct, frozen=True):
    """Arrivals by how they will end."""

    late: list[Arrival]
    in_time: list[Arrival]
    unfinished: list[Arrival]


def fates(plan: UnitPlan, world: World, chance: Random) -> Fates:
    """All receptions of a unit's plan; UnsolvableError when too few come early enough."""
    every = _arrivals(plan, world.hours, chance)
    hours, per_day = world.hours, world.hours.length(0)
    comfortable = hours.total - 2 * per_day
    late = _some(plan, every, plan.own_late, (comfortable, late_until(world)), per_day, chance)
    taken = set(map(id, late))
    left = [each for each in every if id(each) not in taken]
    in_time = _some(plan, left, plan.own_on_time, (hours.total - COMFORTABLE_SECONDS, hours.total), per_day, chance)
    taken |= set(map(id, in_time))
    return Fates(late, in_time, [each for each in left if id(each) not in taken])


def _arrivals(plan: UnitPlan, hours: Hours, chance: Random) -> list[Arrival]:
    told: list[Arrival] = []
    for number, (count, online) in enumerate(zip(plan.received, plan.online, strict=True)):
        # Mornings after days off are well above the mean.
        shape = (1.1, 2.6) if hours.after_rest(number) else (1.3, 1.8)
        room = hours.length(number) - FIRST_SECONDS - LAST_BEFORE_CLOSING_SECONDS
        day: list[Arrival] = []
        for position in range(count):
            at = hours.before[number] + FIRST_SECONDS + int(room * chance.betavariate(*shape))
            day.append(arrival(at, position < online, number, hours, chance))
        latest = hours.before[number + 1] - LAST_BEFORE_CLOSING_SECONDS
        told += _joined(day[:online], latest, len(told), hours, chance)
        told += _joined(day[online:], latest, len(told), hours, chance)
    return told


def arrival(at: int, online: bool, number: int, hours: Hours, chance: Random) -> Arrival:
    """A reception on the day of that number, with its submission before it if it came online."""
    received_at = hours.instant(at)
    born_at = _before(received_at, hours.after_rest(number), hours, chance) if online else received_at
    return Arrival(at=at, online=online, received_at=received_at, born_at=born_at)


def _before(received_at: int, after_rest: bool, hours: Hours, chance: Random) -> int:
    """When it was submitted: minutes to hours before, or over the days off, never before the period."""
    earlier = 300 + int(min(chance.expovariate(1 / 9000), 20 * 3600))
    if after_rest and chance.random() < 0.4:
        earlier += chance.randrange(8, 48) * 3600
    submitted = received_at - earlier * instants.SECOND
    if submitted > hours.first_midnight:
        return submitted
    return hours.first_midnight + chance.randrange(60, 6 * 3600) * instants.SECOND


def _joined(alike: list[Arrival], latest: int, first_number: int, hours: Hours, chance: Random) -> list[Arrival]:
    """Some become joint cases: the next ones of the same day and channel are their legs, moments after them."""
    told: list[Arrival] = []
    place = 0
    while place < len(alike):
        lead, legs = alike[place], chance.choice(LEGS)
        if place + legs >= len(alike) or chance.random() >= JOINT_SHARE:
            told.append(lead)
            place += 1
            continue
        joint = first_number + place
        told.append(replace(lead, joint=joint, leads=True))
        after = 0
        for _ in range(legs):
            after += chance.randint(*LEG_AFTER_SECONDS)
            at = min(lead.at + after, latest)
            received_at = hours.instant(at)
            born_at = lead.born_at + after * instants.SECOND if lead.online else received_at
            told.append(Arrival(at=at, online=lead.online, received_at=received_at, born_at=born_at, joint=joint))
        place += 1 + legs
    return told


def _some(
    plan: UnitPlan, among: Sequence[Arrival], count: int, before: tuple[int, int], slow: int, chance: Random
) -> list[Arrival]:
    """So many of those that came early enough; the earlier, the likelier. The later bound holds only if it must."""
    comfortable, latest = before
    fit = [each for each in among if each.at < comfortable]
    if len(fit) < count:
        fit = sorted((each for each in among if each.at < latest), key=lambda each: each.at)
        if len(fit) < count:
            raise UnsolvableError(
                f"unit {plan.code}: {count} shall end within the period as planned, {len(fit)} were received early enough"
            )
        return fit[:count]
    # A large exponent makes a small draw: the smallest draws are the early ones.
    drawn = sorted((chance.random() ** ((comfortable - each.at + slow) / slow), number) for number, each in enumerate(fit))
    return [fit[number] for _, number in drawn[:count]]
