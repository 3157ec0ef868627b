"""A dossier as a row of a worklist: what a clerk needs to choose it, and how much of its time is left."""

from typing import Any

from contracts import instants
from services.processing.domain import arrows, explained
from services.processing.domain.calendar import WorkingTime
from services.processing.domain.dossier import Dossier
from services.processing.domain.fold import look
from services.processing.domain.history import Walk
from services.processing.domain.rules import Rules


def row(dossier: Dossier, log_clock: int | None, rules: Rules) -> dict[str, Any]:
    """The row as of a log clock. Of `minutes_left` and `minutes_over` at most one is told: whole working minutes up to the
    due, or since it; while the clock is paused as of when the pause began."""
    walk, view = look(dossier, log_clock, rules)
    stand = view.stand
    left = _left(walk, log_clock)
    return {
        "code": dossier.code,
        "procedure": stand.procedure,
        "field": stand.field,
        "channel": stand.channel,
        "receiver": stand.receiver,
        "competent": stand.competent,
        "state": stand.state,
        "state_detail": stand.state_detail,
        "state_name": dict(zip(("vi", "en"), arrows.NAMES[walk.state], strict=True)),
        "due_original": explained.show(None if walk.due_original is None else walk.due_original.at),
        "due_current": explained.show(None if walk.due_current is None else walk.due_current.at),
        "acceptance_due": explained.show(None if walk.acceptance_hours is None else walk.acceptance_due),
        "waiting_since": explained.show(walk.pause_begin if walk.state in arrows.PAUSED else None),
        "minutes_left": left[0],
        "minutes_over": left[1],
        "overdue": stand.overdue,
        "due_in_24h": stand.due_in_24h,
        "due_in_72h": stand.due_in_72h,
        "acceptance_overdue": stand.acceptance_overdue,
    }


def _left(walk: Walk, log_clock: int | None) -> tuple[int | None, int | None]:
    """Minutes left and minutes over."""
    at = walk.pause_begin if walk.state in arrows.PAUSED else log_clock
    due, hours = _clock(walk)
    if at is None or due is None or hours is None:
        return None, None
    if at > due:
        return None, _minutes(hours, due, at)
    return _minutes(hours, at, due), None


def _clock(walk: Walk) -> tuple[int | None, WorkingTime | None]:
    """What runs: the limit of the acceptance until the dossier is received, its own afterwards."""
    if not walk.was_received:
        return walk.acceptance_due, walk.acceptance_hours
    return None if walk.due_current is None else walk.due_current.at, walk.hours


def _minutes(hours: WorkingTime, begin: int, end: int) -> int:
    # Appointments may be given for any year; working time is known up to the horizon.
    last = hours.last_closing()
    return hours.worked(min(begin, last), min(end, last)) // instants.MINUTE
