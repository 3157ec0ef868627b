"""The lives of one unit's dossiers: facts at instants, planned so that exactly as many end in time as its plan says."""

from collections.abc import Sequence
from random import Random

from contracts.data import Annulled, Completed, Data, Nothing, Received, Rescheduled, Returned, Submitted, SupplementProvided
from contracts.reference import Procedure
from lab.fortnight import arrivals, carried, courses, detours, unreceived
from lab.fortnight.arrivals import Arrival
from lab.fortnight.courses import SAFE_SECONDS, Course, Demand, World
from lab.fortnight.detours import RECEIVER, Step
from lab.fortnight.happenings import Happening, Life, agent, moments, old_headquarters, shown
from lab.fortnight.hours import WORKING_DAY_SECONDS
from lab.fortnight.solver import UnitPlan

RETURNED_ALONE_SHARE = 0.06
SUPPLEMENT_BEFORE_SHARE = 0.02
SLIP_AT_BIRTH_SHARE = 0.004
OLD_HEADQUARTERS_SHARE = 0.12
ON_PAPER_SHARE = 0.25
POST_SHARE = 0.06
# The slip at reception is seen within minutes.
SLIP_SEEN_SECONDS = (60, 500)
ENDS = frozenset({"completed", "returned"})


def lives_of(plan: UnitPlan, world: World, chance: Random) -> list[Life]:
    """Every life that begins at this unit."""
    return _Unit(plan, world, chance).lives()


def carried_lives_of(plan: UnitPlan, world: World, chance: Random) -> list[Life]:
    """Every life that began at this unit before the period and goes on in it."""
    return _Unit(plan, world, chance).carried()


class _Unit:
    def __init__(self, plan: UnitPlan, world: World, chance: Random) -> None:
        self._plan = plan
        self._world = world
        self._hours = world.hours
        self._chance = chance

    def lives(self) -> list[Life]:
        chance, world = self._chance, self._world
        fates = arrivals.fates(self._plan, world, chance)
        told = []
        for each in fates.late:
            told.append(self._ended(each, courses.too_late(each.at, self._asked(each), world, chance), late=True))
        for each in fates.in_time:
            told.append(self._ended(each, courses.in_time(each.at, self._asked(each), world, chance), late=False))
        for each in fates.unfinished:
            told.append(self._unfinished(each, courses.unfinished(each.at, self._asked(each), world, chance)))
        return told + unreceived.lives_of(self._plan, world, chance)

    def carried(self) -> list[Life]:
        """Those that were received before the period; `world` has the hours of that time, too."""
        world, chance = self._world, self._chance
        told = []
        for arrival, course in carried.late(self._plan, world, chance):
            told.append(self._ended(arrival, course, late=True))
        for arrival, course in carried.in_time(self._plan, world, chance):
            told.append(self._ended(arrival, course, late=False))
        for arrival, course in carried.unfinished(self._plan, world, chance):
            told.append(self._unfinished(arrival, course))
        return told

    def _asked(self, arrival: Arrival) -> Demand:
        return self._world.joint if arrival.leads else self._world.single

    def _ended(self, arrival: Arrival, course: Course, *, late: bool) -> Life:
        """A dossier that is completed and mostly returned."""
        until = course.end
        steps = [Step("processing_started", Nothing())]
        if course.promised is not None:
            until = course.due - SAFE_SECONDS
            steps.append(Step("rescheduled", Rescheduled(shown(self._hours.instant(course.promised)))))
        else:
            steps += detours.on_the_way(self._plan.code, course.procedure, self._world, self._chance)
        at = self._moments(course.start, until, len(steps))
        if late:
            due = detours.moved_due(course, steps, at, self._world)
            if due is None or course.end < due + SAFE_SECONDS:
                steps, at = steps[:1], at[:1]
        return self._told(arrival, course, [*zip(at, steps, strict=True), *self._ending(course.end, arrival.online)])

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

    def _unfinished(self, arrival: Arrival, course: Course) -> Life:
        """Received, and at the period's end still open, or ended without a result."""
        steps = detours.without_end(self._chance)
        at = self._moments(course.start, course.end, len(steps))
        return self._told(arrival, course, list(zip(at, steps, strict=True)))

    def _moments(self, start: int, until: int, count: int) -> list[int]:
        """When so many steps are taken; of a dossier from before the period only the first, which ends nothing, is then."""
        opens, chance = self._world.opens, self._chance
        if start >= opens or until < opens + SAFE_SECONDS or not count:
            return moments(start, until, count, chance)
        taken_up = moments(start, min(opens, start + WORKING_DAY_SECONDS), 1, chance)
        return taken_up + moments(opens, until, count - 1, chance)

    def _suits(self, competent: str, course: Course, timed: Sequence[tuple[int, Step]]) -> bool:
        """Whether bodies with other hours are open when they report, and by theirs the dossier ends as it is planned."""
        body, others = competent, self._world.others
        for at, step in timed:
            reporter = others.get(self._plan.code if step.by == RECEIVER else body)
            if reporter is not None and not reporter.is_open(self._hours.instant(at)):
                return False
            body = step.next_body or body
        other = others.get(competent)
        if other is None or not any(step.fact in ENDS for _, step in timed):
            return True
        law = other.law(self._hours.instant(course.start))
        due = self._hours.due_by(law, course.limit, course.start)
        if course.promised is not None:
            return False
        if course.end < course.due:
            return course.end + SAFE_SECONDS <= due
        return course.end >= due + SAFE_SECONDS and not any(step.fact in detours.BEGINS_PAUSE for _, step in timed)

    def _told(self, arrival: Arrival, course: Course, timed: Sequence[tuple[int, Step]]) -> Life:
        """The life with its birth, each step reported by the body that takes it."""
        unit = self._plan.code
        competent = detours.competent_body(unit, course.procedure, self._world, self._chance)
        if self._world.others and not self._suits(competent, course, timed):
            competent, timed = unit, [(at, step) for at, step in timed if step.next_body is None]
        digitised = True if arrival.online or self._chance.random() < 0.4 else None
        if arrival.online:
            told = self._submitted(arrival, course.procedure, competent)
            data = Received(time_limit=course.promised_limit, digitised=digitised)
            told.append(Happening(arrival.received_at, f"/units/{unit}", "received", data))
        else:
            told = self._born_at_the_counter(arrival, course, competent, digitised)
        for at, step in timed:
            if step.next_body == competent:
                continue  # born there already: nobody hands a dossier over to himself
            body = unit if step.by == RECEIVER else competent
            annuls = len(told) - 1 if isinstance(step.data, Annulled) else None
            told.append(Happening(self._hours.instant(at), f"/units/{body}", step.fact, step.data, annuls=annuls))
            competent = step.next_body or competent
        return Life(told, joint=arrival.joint, leads=arrival.leads)

    def _submitted(self, arrival: Arrival, procedure: Procedure, competent: str) -> list[Happening]:
        """The submission and, now and then, what the centre asked for before it received the dossier."""
        chance, hours, unit = self._chance, self._hours, self._plan.code
        point = agent(chance)
        data = Submitted(procedure=procedure.code, channel="online", receiver=unit, competent=competent, assisted_by=point)
        source = f"/units/{unit}/{point}" if point else f"/units/{unit}"
        told = [Happening(arrival.born_at, source, "submitted", data)]
        asked = arrival.at - 5400
        if chance.random() < SUPPLEMENT_BEFORE_SHARE and asked > 0 and arrival.born_at < hours.instant(asked):
            first, second = moments(asked, arrival.at, 2, chance)
            steps: tuple[tuple[int, str, Data], ...] = (
                (first, *detours.supplement_asked(chance)),
                (second, "supplement_provided", SupplementProvided()),
            )
            told += [Happening(hours.instant(at), f"/units/{unit}", fact, said) for at, fact, said in steps]
        return told

    def _born_at_the_counter(
        self, arrival: Arrival, course: Course, competent: str, digitised: bool | None
    ) -> list[Happening]:
        """The reception, at the centre or at an old headquarters that still takes dossiers, mostly on paper."""
        chance, unit = self._chance, self._plan.code
        point = old_headquarters(chance) if chance.random() < OLD_HEADQUARTERS_SHARE else None
        data = Received(
            procedure=course.procedure.code, channel="post" if chance.random() < POST_SHARE else "direct",
            receiver=unit, competent=competent, assisted_by=point, time_limit=course.promised_limit, digitised=digitised,
        )  # fmt: skip
        source = f"/units/{unit}/{point}" if point else f"/units/{unit}"
        on_paper = point is not None and chance.random() < ON_PAPER_SHARE
        received = Happening(arrival.received_at, source, "received", data, on_paper=on_paper)
        seen = arrival.at + chance.randint(*SLIP_SEEN_SECONDS)
        if on_paper or chance.random() >= SLIP_AT_BIRTH_SHARE:
            return [received]
        # Typed for another procedure, annulled, and entered anew with the time at which it really was received.
        other = self._world.single.draw(chance).code
        slip = Happening(arrival.received_at, source, "received", Received(
            procedure=other, channel=data.channel, receiver=unit, competent=unit, assisted_by=point))  # fmt: skip
        annulled = Happening(self._hours.instant(seen), source, "annulled", Annulled("", "wrong_procedure"), annuls=0)
        return [slip, annulled, received]
