"""The pieces of a ledger as an answer shows them: instants as text, time in whole working minutes, codes that stay."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from contracts import instants
from services.processing.domain.calendar import Day
from services.processing.domain.deadline import Due
from services.processing.domain.dossier import KeptEvent
from services.processing.domain.history import Walk
from services.processing.domain.moves import Dates, Move, Pause
from services.processing.domain.stretches import Segment, Stretch
from services.processing.domain.verdict import Verdict

VERDICT_RULES: Final = ("on_time_by_instant", "late_told_apart")
OUTSIDE_HOURS: Final = "outside_hours"
# A clock that is wrong may show any year; six hours further west the first of all has no text.
FIRST_SHOWN: Final = instants.parse("0001-01-01T00:00:00+07:00") + instants.DAY
# An apology letter may name any year that four digits can; seven hours further east that is one too many.
LAST_SHOWN: Final = instants.parse("9999-12-31T23:59:59+07:00")
LAST_DAY_SHOWN: Final = instants.day_number(LAST_SHOWN)


def segment(piece: Segment) -> dict[str, Any]:
    """The smallest piece: `why` is the fact that set the clock going or made it pause, `reason` that of the calendar."""
    clock = piece.stretch.clock
    return {
        "kind": piece.kind,
        "from": show(piece.begin),
        "to": show(piece.end),
        "working_minutes": piece.minutes,
        "why": OUTSIDE_HOURS if piece.kind == "closed" else piece.stretch.began_by,
        "phase": clock.phase,
        "clock": clock.number,
        "began_by": piece.began_by,
        "ended_by": piece.ended_by,
        "reason": piece.reason,
        "reason_name": piece.name,
        "beyond_limit": piece.beyond_limit,
        "rule": piece.rule,
    }


def stretch(told: Stretch) -> dict[str, Any]:
    """What lies between two turns of the clock, in one line."""
    return {
        "kind": "paused" if told.is_paused else "running",
        "phase": told.clock.phase,
        "clock": told.clock.number,
        "from": show(told.begin),
        "to": show(told.end),
        "working_minutes": told.minutes,
        "began_by": told.began_by,
        "ended_by": told.ended_by,
        "reported_reason": told.reason,
    }


def move(told: Move) -> dict[str, Any]:
    """What set, moved or kept the dues, with the dues that stood after it."""
    return {
        "code": told.code,
        "at": show(told.at),
        "fact": told.fact,
        "rules": list(told.rules),
        "clock_start": show(told.clock_start),
        "due_before": _due(told.before),
        "due_original": _due(told.original),
        "due_current": _due(told.current),
        "acceptance_due": show(told.acceptance),
        "pause": None if told.pause is None else _pause(told.pause, told.current),
        "dates": None if told.dates is None else _dates(told.dates),
        "special_days": _days(told.days),
        "competent": told.competent,
    }


def balance(walk: Walk, told: Sequence[Stretch], pieces: Iterable[Segment]) -> dict[str, Any] | None:
    """The account of the clock that runs now (or ran last); minutes left are known of limits in working time alone."""
    if not told:
        return None
    clock = told[-1].clock
    running, paused = (_minutes(told, clock.number, is_paused) for is_paused in (False, True))
    due = walk.due_current if clock.number else None
    return {
        "clock": clock.number,
        "phase": clock.phase,
        "limit_minutes": None if clock.limit is None else clock.limit // instants.MINUTE,
        "running_minutes": running,
        "paused_minutes": paused,
        "remaining_minutes": None if clock.limit is None else _remaining(walk, told[-1]),
        "beyond_limit_minutes": None if clock.limit is None else _beyond(pieces, clock.number),
        "base_date": None if due is None or due.base_day is None else day_text(due.base_day),
    }


def verdict(told: Verdict, completion: KeptEvent | None) -> dict[str, Any]:
    """How it stands; of a completion also when it was entered and what the log's clock said when it came."""
    return {
        "code": told.code,
        "at": show(told.at),
        "late_minutes": told.late_working // instants.MINUTE,
        "late_minutes_by_clock": told.late_by_clock // instants.MINUTE,
        "early_minutes": told.early_working // instants.MINUTE,
        "late_by_unit": told.late_by_unit,
        "late_by_link": told.late_by_link,
        "late_entry": told.late_entry,
        "entered_at": None if completion is None else show(completion.recordedtime),
        "log_clock_at_arrival": None if completion is None else show(completion.log_clock),
        "rules": [] if completion is None else list(VERDICT_RULES),
    }


def show(instant: int | None) -> str | None:
    """An instant as text, or none."""
    return None if instant is None else instants.show(min(max(instant, FIRST_SHOWN), LAST_SHOWN))


def day_text(number: int) -> str:
    """A day number as text."""
    return instants.day_text(min(number, LAST_DAY_SHOWN))


def _minutes(told: Iterable[Stretch], clock: int, is_paused: bool) -> int:
    return sum(each.minutes for each in told if each.clock.number == clock and each.is_paused == is_paused)


def _remaining(walk: Walk, last: Stretch) -> int:
    """Up to the due of the limit from where its clock stands; whole minutes that ran are gone, the one begun remains."""
    hours = last.clock.hours
    if hours is None or last.due_at is None:
        return 0
    return -(-hours.worked(walk.pause_begin if last.is_paused else last.end, last.due_at) // instants.MINUTE)


def _beyond(pieces: Iterable[Segment], clock: int) -> int:
    return sum(each.minutes for each in pieces if each.beyond_limit and each.stretch.clock.number == clock)


def _pause(told: Pause, due: Due | None) -> dict[str, Any]:
    by_dates = due is not None and due.base_day is not None
    return {
        "fact": told.fact,
        "reported_reason": told.reason,
        "from": show(told.begin),
        "to": show(told.end),
        "working_minutes": told.working // instants.MINUTE,
        "added_working_minutes": None if by_dates else told.working // instants.MINUTE,
        "added_days": told.days if by_dates else None,
    }


def _dates(told: Dates) -> dict[str, Any]:
    return {
        "base_date": day_text(told.base_day),
        "due_date": day_text(told.due_day),
        "passed_over": _days(told.passed_over),
    }


def _days(days: Iterable[Day]) -> list[dict[str, Any]]:
    return [{"date": day_text(day.number), "code": day.code, "name": day.name} for day in days]


def _due(due: Due | None) -> str | None:
    return None if due is None else show(due.at)
