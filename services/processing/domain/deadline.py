"""Deadlines: when a limit ends, how a pause moves it, what early means (docs/RULES.md)."""

from calendar import monthrange
from datetime import date
from typing import Final

from msgspec import Struct

from contracts import instants
from contracts.data import TimeLimit
from services.processing.domain.calendar import BeyondHorizonError, WorkingTime

WORKING_DAY: Final = 480 * instants.MINUTE
ACCEPTANCE: Final = 480 * instants.MINUTE
SAME_DAY_UNTIL: Final = 15 * instants.HOUR
CALENDAR_UNITS: Final = frozenset({"calendar_days", "months"})
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


class Due(Struct, frozen=True, gc=False):
    """`at` in microseconds since 1970; `base_day` for calendar limits: the date before it was moved off a day off."""

    at: int
    base_day: int | None = None


def first_due(limit: TimeLimit, received: int, hours: WorkingTime) -> Due:
    """The due of a limit that starts when the dossier is received."""
    if limit.unit == "working_hours":
        return Due(_advance(hours, received, limit.amount * instants.HOUR))
    if limit.unit == "working_days" and limit.amount > 0:
        return Due(_advance(hours, received, limit.amount * WORKING_DAY))
    start = hours.clock_start(received)
    day = instants.day_number(start)
    if limit.unit == "working_days":
        # What was received before opening or in the break is judged by its own time, not by the opening that it waits for.
        if received - instants.midnight(day) >= SAME_DAY_UNTIL:
            day = hours.next_working_day(day + 1)
        return Due(hours.closing(day))
    return _on(day + limit.amount if limit.unit == "calendar_days" else _months_later(day, limit.amount), hours)


def after_pause(due: Due, limit: TimeLimit, begin: int, end: int, hours: WorkingTime) -> Due:
    """The due moved by a pause; one that would end before it began lasts 0."""
    if end <= begin:
        return due
    if limit.unit not in CALENDAR_UNITS or due.base_day is None:
        return Due(_advance(hours, due.at, hours.worked(begin, end)))
    days = instants.day_number(end) - instants.day_number(begin)
    return due if days == 0 else _on(due.base_day + days, hours)


def appointment(due_at: int, limit: TimeLimit) -> Due:
    """The due that an apology letter sets; for a calendar limit its date is what later pauses move."""
    return Due(due_at, instants.day_number(due_at) if limit.unit in CALENDAR_UNITS else None)


def acceptance_due(submitted: int, hours: WorkingTime) -> int:
    """Accepted or refused within 8 working hours."""
    return _advance(hours, submitted, ACCEPTANCE)


def is_early(end: int, due_at: int, hours: WorkingTime) -> bool:
    """480 working minutes or more before the due."""
    # An appointment may be given for any year: beyond the horizon no working time is known, and up to it there is enough.
    return hours.worked(end, min(due_at, hours.last_closing())) >= WORKING_DAY


# A limit of three centuries is a slip of the keyboard, not a reason for the fold to fail: what would be due after the
# horizon is due at its last closing.


def _advance(hours: WorkingTime, start: int, amount: int) -> int:
    try:
        return hours.advance(start, amount)
    except BeyondHorizonError:
        return max(start, hours.last_closing())


def _on(base_day: int, hours: WorkingTime) -> Due:
    try:
        return Due(hours.closing(hours.next_working_day(base_day)), base_day)
    except BeyondHorizonError:
        return Due(hours.last_closing(), base_day)


def _months_later(day: int, months: int) -> int:
    start = date.fromordinal(day + _EPOCH_DAY)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    later = date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))
    return later.toordinal() - _EPOCH_DAY
