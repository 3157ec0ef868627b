"""The lives of one unit's dossiers: facts at instants, planned so that exactly as many end in time as its plan says."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from contracts import instants
from contracts.data import Completed, Data, Nothing, Reasoned, Received, Rescheduled, Returned, Submitted
from lab.fortnight import courses, detours
from lab.fortnight.courses import SAFE_SECONDS, Course, World
from lab.fortnight.detours import RECEIVER, Step
from lab.fortnight.solver import UnitPlan, UnsolvableError

LAST_HOUR_SECONDS = 3600
SPACING_SECONDS = 20
UNRECEIVED_SHARE = 0.03
POINTS = 4
ASSISTED_SHARE = 0.08
RETURNED_ALONE_SHARE = 0.06
UNRECEIVED_FATES = {"submitted": 50, "refused": 35, "withdrawn": 8, "supplement": 5, "lapsed": 2}


class Happening(Struct, frozen=True):
    """One fact: when it happened (microseconds since 1970), which body reports it, what it says."""

    at: int
    source: str
    fact: str
    data: Data


Life = list[Happening]


class _Reception(Struct, frozen=True):
    at: int  # working seconds since the period's start
    online: bool


def lives_of(plan: UnitPlan, world: World, chance: Random) -> list[Life]:
    """Every life that begins at this unit."""
    return _Unit(plan, world, chance).lives()


class _Unit:
    def __init__(self, plan: UnitPlan, world: World, chance: Random) -> None:
        self._plan = plan
        self._world = world
        self._hours = world.hours
        self._chance = chance

    def lives(self) -> list[Life]:
        late, on_time, rest = self._by_fate(self._receptions())
        told = [self._ended(each, courses.too_late(each.at, self._world, self._chance), late=True) for each in late]
        told += [self._ended(each, courses.in_time(each.at, self._world, self._chance), late=False) for each in on_time]
        told += [self._unfinished(each) for each in rest]
        unreceived = round(sum(self._plan.online) * UNRECEIVED_SHARE)
        return told + [self._never_received() for _ in range(unreceived)]

    def _receptions(self) -> list[_Reception]:
        chance, per_day = self._chance, self._hours.per_day
        told = []
        for number, (count, online) in enumerate(zip(self._plan.received, self._plan.online, strict=True)):
            # Mondays before nine are well above the mean.
            shape = (1.1, 2.6) if self._hours.days[number].weekday() == 0 else (1.3, 1.8)
            for position in range(count):
                within = 60 + int((per_day - 1260) * chance.betavariate(*shape))
                told.append(_Reception(number * per_day + within, online=position < online))
        return told

    def _by_fate(self, receptions: list[_Reception]) -> tuple[list[_Reception], list[_Reception], list[_Reception]]:
        """Late ones need two working days until the period ends, those in time an hour."""
        plan, total = self._plan, self._hours.total
        late = self._some(receptions, plan.completed - plan.on_time, total - 2 * self._hours.per_day)
        taken = {id(each) for each in late}
        left = [each for each in receptions if id(each) not in taken]
        on_time = self._some(left, plan.on_time, total - LAST_HOUR_SECONDS)
        taken |= {id(each) for each in on_time}
        return late, on_time, [each for each in left if id(each) not in taken]

    def _some(self, among: Sequence[_Reception], count: int, before: int) -> list[_Reception]:
        """So many of those that came early enough; the earlier, the likelier."""
        fit = [each for each in among if each.at < before]
        if len(fit) < count:
            raise UnsolvableError(f"{self._plan.code}: {count} shall end within the period, {len(fit)} came early enough")
        slow = self._hours.per_day
        drawn = sorted(
            (self._chance.random() ** ((before - each.at + slow) / slow), number) for number, each in enumerate(fit)
        )
        # A large exponent makes a small draw: the smallest draws are the early ones.
        return [fit[number] for _, number in drawn[:count]]

    def _ended(self, reception: _Reception, course: Course, *, late: bool) -> Life:
        """A dossier that is completed and mostly returned."""
        until = course.end
        steps = [Step("processing_started", Nothing())]
        if course.promised is not None:
            until = course.due - SAFE_SECONDS
            new_due = instants.show(self._hours.instant(course.promised))
            steps.append(Step("rescheduled", Rescheduled(new_due)))
        else:
            steps += detours.on_the_way(course.procedure, self._world, self._chance)
        moments = self._moments(course.start, until, len(steps))
        if late and course.end < course.due + detours.paused_seconds(steps, moments) + SAFE_SECONDS:
            steps, moments = steps[:1], moments[:1]
        timed = [*zip(moments, steps, strict=True), *self._ending(course.end, reception.online)]
        return self._told(reception, course, timed)

    def _ending(self, end: int, online: bool) -> list[tuple[int, Step]]:
        chance = self._chance
        returned = Step("returned", Returned(channel="online" if online and chance.random() < 0.6 else "direct"), RECEIVER)
        if chance.random() < RETURNED_ALONE_SHARE:
            # Some systems send the return alone: it implies the completion.
            return [(end, returned)]
        electronic = chance.random() < (0.6 if online else 0.2)
        completed = (end, Step("completed", Completed(electronic_result=electronic)))
        handed_out = end + 60 + int(chance.expovariate(1 / 7200))
        return [completed, (handed_out, returned)] if handed_out < self._hours.total else [completed]

    def _unfinished(self, reception: _Reception) -> Life:
        """Received, and at the period's end still open, or ended without a result."""
        course = courses.unfinished(reception.at, self._world, self._chance)
        steps = detours.without_end(self._chance)
        return self._told(
            reception, course, list(zip(self._moments(course.start, course.end, len(steps)), steps, strict=True))
        )

    def _told(self, reception: _Reception, course: Course, timed: Sequence[tuple[int, Step]]) -> Life:
        """The life with its birth, each step reported by the body that takes it."""
        chance, unit = self._chance, self._plan.code
        received_at = self._hours.instant(reception.at)
        competent = detours.competent_body(unit, course.procedure, self._world, chance)
        digitised = True if reception.online or chance.random() < 0.4 else None
        life: Life = []
        if reception.online:
            life.append(self._submission(self._before(received_at), course.procedure.code, competent))
            data = Received(time_limit=course.promised_limit, digitised=digitised)
        else:
            data = Received(
                procedure=course.procedure.code, channel="post" if chance.random() < 0.06 else "direct",
                receiver=unit, competent=competent, time_limit=course.promised_limit, digitised=digitised,
            )  # fmt: skip
        life.append(Happening(received_at, f"/units/{unit}", "received", data))
        for at, step in timed:
            if step.next_body == competent:
                continue  # born there already: nobody hands a dossier over to himself
            body = unit if step.by == RECEIVER else competent
            life.append(Happening(self._hours.instant(at), f"/units/{body}", step.fact, step.data))
            competent = step.next_body or competent
        return life

    def _never_received(self) -> Life:
        """Submitted, then refused, withdrawn, or still waiting when the period ends."""
        chance, hours = self._chance, self._hours
        fate = chance.choices(list(UNRECEIVED_FATES), list(UNRECEIVED_FATES.values()))[0]
        procedure = courses.any_procedure(self._world, chance).code
        if fate == "submitted" and chance.random() < 0.5:
            after_hours = hours.instant(hours.total - 1) + chance.randrange(60, 6 * 3600) * instants.SECOND
            return [self._submission(after_hours, procedure, self._plan.code)]
        # Accepted or refused within eight working hours, so what still waits came within the last ones, with few exceptions.
        recent = fate == "submitted" and chance.random() < 0.9
        start = chance.randrange(hours.total - 7 * 3600 if recent else 60, hours.total - 1800)
        life = [self._submission(hours.instant(start), procedure, self._plan.code)]
        facts: dict[str, tuple[tuple[str, Data], ...]] = {
            "submitted": (),
            "refused": (("refused", Reasoned("not_eligible")),),
            "withdrawn": (("withdrawn", Nothing()),),
            "supplement": (detours.supplement_asked(chance),),
            "lapsed": (detours.supplement_asked(chance), ("supplement_lapsed", Nothing())),
        }
        moments = self._moments(start, min(start + 7 * 3600, hours.total - 1), len(facts[fate]))
        for at, (fact, data) in zip(moments, facts[fate], strict=True):
            life.append(Happening(hours.instant(at), f"/units/{self._plan.code}", fact, data))
        return life

    def _submission(self, at: int, procedure: str, competent: str) -> Happening:
        chance, unit = self._chance, self._plan.code
        point = f"dai-ly-{chance.randint(1, POINTS)}" if chance.random() < ASSISTED_SHARE else None
        data = Submitted(procedure=procedure, channel="online", receiver=unit, competent=competent, assisted_by=point)
        return Happening(at, f"/units/{unit}/{point}" if point else f"/units/{unit}", "submitted", data)

    def _before(self, received_at: int) -> int:
        """When it was submitted: minutes to hours before, or over the weekend, never before the period."""
        chance = self._chance
        earlier = 300 + int(min(chance.expovariate(1 / 9000), 20 * 3600))
        if instants.day_number(received_at) % 7 == 4 and chance.random() < 0.4:  # 1970-01-01 was a Thursday: 4 is a Monday
            earlier += chance.randrange(8, 48) * 3600
        first = self._hours.first_midnight + chance.randrange(60, 6 * 3600) * instants.SECOND
        return max(received_at - earlier * instants.SECOND, first)

    def _moments(self, after: int, before: int, count: int) -> list[int]:
        return sorted(self._chance.sample(range(after + SPACING_SECONDS, before - SPACING_SECONDS, SPACING_SECONDS), count))
