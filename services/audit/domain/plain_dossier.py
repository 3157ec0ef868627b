"""A dossier once more, from its reported records alone: which events are kept, how it stands, how each record counts."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from contracts import instants
from contracts.events import Event
from contracts.lifecycle import Counted, Outcome, Stand
from services.audit.domain.plain_history import History, Kept, history
from services.audit.domain.plain_rules import PlainRules

KEPT_MAX, MISFITS_MAX = 256, 32
PARKED_FOR = 7 * instants.DAY
UNBORN_FOR, ENDED_FOR = 90 * instants.DAY, 400 * instants.DAY
ENDED = (3, 7, 88, 9, 10)


@dataclass
class Course:
    """How clock and rules of one partition went: offsets, rising, and what held from there on."""

    ticks: "array[int]" = field(default_factory=lambda: array("Q"))
    clocks: "array[int]" = field(default_factory=lambda: array("q"))
    digests: list[tuple[int, str]] = field(default_factory=list)

    @property
    def last_clock(self) -> int | None:
        """The log clock after the last record."""
        return self.clocks[-1] if self.clocks else None

    def tick(self, offset: int, at: int) -> None:
        """A tick at an offset; the clock never goes back."""
        self.ticks.append(offset)
        self.clocks.append(max(at, self.clocks[-1]) if self.clocks else at)

    def clock(self, offset: int) -> int | None:
        """The log clock after the record at an offset."""
        place = bisect_right(self.ticks, offset)
        return self.clocks[place - 1] if place else None

    def digest(self, offset: int) -> str | None:
        """The rules after the record at an offset."""
        place = bisect_right(self.digests, offset, key=lambda pair: pair[0])
        return self.digests[place - 1][1] if place else None


@dataclass(frozen=True)
class Arrived:
    """A reported event of the dossier; `failed` where the fold said that it could not take it."""

    offset: int
    event: Event
    recorded_at: int
    failed: bool = False


@dataclass(frozen=True)
class Derived:
    """What was found: how it stands, how every record counts, and the dues."""

    stand: Stand
    counted: Mapping[int, Counted]
    history: History
    retired: bool


def derive(arrived: Iterable[Arrived], course: Course, bodies: Mapping[str, PlainRules], upto: int) -> Derived:
    """The dossier as of the reported record at `upto`, from nothing."""
    kept: list[Kept] = []
    outside: dict[int, Counted] = {}
    retired: int | None = None
    seen = [each for each in arrived if each.offset <= upto]
    for each in seen:
        if retired is None:
            retired = _retired(kept, course, bodies, each.offset - 1)
        standing = "rejected" if each.failed or retired is not None else _at_arrival(each, kept, course, bodies)
        if standing is None:
            kept.append(Kept(each.offset, each.event, each.recorded_at, course.clock(each.offset)))
        else:
            outside[each.offset] = _counted(each.event, standing)
    if retired is None:
        retired = _retired(kept, course, bodies, upto)
    as_of = upto if retired is None else retired
    told = _history(kept, course, bodies, as_of)
    clock, rules = course.clock(as_of), bodies[course.digest(as_of) or ""]
    return Derived(_stand(told, clock, rules), {**outside, **_content(told, kept, clock)}, told, retired is not None)


# --- what is kept -----------------------------------------------------------------------------------------------------


def _at_arrival(each: Arrived, kept: list[Kept], course: Course, bodies: Mapping[str, PlainRules]) -> Outcome | None:
    """`duplicate` or `rejected` for what is not kept, None for what is."""
    event, code = each.event, each.event.code
    for before in kept:
        if before.identity == (event.source, event.id):
            same = (event.fact, event.time, event.data) == (before.event.fact, before.event.time, before.event.data)
            return "duplicate" if same else "rejected"
    own = [before for before in kept if before.event.code == code]
    if len(own) >= KEPT_MAX:
        return "rejected"
    if len(own) >= MISFITS_MAX:
        misfits = _history(kept, course, bodies, each.offset).misfits
        if sum(misfit.event.code == code for misfit in misfits) >= MISFITS_MAX:
            arrival = Kept(each.offset, event, each.recorded_at, course.clock(each.offset))
            then = _history([*kept, arrival], course, bodies, each.offset).misfits
            if any(misfit.offset == each.offset for misfit in then):
                return "rejected"
    return None


def _retired(kept: list[Kept], course: Course, bodies: Mapping[str, PlainRules], upto: int) -> int | None:
    """The offset of the tick, up to `upto`, at which the history left; None when it has not."""
    begin, end = bisect_right(course.ticks, kept[-1].offset if kept else upto), bisect_right(course.ticks, upto)
    if begin == end:
        return None
    since = course.clocks[0] if kept[-1].log_clock is None else kept[-1].log_clock
    unborn, ended = (bisect_left(course.clocks, since + span, begin, end) for span in (UNBORN_FOR, ENDED_FOR))
    # What a set comes to changes with the rules alone: no other tick than these can be the first at which it leaves.
    first_under_rules = {bisect_right(course.ticks, offset) for offset, _ in course.digests}
    for place in sorted({unborn, ended} | first_under_rules):
        if unborn <= place < end:
            state = _history(kept, course, bodies, course.ticks[place]).state
            if state == 0 or (state in ENDED and place >= ended):
                return course.ticks[place]
    return None


def _history(kept: list[Kept], course: Course, bodies: Mapping[str, PlainRules], at: int) -> History:
    return history(kept, bodies[course.digest(at) or ""])


# --- how it counts ----------------------------------------------------------------------------------------------------


def _content(told: History, kept: list[Kept], clock: int | None) -> dict[int, Counted]:
    counted: dict[int, Counted] = {}
    misfits = {misfit.offset for misfit in told.misfits}
    for each in kept:
        standing: Outcome = "applied"
        if each.offset in misfits:
            standing = _misfit(each, clock)
        elif each.offset in told.repeats:
            standing = "duplicate"
        elif each.offset in told.annulled:
            standing = "annulled"
        entered = each.recorded_at if each.event.recordedtime is None else each.event.recordedtime
        is_counted = standing != "annulled"
        counted[each.offset] = Counted(
            standing=standing,
            source=each.event.code,
            day=instants.day_of(each.event.time),
            skewed=is_counted and each.event.time - each.recorded_at > 5 * instants.MINUTE,
            backdated=is_counted and entered - each.event.time > 60 * instants.MINUTE,
            step=told.steps.get(each.offset),
        )
    return counted


def _misfit(each: Kept, clock: int | None) -> Outcome:
    return "rejected" if clock is not None and clock >= each.event.time + PARKED_FOR else "parked"


def _counted(event: Event, standing: Outcome) -> Counted:
    return Counted(standing=standing, source=event.code, day=instants.day_of(event.time))


def _stand(told: History, clock: int | None, rules: PlainRules) -> Stand:
    parked: dict[str, int] = {}
    for misfit in told.misfits:
        if _misfit(misfit, clock) == "parked":
            parked[misfit.event.code] = parked.get(misfit.event.code, 0) + 1
    birth = told.birth
    if birth is None:
        return Stand(parked=parked)
    due = told.due_current if told.state in (2, 4) else None
    left = None if due is None or clock is None else due[0] - clock
    limit = told.acceptance_due if told.state == 1 else None
    return Stand(
        procedure=birth.procedure,
        field=birth.field or rules.field(birth.procedure or ""),
        channel=birth.channel,
        receiver=birth.receiver,
        competent=told.competent if clock is None else rules.body_of(told.competent, clock),
        state={80: 8, 88: 8}.get(told.state, told.state),
        state_detail="suspended" if told.state == 80 else "terminal" if told.state == 88 else None,
        overdue=left is not None and left < 0,
        due_in_24h=left is not None and 0 <= left <= instants.DAY,
        due_in_72h=left is not None and 0 <= left <= 3 * instants.DAY,
        acceptance_overdue=limit is not None and clock is not None and clock > limit,
        parked=parked,
    )
