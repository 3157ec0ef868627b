"""How a dossier stands towards its dues: in time, late and by whom, overdue, paused, ended, and by how much."""

from typing import Final, Literal, NamedTuple

from contracts.lifecycle import Stand
from services.processing.domain import arrows
from services.processing.domain.calendar import WorkingTime
from services.processing.domain.history import Walk

Code = Literal[
    "not_submitted", "awaiting_acceptance", "acceptance_paused", "acceptance_overdue", "running", "paused", "overdue",
    "early", "on_time", "late", "without_due", "open_without_due", "refused", "withdrawn", "halted",
]  # fmt: skip
ENDED: Final[dict[int, Code]] = {
    arrows.REFUSED: "refused",
    arrows.WITHDRAWN: "withdrawn",
    arrows.TERMINAL: "halted",
}


class Verdict(NamedTuple):
    """`at` is the instant judged, the end or the log clock; times in microseconds, working time and by the clock.

    Of a completion exactly one can be told: `late_by_unit` it came after the due; `late_by_link` in time, entered in
    time, and only its report was late; `late_entry` in time by its own word, entered after the due.
    """

    code: Code
    at: int | None = None
    due_at: int | None = None
    late_working: int = 0
    late_by_clock: int = 0
    early_working: int = 0
    late_by_unit: bool = False
    late_by_link: bool = False
    late_entry: bool = False


def verdict(walk: Walk, stand: Stand, now: int | None) -> Verdict:
    """The verdict on a walk at a log clock (`now`: None before the first tick)."""
    if walk.state == arrows.UNBORN:
        return Verdict("not_submitted")
    if walk.state in ENDED:
        return Verdict(ENDED[walk.state], walk.steps[-1].event.time)
    if walk.completion is not None:
        return _of_completion(walk)
    if not walk.was_received:
        if walk.state in arrows.PAUSED:
            return Verdict("acceptance_paused", now)
        if stand.acceptance_overdue:
            return _late("acceptance_overdue", now, walk.acceptance_due, walk.acceptance_hours)
        return Verdict("awaiting_acceptance", now, walk.acceptance_due)
    due = None if walk.due_current is None else walk.due_current.at
    if walk.state in arrows.PAUSED:
        return Verdict("paused", now, due)
    if due is None:
        return Verdict("open_without_due", now)
    return _late("overdue", now, due, walk.hours) if stand.overdue else Verdict("running", now, due)


def _of_completion(walk: Walk) -> Verdict:
    assert walk.completion is not None
    end, step = walk.completion.time, walk.content[walk.completion.offset].step
    assert step is not None
    if step.timeliness in (None, "without_due") or walk.due_current is None or walk.hours is None:
        return Verdict("without_due", end)
    due = walk.due_current.at
    if step.timeliness == "late":
        return _late("late", end, due, walk.hours)._replace(late_by_unit=True)
    return Verdict(
        step.timeliness, end, due, early_working=_worked(walk.hours, end, due),
        late_by_link=step.late == "by_link", late_entry=step.late == "entry",
    )  # fmt: skip


def late_when_paused(walk: Walk) -> Verdict | None:
    """How late a paused dossier was already when its pause began; None if it was not."""
    at = walk.pause_begin
    if not walk.was_received:
        late = _late("acceptance_overdue", at, walk.acceptance_due, walk.acceptance_hours)
    elif walk.due_current is None:
        return None
    else:
        late = _late("overdue", at, walk.due_current.at, walk.hours)
    return late if late.late_by_clock else None


def _late(code: Code, at: int | None, due: int, hours: WorkingTime | None) -> Verdict:
    if at is None or hours is None:
        return Verdict(code, at, due)
    return Verdict(code, at, due, late_working=_worked(hours, due, at), late_by_clock=max(0, at - due))


def _worked(hours: WorkingTime, begin: int, end: int) -> int:
    # Appointments may be given for any year; working time is known up to the horizon.
    last = hours.last_closing()
    return hours.worked(min(begin, last), min(end, last))
