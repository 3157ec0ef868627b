"""A dossier's history once more, from the whole set at once: each event judged in the order of time (docs/RULES.md)."""

from dataclasses import dataclass, field

from contracts import instants
from contracts.data import (
    Annulled,
    Completed,
    HandedOver,
    PaymentMade,
    Received,
    Rescheduled,
    Submitted,
    SupplementProvided,
    TimeLimit,
)  # fmt: skip
from contracts.events import Event, code_of
from contracts.lifecycle import Birth, Late, Step, Timeliness
from services.audit.domain.plain_calendar import WORKING_DAY, Due, Office, appointment, first_due, moved_by_pause
from services.audit.domain.plain_rules import PlainRules

TRIED_AGAIN_FOR = 12 * instants.HOUR

# State after a fact, by state before: 0 unborn, 80 suspended, 88 halted for good, "before" the state a pause began in.
ARROWS: dict[str, dict[int, int | str]] = {
    "submitted": {0: 1},
    "received": {0: 2, 1: 2},
    "refused": {1: 3},
    "processing_started": {2: 4},
    "supplement_requested": {1: 5, 2: 5, 4: 5},
    "supplement_provided": {5: "before"},
    "supplement_lapsed": {5: 3},
    "payment_requested": {2: 6, 4: 6},
    "payment_made": {6: "before"},
    "suspended": {4: 80},
    "resumed": {80: "before"},
    "halted": {2: 88, 4: 88, 5: 88, 6: 88, 80: 88},
    "withdrawn": {1: 7, 2: 7, 4: 7, 5: 7, 6: 7},
    "completed": {2: 9, 4: 9},
    "returned": {2: 10, 4: 10, 9: 10},
    "recalled": {9: 4},
    "handed_over": {1: 1, 2: 2, 4: 4, 5: 5, 6: 6, 80: 80},
    "rescheduled": {2: 2, 4: 4},
}


@dataclass(frozen=True)
class Kept:
    """An event of the set, with where and when it came in."""

    offset: int
    event: Event
    recorded_at: int
    log_clock: int | None

    @property
    def identity(self) -> tuple[str, str]:
        """What makes it the same event again."""
        return self.event.source, self.event.id

    @property
    def order(self) -> tuple[int, str, int, str]:
        """Its place in the order of time; without a sequence it comes first."""
        sequence = self.event.sequence
        return self.event.time, self.event.source, -1 if sequence is None else sequence, self.event.id


@dataclass
class History:
    """What a set of events comes to."""

    state: int = 0
    before: int = 0
    paused_at: int = 0
    birth: Submitted | Received | None = None
    competent: str = ""
    bodies: set[str] = field(default_factory=set)
    last_fact: str = ""
    is_received: bool = False
    limit: TimeLimit | None = None
    office: Office | None = None
    acceptance_office: Office | None = None
    acceptance_due: int | None = None
    due_original: Due | None = None
    due_current: Due | None = None
    had_letter: bool = False
    completion: int | None = None
    is_implied: bool = False
    steps: dict[int, Step] = field(default_factory=dict)
    repeats: set[int] = field(default_factory=set)
    annulled: set[int] = field(default_factory=set)
    annulments: set[int] = field(default_factory=set)
    misfits: list[Kept] = field(default_factory=list)


def history(kept: list[Kept], rules: PlainRules) -> History:
    """Everything that follows from a set (given in the order of the log) under some rules."""
    told = History()
    gone = _annul(told, kept, rules)
    left = [each for each in kept if each.event.fact != "annulled" and each.identity not in gone]
    waiting: list[Kept] = []
    for each in sorted(left, key=lambda each: each.order):
        if not _settles(told, each, rules):
            waiting.append(each)
        elif each.offset in told.steps:
            _try_again(told, waiting, each.event.time, rules)
    told.misfits += waiting
    return told


def _annul(told: History, kept: list[Kept], rules: PlainRules) -> set[tuple[str, str]]:
    """The identities that annulments take out; each annulment itself is settled here."""
    annulments = [each for each in kept if isinstance(each.event.data, Annulled)]
    own = {each.identity for each in annulments}
    gone: set[tuple[str, str]] = set()
    for each in annulments:
        assert isinstance(each.event.data, Annulled)
        target = (each.event.source, each.event.data.event)
        if not rules.knows(each.event.code, each.event.time, each.recorded_at) or target in own:
            told.misfits.append(each)
        elif target in gone:
            told.repeats.add(each.offset)
        else:
            gone.add(target)
            told.annulments.add(each.offset)
    told.annulled = {each.offset for each in kept if each.identity in gone and each.event.fact != "annulled"}
    return gone


def _try_again(told: History, waiting: list[Kept], advanced: int, rules: PlainRules) -> None:
    """After a step: those that came too early by at most twelve hours, from the first again after each that settles."""
    place = 0
    while place < len(waiting):
        each = waiting[place]
        if advanced - each.event.time <= TRIED_AGAIN_FOR and _settles(told, each, rules):
            del waiting[place]
            place = 0
        else:
            place += 1


def _settles(told: History, each: Kept, rules: PlainRules) -> bool:
    """Makes a step or a repeat of an event; False when it is a misfit for now."""
    event, data = each.event, each.event.data
    for code in _codes(each):
        if not rules.knows(code, event.time, each.recorded_at):
            return False
    if told.state == 0:
        if not _can_bear(each):
            return False
    else:
        if not _is_responsible(told, each, rules):
            return False
        if _is_repeat(told, each):
            told.repeats.add(each.offset)
            return True
        if told.state not in ARROWS[event.fact]:
            return False
        if isinstance(data, SupplementProvided) and data.restart and not told.is_received:
            return False
        if isinstance(data, Rescheduled) and not _may_reschedule(told, event.time, instants.parse(data.due)):
            return False
    _step(told, each, rules)
    return True


def _codes(each: Kept) -> list[str]:
    data, codes = each.event.data, [code_of(each.event.source)]
    if isinstance(data, Submitted | Received) and data.receiver is not None:
        codes.append(data.receiver)
    if isinstance(data, Submitted | Received | HandedOver) and data.competent is not None:
        codes.append(data.competent)
    return codes


def _can_bear(each: Kept) -> bool:
    data = each.event.data
    if not isinstance(data, Submitted | Received) or data.receiver != each.event.code:
        return False
    return None not in (data.procedure, data.channel, data.competent)


def _is_responsible(told: History, each: Kept, rules: PlainRules) -> bool:
    code = each.event.code
    return any(body == code or rules.body_of(body, each.event.time) == code for body in told.bodies)


def _is_repeat(told: History, each: Kept) -> bool:
    data = each.event.data
    if isinstance(data, HandedOver):
        return data.competent == told.competent
    if each.event.fact == "completed" and told.state == 10 and told.is_implied:
        return True
    return each.event.fact == told.last_fact


def _may_reschedule(told: History, at: int, due: int) -> bool:
    return not told.had_letter and told.due_current is not None and at < told.due_current[0] < due


# --- a step -----------------------------------------------------------------------------------------------------------


def _step(told: History, each: Kept, rules: PlainRules) -> None:
    event, data, found = each.event, each.event.data, told.state
    birth: Birth | None = None
    if found == 0:
        birth = _bear(told, each, rules)
    responsible = told.competent
    if isinstance(data, Received):
        _receive(told, event.time, data, rules)
    elif isinstance(data, HandedOver):
        told.competent = data.competent
        told.bodies.add(data.competent)
    elif isinstance(data, Rescheduled) and told.limit is not None:
        told.had_letter = True
        told.due_current = appointment(instants.parse(data.due), told.limit)
    arrow = ARROWS[event.fact][found]
    if arrow == "before":
        told.state = _resume(told, event)
    else:
        told.state = int(arrow)
        if told.state in (5, 6, 80) and told.state != found:
            told.before, told.paused_at = found, event.time
    if event.fact not in ("handed_over", "rescheduled"):
        told.last_fact = event.fact
    told.steps[each.offset] = Step(
        fact=event.fact,
        competent=responsible,
        birth=birth,
        digitised=isinstance(data, Received) and data.digitised is True,
        electronic_result=isinstance(data, Completed) and data.electronic_result is True,
        paid_online=isinstance(data, PaymentMade) and data.online is True,
    )
    if event.fact == "recalled":
        _take_back(told)
    elif event.fact == "completed" or (event.fact == "returned" and found != 9):
        _complete(told, each)


def _bear(told: History, each: Kept, rules: PlainRules) -> Birth:
    data = each.event.data
    assert isinstance(data, Submitted | Received)
    assert data.receiver is not None
    assert data.competent is not None
    told.birth, told.competent, told.bodies = data, data.competent, {data.receiver, data.competent}
    if isinstance(data, Submitted):
        told.limit = data.time_limit
        told.acceptance_office = rules.office(data.receiver, each.event.time)
        told.acceptance_due = told.acceptance_office.advance(each.event.time, WORKING_DAY)
    return "case" if data.parent is None else "leg"


def _receive(told: History, at: int, data: Received, rules: PlainRules) -> None:
    assert told.birth is not None
    told.is_received = True
    told.limit = data.time_limit or told.limit or rules.limit(told.birth.procedure or "")
    if told.limit is not None:
        told.office = rules.office(told.competent, at)
        told.due_original = told.due_current = first_due(told.limit, at, told.office)


def _resume(told: History, event: Event) -> int:
    """The state to go on in; the dues move by what the pause took."""
    begin, end = told.paused_at, max(told.paused_at, event.time)
    if isinstance(event.data, SupplementProvided) and event.data.restart:
        if told.limit is not None and told.office is not None:
            told.due_original = told.due_current = first_due(told.limit, event.time, told.office)
        return 2
    if not told.is_received:
        assert told.acceptance_office is not None
        assert told.acceptance_due is not None
        paused = told.acceptance_office.worked(begin, end)
        told.acceptance_due = told.acceptance_office.advance(told.acceptance_due, paused)
    elif told.limit is not None and told.office is not None and end > begin:
        assert told.due_original is not None
        assert told.due_current is not None
        told.due_original = moved_by_pause(told.due_original, told.limit, begin, end, told.office)
        told.due_current = moved_by_pause(told.due_current, told.limit, begin, end, told.office)
    return told.before


def _complete(told: History, each: Kept) -> None:
    told.completion, told.is_implied = each.offset, each.event.fact == "returned"
    timeliness: Timeliness = "without_due"
    late: Late | None = None
    if told.due_current is not None and told.office is not None:
        due, end = told.due_current[0], each.event.time
        if end > due:
            timeliness = "late"
        else:
            spare = told.office.worked(end, min(due, told.office.last_closing()))
            timeliness = "early" if spare >= WORKING_DAY else "on_time"
            if each.log_clock is not None and each.log_clock > due:
                entered = each.event.recordedtime
                late = "by_link" if entered is not None and entered <= due else "entry"
    told.steps[each.offset] = _with(told.steps[each.offset], timeliness, late)


def _take_back(told: History) -> None:
    if told.completion is not None:
        plain = told.steps[told.completion]
        told.steps[told.completion] = Step(
            fact=plain.fact, competent=plain.competent, birth=plain.birth, digitised=plain.digitised,
            paid_online=plain.paid_online,
        )  # fmt: skip
        told.completion = None


def _with(step: Step, timeliness: Timeliness, late: Late | None) -> Step:
    return Step(
        fact=step.fact, competent=step.competent, birth=step.birth, timeliness=timeliness, late=late,
        digitised=step.digitised, electronic_result=step.electronic_result, paid_online=step.paid_online,
    )  # fmt: skip
