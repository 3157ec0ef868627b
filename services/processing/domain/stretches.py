"""Every minute of a dossier's legal time, cut where the clock turned, a window opened or closed, or the limit ran out."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from contracts import instants
from contracts.data import Reasoned, SupplementProvided, SupplementRequested, TimeLimit
from services.processing.domain import arrows, deadline
from services.processing.domain.calendar import Piece, WorkingTime
from services.processing.domain.history import Taken, Walk

NOW: Final = "now"
_CALENDAR_REASONS: Final = frozenset({"holiday", "make_up_day"})


class Clock(NamedTuple):
    """One counting of a limit: 0 is the acceptance, 1 begins with the reception, each restart begins another."""

    number: int
    phase: str
    hours: WorkingTime | None
    limit: int | None  # working time, for limits that are counted in it
    counts_from: int | None  # for limits that are counted by dates: when the office opens on the day that is not counted


class Stretch(NamedTuple):
    """Time between two turns of the clock, running or paused throughout; the reason is the one that was reported, the due
    that of the limit as it then stood."""

    clock: Clock
    is_paused: bool
    begin: int
    end: int
    began_by: str
    ended_by: str
    reason: str | None
    due_at: int | None
    minutes: int
    minutes_before: int  # of the same clock, running or paused as this one
    worked_before: int


class Segment(NamedTuple):
    """The smallest piece: of one stretch, open or closed throughout, within or beyond the limit throughout."""

    stretch: Stretch
    kind: str
    begin: int
    end: int
    minutes: int
    began_by: str
    ended_by: str
    reason: str | None
    name: str | None
    rule: str
    beyond_limit: bool


def stretches(walk: Walk, until: int) -> list[Stretch]:
    """The turns of a dossier's clocks from its birth to `until`, each ending where the next begins."""
    turns = list(_turns(walk))
    clocks = _clocks(walk, turns)
    found: list[Stretch] = []
    worked: dict[tuple[int, bool], int] = {}
    for turn, end, ended_by in _ends(turns, until, _ending(walk)):
        clock = clocks[turn.clock]
        before = worked.get((turn.clock, turn.is_paused), 0)
        after = before + (0 if clock.hours is None else clock.hours.worked(turn.at, end))
        worked[turn.clock, turn.is_paused] = after
        reason = _reported_reason(turn.taken) if turn.is_paused else None
        minutes = after // instants.MINUTE - before // instants.MINUTE
        fact = turn.taken.event.fact
        found.append(
            Stretch(
                clock, turn.is_paused, turn.at, end, fact, ended_by, reason, turn.due_at, minutes,
                before // instants.MINUTE, before,
            )
        )  # fmt: skip
    return found


def segments(stretch: Stretch) -> Iterator[Segment]:
    """The pieces of a stretch. Minutes are whole: a piece has those that are full at its end and were not at its begin."""
    clock, cut = stretch.clock, None if stretch.is_paused else stretch.due_at
    pieces = [part for piece in _pieces(stretch) for part in _cut(piece, cut)]
    worked = stretch.worked_before
    for place, piece in enumerate(pieces):
        before = worked
        if piece.is_open and clock.hours is not None:
            worked += clock.hours.worked(piece.begin, piece.end)
        last = pieces[place - 1] if place else None
        following = pieces[place + 1] if place + 1 < len(pieces) else None
        yield Segment(
            stretch,
            "paused" if stretch.is_paused else "running" if piece.is_open else "closed",
            piece.begin,
            piece.end,
            worked // instants.MINUTE - before // instants.MINUTE,
            stretch.began_by if last is None else _edge(last, piece, cut),
            stretch.ended_by if following is None else _edge(piece, following, cut),
            stretch.reason if stretch.is_paused else piece.code or None,
            piece.name,
            _rule(stretch, piece),
            cut is not None and piece.begin >= cut,
        )


# --- turns and clocks -------------------------------------------------------------------------------------------------


class _Turn(NamedTuple):
    at: int
    taken: Taken
    is_paused: bool
    clock: int
    due_at: int | None


def _turns(walk: Walk) -> Iterator[_Turn]:
    at, clock, was_paused, paused_at = 0, 0, False, 0
    acceptance: int | None = None
    for taken in walk.steps:
        event, is_paused = taken.event, taken.state in arrows.PAUSED
        starts = _starts(taken)
        if starts:
            clock += 1
        if starts or taken.state_before == arrows.UNBORN:
            at = event.time
        elif is_paused != was_paused:
            # Clocks of centres differ: of one count, what applied later never begins before what applied earlier.
            at = max(at, event.time)
        else:
            continue
        if is_paused:
            paused_at = event.time
        elif not clock and (hours := walk.acceptance_hours) is not None:
            acceptance = (
                deadline.acceptance_due(event.time, hours)
                if acceptance is None
                else hours.advance(acceptance, hours.worked(paused_at, event.time))
            )
        due = None if taken.due_original is None else taken.due_original.at
        yield _Turn(at, taken, is_paused, clock, due if clock else acceptance)
        was_paused = is_paused


def _starts(taken: Taken) -> bool:
    data = taken.event.data
    return taken.event.fact == "received" or (isinstance(data, SupplementProvided) and data.restart is True)


def _ends(turns: list[_Turn], until: int, ending: str) -> list[tuple[_Turn, int, str]]:
    """The turns that last, each with its end and what ended it: a count that begins takes the rest of the one before."""
    lasting: list[tuple[_Turn, int, str]] = []
    end, ended_by = until, ending
    for turn in reversed(turns):
        if turn.at < end:
            lasting.append((turn, end, ended_by))
        if turn.at <= end:
            end, ended_by = turn.at, turn.taken.event.fact
    return lasting[::-1]


def _clocks(walk: Walk, turns: list[_Turn]) -> dict[int, Clock]:
    clocks = {0: Clock(0, "acceptance", walk.acceptance_hours, deadline.ACCEPTANCE, None)}
    begun = [turn for turn in turns if _starts(turn.taken)]
    if not begun:
        return clocks
    # Without a limit no due was worked out, and its minutes are told all the same.
    received = next(turn.taken for turn in begun if turn.taken.event.fact == "received")
    hours = walk.hours or walk.rules.hours(received.competent, instants.day_number(received.event.time))
    limit, by_dates = working_limit(walk.limit), walk.limit is not None and walk.limit.unit in deadline.CALENDAR_UNITS
    for turn in begun:
        counts_from = hours.clock_start(turn.at) if by_dates else None
        clocks[turn.clock] = Clock(turn.clock, "processing", hours, limit, counts_from)
    return clocks


def working_limit(limit: TimeLimit | None) -> int | None:
    """The working time of a limit; None for those that end at a closing."""
    if limit is None or limit.unit in deadline.CALENDAR_UNITS or limit == TimeLimit(0, "working_days"):
        return None
    return limit.amount * (instants.HOUR if limit.unit == "working_hours" else deadline.WORKING_DAY)


def _ending(walk: Walk) -> str:
    if walk.state not in arrows.FINAL and walk.state != arrows.COMPLETED:
        return NOW
    return (walk.completion or walk.steps[-1].event).fact


def _reported_reason(taken: Taken) -> str | None:
    data = taken.event.data
    return data.reason if isinstance(data, Reasoned | SupplementRequested) else None


# --- pieces -----------------------------------------------------------------------------------------------------------


def _pieces(stretch: Stretch) -> Iterator[Piece]:
    hours, begin, end, from_ = stretch.clock.hours, stretch.begin, stretch.end, stretch.clock.counts_from
    if stretch.is_paused or hours is None:
        yield Piece(begin, end, True, "")
    elif from_ is None:
        yield from hours.pieces(begin, end)
    else:
        yield from hours.pieces(begin, min(from_, end))
        if from_ < end:
            yield Piece(max(begin, from_), end, True, "")


def _cut(piece: Piece, at: int | None) -> tuple[Piece, ...]:
    if at is None or not piece.begin < at < piece.end:
        return (piece,)
    return piece._replace(end=at), piece._replace(begin=at)


def _edge(one: Piece, other: Piece, cut: int | None) -> str:
    """What parts two pieces of one stretch."""
    if one.is_open and other.is_open:
        return "limit_reached"
    if other.is_open:
        return "break_ends" if one.code in ("lunch_break", "break") else "opening"
    if one.is_open:
        return "break_begins" if other.code in ("lunch_break", "break") else "closing"
    return "limit_reached" if other.begin == cut and one.code == other.code else "day_begins"


def _rule(stretch: Stretch, piece: Piece) -> str:
    if stretch.is_paused:
        return "pause_moves_due"
    if piece.is_open and stretch.clock.counts_from is not None:
        return "first_day_not_counted"
    if piece.code in _CALENDAR_REASONS:
        return "calendar_body"
    return "office_hours" if stretch.clock.number else "office_hours_of_receiver"
