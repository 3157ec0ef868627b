"""What set a dossier's dues and what moved them: reception, pauses, restarts, an apology letter, hand-overs, in order."""

from collections.abc import Iterator
from typing import NamedTuple

from contracts import instants
from contracts.data import HandedOver, Reasoned, SupplementProvided, SupplementRequested, TimeLimit
from services.processing.domain import arrows, deadline
from services.processing.domain.calendar import BeyondHorizonError, Day, WorkingTime
from services.processing.domain.deadline import Due
from services.processing.domain.history import Taken, Walk


class Pause(NamedTuple):
    """A finished pause as it was counted: `begin` and `end` are the events' own, an end before the begin counts as none."""

    fact: str
    reason: str | None
    begin: int
    end: int
    working: int
    days: int


class Dates(NamedTuple):
    """How a due that is a closing was found: the date counted to, the days off after it, the date it was moved to."""

    base_day: int
    due_day: int
    passed_over: list[Day]


class Move(NamedTuple):
    """One thing that set, moved or kept the dues; `days` are the holidays and make-up days that it met."""

    code: str
    at: int
    fact: str
    rules: tuple[str, ...]
    clock_start: int | None = None
    before: Due | None = None
    original: Due | None = None
    current: Due | None = None
    acceptance: int | None = None
    pause: Pause | None = None
    dates: Dates | None = None
    days: tuple[Day, ...] = ()
    competent: str | None = None


def moves(walk: Walk) -> Iterator[Move]:
    """All of them, in the order in which they applied."""
    acceptance: int | None = None
    original: Due | None = None
    current: Due | None = None
    paused: Taken | None = None
    was_received = False
    for taken in walk.steps:
        event, data = taken.event, taken.event.data
        is_restart = isinstance(data, SupplementProvided) and data.restart is True
        resumes = paused is not None and taken.state in arrows.RUNNING | {arrows.SUBMITTED}
        if event.fact == "submitted" and walk.acceptance_hours is not None:
            acceptance = deadline.acceptance_due(event.time, walk.acceptance_hours)
            start = _clock_start(walk.acceptance_hours, event.time)
            yield Move("acceptance_set", event.time, event.fact, ("acceptance_limit",), start, acceptance=acceptance)
        elif event.fact == "received" or is_restart:
            was_received = True
            if taken.due_original is not None:
                yield _set(walk, taken, current, is_restart)
        elif event.fact == "rescheduled":
            yield Move(
                "apology_letter", event.time, event.fact, ("apology_letter_once",), before=current,
                original=taken.due_original, current=taken.due, dates=_dates(taken.due, walk.hours),
            )  # fmt: skip
        elif isinstance(data, HandedOver):
            yield Move(
                "handed_over", event.time, event.fact, ("hand_over_keeps_due",), before=current,
                original=taken.due_original, current=taken.due, acceptance=None if was_received else acceptance,
                competent=data.competent,
            )  # fmt: skip
        elif resumes and paused is not None and not was_received and walk.acceptance_hours is not None:
            pause = _pause(paused, taken, walk.acceptance_hours)
            assert acceptance is not None
            acceptance = walk.acceptance_hours.advance(acceptance, pause.working)
            yield Move("acceptance_moved", event.time, event.fact, ("pause_moves_due",), acceptance=acceptance, pause=pause)
        elif resumes and paused is not None and walk.hours is not None and taken.due_original is not None:
            dates = _dates(taken.due, walk.hours)
            yield Move(
                "paused", event.time, event.fact, ("pause_moves_due", *_moved_off(dates)), before=current,
                original=taken.due_original, current=taken.due, pause=_pause(paused, taken, walk.hours), dates=dates,
            )  # fmt: skip
        if event.fact == "recalled":
            rules = ("recall_runs_on",)
            yield Move("recalled", event.time, event.fact, rules, before=current, original=original, current=current)
        if taken.state not in arrows.PAUSED:
            paused = None
        elif paused is None:
            paused = taken
        original, current = taken.due_original, taken.due


def _set(walk: Walk, taken: Taken, before: Due | None, is_restart: bool) -> Move:
    assert walk.hours is not None
    assert walk.limit is not None
    assert taken.due_original is not None
    at, dates = taken.event.time, _dates(taken.due, walk.hours)
    code = "restarted" if is_restart else "set"
    start = _clock_start(walk.hours, at)
    days = walk.hours.named_days(instants.day_number(at), instants.day_number(taken.due_original.at))
    rules: tuple[str, ...] = (
        "restart_after_supplement" if is_restart else "clock_starts_when_received",
        "limit_of_procedure",
    )
    rules += (*_counting(walk.limit, start, dates), *_moved_off(dates))
    return Move(
        code, at, taken.event.fact, rules, start, before, taken.due_original, taken.due, dates=dates, days=tuple(days)
    )


def _counting(limit: TimeLimit, start: int, dates: Dates | None) -> Iterator[str]:
    """The rules by which a limit of its unit is counted."""
    if dates is not None:
        yield "first_day_not_counted"
        day_of_month = instants.day_of(start)[8:]
        if limit.unit == "months" and instants.day_text(dates.base_day)[8:] != day_of_month:
            yield "month_without_the_day"
    elif limit.unit == "working_days":
        yield "working_day_of_8_hours" if limit.amount else "same_day"


def _moved_off(dates: Dates | None) -> tuple[str, ...]:
    return ("moved_off_days_off",) if dates is not None and dates.passed_over else ()


def _pause(paused: Taken, taken: Taken, hours: WorkingTime) -> Pause:
    begin, end = paused.event.time, max(paused.event.time, taken.event.time)
    data = paused.event.data
    reason = data.reason if isinstance(data, Reasoned | SupplementRequested) else None
    days = instants.day_number(end) - instants.day_number(begin)
    return Pause(paused.event.fact, reason, begin, end, hours.worked(begin, end), days)


def _dates(due: Due | None, hours: WorkingTime | None) -> Dates | None:
    if due is None or due.base_day is None or hours is None:
        return None
    due_day = instants.day_number(due.at)
    return Dates(due.base_day, due_day, hours.closed_days(due.base_day, due_day))


def _clock_start(hours: WorkingTime, at: int) -> int:
    try:
        return hours.clock_start(at)
    except BeyondHorizonError:
        return at
