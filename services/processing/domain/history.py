"""The walk: takes a dossier's events in the order of time and works out what each one was to it."""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from contracts import instants
from contracts.data import (
    BIRTHS,
    Annulled,
    Completed,
    HandedOver,
    PaymentMade,
    Received,
    Rescheduled,
    Submitted,
    SupplementProvided,
    TimeLimit,
)
from contracts.lifecycle import Birth, Entry, Late, Step, Timeliness
from services.processing.domain import arrows, deadline
from services.processing.domain.calendar import WorkingTime
from services.processing.domain.deadline import Due
from services.processing.domain.dossier import KeptEvent
from services.processing.domain.rules import FIELD_UNKNOWN, Rules

STEP: Final = "step"
REPEAT: Final = "repeat"
UNKNOWN_UNIT: Final = "unknown_unit"
NO_ARROW: Final = "no_arrow"
NOT_RESPONSIBLE: Final = "not_responsible"

RETRY_WITHIN: Final = 12 * instants.HOUR
SKEWED_AHEAD: Final = 5 * instants.MINUTE
BACKDATED_AFTER: Final = 60 * instants.MINUTE


# Facts that name codes beside the one in `source`.
_NAMING: Final = (Submitted, Received, HandedOver)


class Taken(Struct, frozen=True, gc=False):
    """A step, with how it found the dossier; `due` is what stood as `due_current` after it."""

    event: KeptEvent
    competent: str
    state_before: int
    state: int
    due_original: Due | None
    due: Due | None


class Misfit(Struct, frozen=True, gc=False):
    """An event for which there is no step (yet), with the reason at its last try."""

    event: KeptEvent
    code: str


class Walk:
    """Where the events taken so far have led; `content` says how each of them counts, misfits aside."""

    __slots__ = (
        "acceptance_due", "acceptance_hours", "advanced", "annulled", "before", "bodies", "channel", "competent",
        "completion", "content", "due_current", "due_original", "field", "hours", "implied", "last_fact", "last_order",
        "limit", "misfits", "parent", "pause_begin", "procedure", "receiver", "rescheduled", "rules", "state", "steps",
        "touched",
        "was_received",
    )  # fmt: skip

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.annulled: frozenset[tuple[str, str]] = frozenset()  # (source, id) that annulments take out
        self.last_order: tuple[int, str, int, str] | None = None
        self.advanced = 0
        self.state = arrows.UNBORN
        self.before = arrows.UNBORN
        self.pause_begin = 0
        self.procedure = ""
        self.field = ""
        self.channel = ""
        self.receiver = ""
        self.competent = ""
        self.parent: str | None = None
        self.bodies: frozenset[str] = frozenset()
        self.was_received = False
        self.limit: TimeLimit | None = None
        self.hours: WorkingTime | None = None
        self.acceptance_hours: WorkingTime | None = None
        self.acceptance_due = 0
        self.due_original: Due | None = None
        self.due_current: Due | None = None
        self.rescheduled = False
        self.completion: KeptEvent | None = None
        self.implied = False
        self.last_fact = ""
        self.steps: list[Taken] = []
        self.misfits: list[Misfit] = []
        self.content: dict[int, Entry] = {}
        self.touched: list[int] = []  # offsets whose entries changed since the walk was last shown

    def go_on(self) -> None:
        """Get ready to take one more event: what was shown of `content` so far stays as it is, `touched` starts anew."""
        self.content = self.content.copy()
        self.touched = []

    def take(self, event: KeptEvent) -> None:
        """The next event in the order of time; afterwards the misfits are tried again if it was a step."""
        self.last_order = event.order
        self.advanced = event.time
        verdict = self._judge(event)
        if verdict == STEP:
            self._apply(event)
            if self.misfits:
                self._try_again()
        elif verdict == REPEAT:
            self._put(entry_of(event, "duplicate"))
        else:
            self.misfits.append(Misfit(event, verdict))

    def _try_again(self) -> None:
        stepped = True
        while stepped:
            stepped = False
            for place, misfit in enumerate(self.misfits):
                event = misfit.event
                if self.advanced - event.time > RETRY_WITHIN or event.fact == "annulled":
                    continue
                verdict = self._judge(event)
                if verdict == STEP:
                    del self.misfits[place]
                    self._apply(event)
                    stepped = True
                    break
                if verdict == REPEAT:
                    # A repeat moves nothing, so the others need no new look: start over only because the list is shorter.
                    del self.misfits[place]
                    self._put(entry_of(event, "duplicate"))
                    stepped = True
                    break
                if verdict != misfit.code:
                    self.misfits[place] = Misfit(event, verdict)

    # --- judging ------------------------------------------------------------------------------------------------------

    def _judge(self, event: KeptEvent) -> str:
        code, fact, data = event.code, event.fact, event.data
        day, recorded_day = instants.day_number(event.time), instants.day_number(event.recorded_at)
        known = self.rules.known
        if not known(code, day, recorded_day):
            return UNKNOWN_UNIT
        if isinstance(data, _NAMING):
            receiver = None if isinstance(data, HandedOver) else data.receiver
            if receiver is not None and receiver != code and not known(receiver, day, recorded_day):
                return UNKNOWN_UNIT
            if data.competent is not None and data.competent != code and not known(data.competent, day, recorded_day):
                return UNKNOWN_UNIT
        if self.state == arrows.UNBORN:
            return STEP if _bears(data, code) else NO_ARROW
        if code not in self.bodies and not any(self.rules.resolve(body, day) == code for body in self.bodies):
            return NOT_RESPONSIBLE
        if self._repeats(fact, data):
            return REPEAT
        return STEP if self._has_arrow(event) else NO_ARROW

    def _repeats(self, fact: str, data: object) -> bool:
        if fact == self.last_fact:
            return True
        if isinstance(data, HandedOver):
            return data.competent == self.competent
        return fact == "completed" and self.implied and self.state == arrows.RETURNED

    def _has_arrow(self, event: KeptEvent) -> bool:
        if self.state not in arrows.ARROWS[event.fact]:
            return False
        data = event.data
        if isinstance(data, SupplementProvided) and data.restart:
            return self.was_received
        if isinstance(data, Rescheduled):
            if self.rescheduled or self.due_current is None:
                return False
            return event.time < self.due_current.at < instants.parse(data.due)
        return True

    # --- applying -----------------------------------------------------------------------------------------------------

    def _apply(self, event: KeptEvent) -> None:
        found, data = self.state, event.data
        target = arrows.ARROWS[event.fact][found]
        birth: Birth | None = None
        if found == arrows.UNBORN:
            birth = self._bear(event)
        responsible = self.competent
        if isinstance(data, Received):
            self._receive(event, data)
        elif isinstance(data, HandedOver):
            self.competent = data.competent
            self.bodies |= {data.competent}
        elif isinstance(data, Rescheduled) and self.limit is not None:
            self.rescheduled = True
            self.due_current = deadline.appointment(instants.parse(data.due), self.limit)
        if found in arrows.PAUSED and target == arrows.BEFORE:
            target = self._resume(event)
        elif target in arrows.PAUSED:
            self.before, self.pause_begin = found, event.time
        self.state = found if target == arrows.SAME else target
        if event.fact not in arrows.ASIDE:
            self.last_fact = event.fact
        self.steps.append(Taken(event, responsible, found, self.state, self.due_original, self.due_current))
        self._count(event, responsible, birth, found)

    def _bear(self, event: KeptEvent) -> Birth:
        data = event.data
        assert isinstance(data, BIRTHS)
        self.procedure, self.channel = data.procedure or "", data.channel or ""
        self.receiver, self.competent = data.receiver or "", data.competent or ""
        self.parent = data.parent
        entry = self.rules.procedure(self.procedure)
        self.field = data.field or (FIELD_UNKNOWN if entry is None else entry.field)
        self.limit = data.time_limit
        self.bodies = frozenset((self.receiver, self.competent))
        if isinstance(data, Submitted):
            self.acceptance_hours = self.rules.hours(self.receiver, instants.day_number(event.time))
            self.acceptance_due = deadline.acceptance_due(event.time, self.acceptance_hours)
        return "case" if data.parent is None else "leg"

    def _receive(self, event: KeptEvent, data: Received) -> None:
        entry = self.rules.procedure(self.procedure)
        self.limit = data.time_limit or self.limit or (None if entry is None else entry.time_limit)
        self.was_received = True
        if self.limit is not None:
            self.hours = self.rules.hours(self.competent, instants.day_number(event.time))
            self.due_original = self.due_current = deadline.first_due(self.limit, event.time, self.hours)

    def _resume(self, event: KeptEvent) -> int:
        data, begin, end = event.data, self.pause_begin, max(self.pause_begin, event.time)
        if isinstance(data, SupplementProvided) and data.restart:
            if self.limit is not None and self.hours is not None:
                self.due_original = self.due_current = deadline.first_due(self.limit, event.time, self.hours)
            return arrows.RECEIVED
        if not self.was_received:
            assert self.acceptance_hours is not None
            paused = self.acceptance_hours.worked(begin, end)
            self.acceptance_due = self.acceptance_hours.advance(self.acceptance_due, paused)
        elif self.limit is not None and self.hours is not None:
            original, current = self.due_original, self.due_current
            assert original is not None
            assert current is not None
            self.due_original = deadline.after_pause(original, self.limit, begin, end, self.hours)
            if current == original:
                self.due_current = self.due_original
            else:
                self.due_current = deadline.after_pause(current, self.limit, begin, end, self.hours)
        return self.before

    # --- counting -----------------------------------------------------------------------------------------------------

    def _count(self, event: KeptEvent, responsible: str, birth: Birth | None, found: int) -> None:
        data, fact = event.data, event.fact
        timeliness: Timeliness | None = None
        late: Late | None = None
        if fact == "completed" or (fact == "returned" and found != arrows.COMPLETED):
            self.completion, self.implied = event, fact == "returned"
            timeliness, late = self._timeliness(event)
        elif fact == "recalled" and self.completion is not None:
            self._take_back(self.completion)
        entry = entry_of(
            event,
            "applied",
            Step(
                fact=fact,
                competent=responsible,
                birth=birth,
                timeliness=timeliness,
                late=late,
                digitised=isinstance(data, Received) and bool(data.digitised),
                electronic_result=isinstance(data, Completed) and bool(data.electronic_result),
                paid_online=isinstance(data, PaymentMade) and bool(data.online),
            ),
        )
        self._put(entry)

    def _put(self, entry: Entry) -> None:
        self.content[entry.offset] = entry
        self.touched.append(entry.offset)

    def _take_back(self, completion: KeptEvent) -> None:
        """A recalled completion remains a step, and counts as none."""
        entry = self.content[completion.offset]
        assert entry.step is not None
        plain = msgspec.structs.replace(entry.step, timeliness=None, late=None, electronic_result=False)
        self._put(msgspec.structs.replace(entry, step=plain))
        self.completion = None

    def _timeliness(self, end: KeptEvent) -> tuple[Timeliness, Late | None]:
        if self.due_current is None or self.hours is None:
            return "without_due", None
        due = self.due_current.at
        if end.time > due:
            return "late", None
        late: Late | None = None
        if end.log_clock is not None and end.log_clock > due:
            late = "by_link" if end.recordedtime is not None and end.recordedtime <= due else "entry"
        return ("early" if deadline.is_early(end.time, due, self.hours) else "on_time"), late


def walk(kept: Iterable[KeptEvent], rules: Rules) -> Walk:
    """The walk over a whole set of kept events (given in the order of the log)."""
    fresh = Walk(rules)
    kept = tuple(kept)
    annulments = [event for event in kept if event.fact == "annulled"]
    if annulments:
        _annul(fresh, annulments)
    ordered = [event for event in kept if event.fact != "annulled" and (event.source, event.id) not in fresh.annulled]
    ordered.sort(key=lambda event: event.order)
    if annulments:
        for event in kept:
            if event.fact != "annulled" and (event.source, event.id) in fresh.annulled:
                fresh.content[event.offset] = entry_of(event, "annulled")
    for event in ordered:
        fresh.take(event)
    return fresh


def goes_on(before: Walk, event: KeptEvent) -> bool:
    """Whether a new event comes after all that the walk has taken, so that walking on is walking anew."""
    if event.fact == "annulled" or (event.source, event.id) in before.annulled:
        return False
    return before.last_order is None or event.order > before.last_order


def entry_of(event: KeptEvent, standing: str, step: Step | None = None) -> Entry:
    """How a kept event counts, with its flags; an annulled one has none."""
    annulled = standing == "annulled"
    entered = event.recorded_at if event.recordedtime is None else event.recordedtime
    return Entry(
        offset=event.offset,
        standing=standing,  # type: ignore[arg-type]
        source=event.code,
        day=instants.day_of(event.time),
        skewed=not annulled and event.time > event.recorded_at + SKEWED_AHEAD,
        backdated=not annulled and event.time < entered - BACKDATED_AFTER,
        step=step,
    )


def _annul(fresh: Walk, annulments: list[KeptEvent]) -> None:
    """Annulments have no place in the order: each needs only a known source, and the first for a target takes it out."""
    ids = {(event.source, event.id) for event in annulments}
    targets: set[tuple[str, str]] = set()
    for event in annulments:
        assert isinstance(event.data, Annulled)
        target = (event.source, event.data.event)
        days = (instants.day_number(event.time), instants.day_number(event.recorded_at))
        if not fresh.rules.known(event.code, *days):
            fresh.misfits.append(Misfit(event, UNKNOWN_UNIT))
        elif target in ids:
            fresh.misfits.append(Misfit(event, NO_ARROW))
        elif target in targets:
            fresh.content[event.offset] = entry_of(event, "duplicate")
        else:
            targets.add(target)
            fresh.content[event.offset] = entry_of(event, "applied")
    fresh.annulled = frozenset(targets)


def _bears(data: object, code: str) -> bool:
    """Whether an event can be a dossier's first: it says what is asked of whom, and its receiver is who reports it."""
    if not isinstance(data, BIRTHS) or data.receiver != code:
        return False
    return data.procedure is not None and data.channel is not None and data.competent is not None
