"""What may be counted of a dossier at a log clock: its stand, how each event counts, when that changes by itself."""

from typing import Final, Literal

from msgspec import Struct

from contracts import instants
from contracts.lifecycle import Entry, Stand
from services.processing.domain import arrows
from services.processing.domain.dossier import Dossier, KeptEvent
from services.processing.domain.history import Misfit, Walk, entry_of

PARKED_FOR: Final = 7 * instants.DAY
RETIRED_AFTER_FINAL: Final = 400 * instants.DAY
RETIRED_AFTER_UNBORN: Final = 90 * instants.DAY
DAY_AHEAD: Final = 24 * instants.HOUR
THREE_DAYS_AHEAD: Final = 72 * instants.HOUR
# Below every instant of the due index.
UNDATED: Final = 0
NO_MISFITS: Final[dict[int, Entry]] = {}


class View(Struct, frozen=True, gc=False):
    """A dossier as it counts: `stand` for stocks, `entries` (offset -> entry) for flows; misfits' entries lie apart."""

    stand: Stand
    content: dict[int, Entry]
    misfits: dict[int, Entry]


def view(walk: Walk, log_clock: int | None) -> View:
    """The walk's outcome judged at a log clock (None: before the first tick, nothing is overdue, due or expired)."""
    misfits = NO_MISFITS
    parked: dict[str, int] = {}
    if walk.misfits:
        misfits = {}
        for misfit in walk.misfits:
            event = misfit.event
            standing = misfit_standing(misfit, log_clock)
            misfits[event.offset] = entry_of(event, standing)
            if standing == "parked":
                parked[event.code] = parked.get(event.code, 0) + 1
        parked = dict(sorted(parked.items()))
    return View(_stand(walk, log_clock, parked), walk.content, misfits)


def misfit_standing(misfit: Misfit, log_clock: int | None) -> Literal["parked", "rejected"]:
    """`parked` for seven days of the log clock from the event's own time, then `rejected`."""
    return "parked" if log_clock is None or log_clock < misfit.event.time + PARKED_FOR else "rejected"


def _stand(walk: Walk, log_clock: int | None, parked: dict[str, int]) -> Stand:
    if walk.state == arrows.UNBORN:
        return Stand(parked=parked)
    state, detail = arrows.public(walk.state)
    overdue = in_24h = in_72h = acceptance_overdue = False
    competent = walk.competent
    if log_clock is not None:
        competent = walk.rules.resolve(competent, instants.day_number(log_clock))
        if walk.state in arrows.RUNNING and walk.due_current is not None:
            left = walk.due_current.at - log_clock
            overdue = left < 0
            in_24h = 0 <= left <= DAY_AHEAD
            in_72h = 0 <= left <= THREE_DAYS_AHEAD
        elif walk.state == arrows.SUBMITTED:
            acceptance_overdue = log_clock > walk.acceptance_due
    return Stand(
        procedure=walk.procedure,
        field=walk.field,
        channel=walk.channel,
        receiver=walk.receiver,
        competent=competent,
        state=state,
        state_detail=detail,
        overdue=overdue,
        due_in_24h=in_24h,
        due_in_72h=in_72h,
        acceptance_overdue=acceptance_overdue,
        parked=parked,
    )


def changes(was: View, now: View) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """What is undone under the former stand and done under the new one, in the order of the log; what is kept stays."""
    old, new = was.content, now.content
    if was.misfits or now.misfits:
        old, new = {**old, **was.misfits}, {**new, **now.misfits}
    moved = _head(was.stand) != _head(now.stand)
    undone, added = [], []
    if old is not new:
        for offset, entry in new.items():
            before = old.get(offset)
            # Walking on leaves the entries it does not touch the same objects: identity first, it is the usual case.
            if before is entry and not moved:
                continue
            if before is None:
                added.append(entry)
            elif before != entry or (moved and (before.step is not None or entry.step is not None)):
                undone.append(before)
                added.append(entry)
    return tuple(sorted(undone, key=_by_offset)), tuple(sorted(added, key=_by_offset))


def changes_touched(was: View, now: View, touched: list[int]) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """As `changes`, of a walk that only went on: no entry but the touched ones can differ, the heads of steps neither."""
    if was.misfits or now.misfits:
        return changes(was, now)
    offsets = touched if len(touched) < 2 else sorted(set(touched))
    undone = tuple(was.content[offset] for offset in offsets if offset in was.content)
    return undone, tuple(now.content[offset] for offset in offsets)


def _by_offset(entry: Entry) -> int:
    return entry.offset


def _head(stand: Stand) -> tuple[str | None, str | None, str | None, str | None]:
    return stand.procedure, stand.field, stand.channel, stand.receiver


def retires_at(dossier: Dossier, walk: Walk, first_clock: int | None) -> int | None:
    """When the history leaves: 400 days (final, or in 9) or 90 days (unborn) after its last kept event came in."""
    after = _kept_for(dossier, walk)
    if after is None:
        return None
    arrived = dossier.kept[-1].log_clock
    if arrived is None:
        arrived = first_clock
    return None if arrived is None else arrived + after


def _kept_for(dossier: Dossier, walk: Walk) -> int | None:
    """How long the history stays after its last event; None while the dossier is open, or nothing of it is kept."""
    if not dossier.kept:
        return None
    if walk.state == arrows.UNBORN:
        return RETIRED_AFTER_UNBORN
    return RETIRED_AFTER_FINAL if walk.state in arrows.FINAL or walk.state == arrows.COMPLETED else None


def expired(dossier: Dossier, walk: Walk, log_clock: int | None) -> list[tuple[KeptEvent, str]]:
    """Misfits past their seven days whose dead letter was not written yet, with their codes, in the order of the log."""
    if log_clock is None:
        return []
    due = [
        (misfit.event, misfit.code)
        for misfit in walk.misfits
        if log_clock >= misfit.event.time + PARKED_FOR and misfit.event.offset not in dossier.lettered
    ]
    return sorted(due, key=lambda found: found[0].offset)


def due_at(dossier: Dossier, walk: Walk, log_clock: int | None, first_clock: int | None) -> int | None:
    """The earliest instant at which a tick would change something or owes a dead letter; None when none is known.

    Before the first tick a retirement cannot be dated; UNDATED makes the first tick look at the dossier and date it.
    """
    if first_clock is None and _kept_for(dossier, walk) is not None:
        return UNDATED
    moments: list[int] = []
    if walk.state in arrows.RUNNING and walk.due_current is not None:
        due = walk.due_current.at
        moments = [due - THREE_DAYS_AHEAD, due - DAY_AHEAD, due + 1]
    elif walk.state == arrows.SUBMITTED:
        moments = [walk.acceptance_due + 1]
    if walk.state != arrows.UNBORN and (move := _next_move(walk, log_clock)) is not None:
        moments.append(move)
    later = moments if log_clock is None else [moment for moment in moments if moment > log_clock]
    # What is owed stays so when its instant has passed: new rules may find a dossier long since at its end.
    owed = [m.event.time + PARKED_FOR for m in walk.misfits if m.event.offset not in dossier.lettered]
    if (retires := retires_at(dossier, walk, first_clock)) is not None:
        owed.append(retires)
    return min(later + owed, default=None)


def _next_move(walk: Walk, log_clock: int | None) -> int | None:
    if not walk.rules.has_successions:
        return None
    # Before the first tick nothing has been resolved yet: the first move of all is the next.
    day = walk.rules.next_move(walk.competent, 0 if log_clock is None else instants.day_number(log_clock))
    return None if day is None else instants.midnight(day)
