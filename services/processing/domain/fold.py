"""The fold: what one reported record does to one dossier, decided from the set of its kept events alone."""

from math import inf
from typing import Final

from msgspec import Struct

from contracts import instants
from contracts.events import Event, RefusedError
from contracts.lifecycle import Entry, Outcome, Stand
from services.processing.domain import facts
from services.processing.domain.dossier import Dossier, Fate, Retired, keep
from services.processing.domain.effects import Effect, Letter, Moment
from services.processing.domain.facts import View
from services.processing.domain.history import Walk, goes_on, walk
from services.processing.domain.rules import Rules

KEPT_MAX: Final = 256  # events kept, and
MISFITS_MAX: Final = 32  # misfits standing, each per unit code in `source` and dossier

DETAILS: Final = {
    "id_reused": "an event with this source, id and subject was kept before, with other content",
    "too_many": "this unit has reached the bound of events or misfits that are kept for one dossier",
    "retired": "the dossier's history has been retired; nothing can be added to it",
    "internal_error": "the fold failed on this record; the dossier is as before",
    "unknown_unit": "a code in source, receiver or competent was not known on the day, nor healed within seven days",
    "no_arrow": "no arrow leads on from where the dossier stood, and none came within seven days",
    "not_responsible": "the reporting code was never responsible for this dossier, nor within seven days",
}

# No fault of an event: these end the process, and nothing of what it was folding is stored.
MACHINES_FAULTS: Final = (MemoryError, OSError)


class Memory(Struct, frozen=True, gc=False):
    """What the fold last worked out of a dossier: the walk under some rules, and the view at a log clock.

    The view is the same at any clock from there to before `until` (µs; None: at that clock alone).
    """

    walk: Walk
    log_clock: int | None
    view: View
    until: float | None = None


def arrive(dossier: Dossier | Retired | None, event: Event, at: Moment, rules: Rules) -> Effect:
    """What an arriving event does. Raises the machine's faults alone: any other unexpected failure is a dead letter, the
    dossier stays as it was."""
    try:
        return _arrive(dossier, event, at, rules)
    except MACHINES_FAULTS:
        raise
    except Exception:  # whatever the fold did not foresee is this event's fault, not the line's (docs/RULES.md)
        return _failed(dossier, event, at, rules)


def unreadable(refused: RefusedError, source: str | None, day: str | None, at: Moment) -> Effect:
    """A stored record that breaks the contract: a dead letter of no dossier."""
    entry = Entry(offset=at.offset, standing="rejected", source=source, day=day)
    return Effect(
        outcome="rejected", dossier=None, done=(entry,), letters=(Letter(at.offset, refused.code, refused.detail),)
    )


def pass_time(dossier: Dossier, at: Moment, before: int | None, after: int, rules: Rules) -> Effect | None:
    """What the log clock's step from `before` to `after` does; None when no record is left."""
    try:
        return _pass_time(dossier, at, before, after, rules)
    except MACHINES_FAULTS:
        raise
    except Exception:  # as in `arrive`: the change is lost, the dossier is not
        return _change_failed(dossier, at, after + 1)


def activate(dossier: Dossier, at: Moment, before: Rules, after: Rules) -> Effect | None:
    """What new rules do to a kept dossier; None when no record is left."""
    try:
        was = _remember(dossier, at.log_clock, before).view
        fresh = Dossier(dossier.code, dossier.kept, dossier.lettered)
        memory = _remember(fresh, at.log_clock, after)
        undone, done = facts.changes(was, memory.view)
        if not undone and not done and was.stand == memory.view.stand:
            return None
        return Effect(
            outcome="control",
            dossier=fresh,
            was=was.stand,
            now=memory.view.stand,
            undone=undone,
            done=done,
            due_at=facts.due_at(fresh, memory.walk, at.log_clock, at.first_clock),
        )
    except MACHINES_FAULTS:
        raise
    except Exception:
        return _change_failed(dossier, at, _soon(at))


def due_again(dossier: Dossier, log_clock: int | None, first_clock: int | None, rules: Rules) -> int | None:
    """The earliest instant at which a tick would change this dossier, for the due index."""
    return facts.due_at(dossier, _remember(dossier, log_clock, rules).walk, log_clock, first_clock)


def dated(dossier: Dossier, clock: int, effect: Effect, rules: Rules) -> int | None:
    """The earliest instant that the first tick passes in a dossier that nobody could date before it, as `effect` is its
    due; None when it has none, or cannot be folded."""
    if effect.internal_error:
        return None
    due = due_again(dossier, None, clock, rules)
    return due if due is not None and due <= clock else None


def look(dossier: Dossier, log_clock: int | None, rules: Rules) -> tuple[Walk, View]:
    """The dossier as it stands, for readers."""
    memory = _remember(dossier, log_clock, rules)
    return memory.walk, memory.view


# --- arriving --------------------------------------------------------------------------------------------


def _arrive(dossier: Dossier | Retired | None, event: Event, at: Moment, rules: Rules) -> Effect:
    if isinstance(dossier, Retired):
        return _reject(dossier, event, at, "retired", None, None)
    before = Dossier(event.subject, ()) if dossier is None else dossier
    known = _remember(before, at.log_clock, rules)
    for kept in before.kept:
        if kept.id == event.id and kept.source == event.source:
            if kept.fact == event.fact and kept.time == event.time and kept.data == event.data:
                return _again(dossier, event, at, known, due=_due(before, known, at))
            return _reject(dossier, event, at, "id_reused", known, _due(before, known, at))
    code = event.code
    if len(before.kept) >= KEPT_MAX and sum(1 for kept in before.kept if kept.code == code) >= KEPT_MAX:
        return _reject(dossier, event, at, "too_many", known, _due(before, known, at))
    arrived = keep(event, at.offset, at.recorded_at, at.log_clock)
    after = Dossier(before.code, (*before.kept, arrived), before.lettered)
    misfits = _misfits_of(known.walk, code)
    memory = _take(before, known, after, at, rules)
    if at.offset in memory.view.misfits and misfits >= MISFITS_MAX:
        known = _remember(before, at.log_clock, rules)
        return _reject(dossier, event, at, "too_many", known, _due(before, known, at))
    due = _due(after, memory, at)
    if at.log_clock is not None:
        memory = Memory(memory.walk, at.log_clock, memory.view, inf if due is None else due)
    after.memory = memory
    if memory.walk is known.walk:
        undone, done = facts.changes_touched(known.view, memory.view, memory.walk.touched)
    else:
        undone, done = facts.changes(known.view, memory.view)
    return Effect(
        outcome=_standing(memory.view, at.offset),
        dossier=after,
        was=known.view.stand,
        now=memory.view.stand,
        undone=undone,
        done=done,
        due_at=due,
    )


def _take(before: Dossier, known: Memory, after: Dossier, at: Moment, rules: Rules) -> Memory:
    """The memory of the set with one event more: the walk goes on where it can, and begins anew where it must."""
    arrived = after.kept[-1]
    if goes_on(known.walk, arrived):
        # The walk is handed on, so the former set has none until somebody asks; its view stays as it was.
        before.memory = None
        going = known.walk
        going.go_on()
        going.take(arrived)
    else:
        going = walk(after.kept, rules)
    return Memory(going, at.log_clock, facts.view(going, at.log_clock))


def _again(dossier: Dossier | Retired | None, event: Event, at: Moment, known: Memory, due: int | None) -> Effect:
    entry = _outside(event, at, "duplicate")
    stand = known.view.stand
    return Effect(outcome="duplicate", dossier=dossier, was=stand, now=stand, done=(entry,), due_at=due)


def _reject(
    dossier: Dossier | Retired | None, event: Event, at: Moment, code: str, known: Memory | None, due: int | None
) -> Effect:
    stand: Stand | None = None if known is None else known.view.stand
    return Effect(
        outcome="rejected",
        dossier=dossier,
        was=stand,
        now=stand,
        done=(_outside(event, at, "rejected"),),
        letters=(Letter(at.offset, code, DETAILS[code]),),
        due_at=due,
    )


def _failed(dossier: Dossier | Retired | None, event: Event, at: Moment, rules: Rules) -> Effect:
    stand = None
    if isinstance(dossier, Dossier):
        dossier.memory = None
        try:
            stand = _remember(dossier, at.log_clock, rules).view.stand
        except MACHINES_FAULTS:
            raise
        except Exception:  # where even the former set cannot be folded, no stock is said to move at all
            stand = None
    return Effect(
        outcome="rejected",
        dossier=dossier,
        was=stand,
        now=stand,
        done=(_outside(event, at, "rejected"),),
        letters=(Letter(at.offset, "internal_error", DETAILS["internal_error"]),),
        due_at=_soon(at),
        internal_error=True,
    )


def _soon(at: Moment) -> int:
    """The next tick that moves the clock, or the first one, looks at this dossier again."""
    return facts.UNDATED if at.log_clock is None else at.log_clock + 1


def _outside(event: Event, at: Moment, standing: Outcome) -> Entry:
    """The entry of a record that is not kept: a redelivery, or one that is at fault."""
    return Entry(offset=at.offset, standing=standing, source=event.code, day=instants.day_of(event.time))


def _misfits_of(before: Walk, code: str) -> int:
    return sum(1 for misfit in before.misfits if misfit.event.code == code) if before.misfits else 0


def _standing(seen: View, offset: int) -> Outcome:
    entry = seen.misfits.get(offset) or seen.content[offset]
    return entry.standing


# --- passing time ----------------------------------------------------------------------------------------


def _pass_time(dossier: Dossier, at: Moment, before: int | None, after: int, rules: Rules) -> Effect | None:
    was = _remember(dossier, before, rules)
    walked = was.walk
    seen = facts.view(walked, after)
    owed = facts.expired(dossier, walked, after)
    first_clock = after if at.first_clock is None else at.first_clock
    retires_at = facts.retires_at(dossier, walked, first_clock)
    retires = retires_at is not None and retires_at <= after
    undone, done = facts.changes(was.view, seen)
    if not owed and not retires and not undone and not done and was.view.stand == seen.stand:
        dossier.memory = Memory(walked, after, seen)
        return None
    lettered = dossier.lettered.union(kept.offset for kept, _ in owed)
    left = Dossier(dossier.code, dossier.kept, lettered)
    left.memory = Memory(walked, after, seen)
    return Effect(
        outcome="tick",
        dossier=Retired(_fates(left, seen)) if retires else left,
        was=was.view.stand,
        now=seen.stand,
        undone=undone,
        done=done,
        letters=tuple(Letter(kept.offset, code, DETAILS[code]) for kept, code in owed),
        due_at=None if retires else facts.due_at(left, walked, after, first_clock),
    )


def _fates(dossier: Dossier, seen: View) -> tuple[Fate, ...]:
    return tuple(
        Fate(kept.source, kept.id, kept.offset, kept.recorded_at, _standing(seen, kept.offset))
        for kept in dossier.kept
        if kept.offset in dossier.lettered
    )


def _change_failed(dossier: Dossier, at: Moment, due: int) -> Effect:
    memory = dossier.memory
    stand = memory.view.stand if isinstance(memory, Memory) else None
    return Effect(
        outcome="rejected",
        dossier=dossier,
        was=stand,
        now=stand,
        letters=(Letter(at.offset, "internal_error", DETAILS["internal_error"]),),
        due_at=due,
        internal_error=True,
    )


# --- memory ----------------------------------------------------------------------------------------------


def _remember(dossier: Dossier, log_clock: int | None, rules: Rules) -> Memory:
    """The walk and view of a dossier, from its memory where that is of these rules; the view follows the log clock."""
    memory = dossier.memory
    # Should the fold fail below, what a failed change says must not depend on what happened to be remembered.
    dossier.memory = None
    if not isinstance(memory, Memory) or memory.walk.rules is not rules:
        walked = walk(dossier.kept, rules)
        memory = Memory(walked, log_clock, facts.view(walked, log_clock))
    elif memory.log_clock != log_clock and not _holds(memory, log_clock):
        memory = Memory(memory.walk, log_clock, facts.view(memory.walk, log_clock))
    dossier.memory = memory
    return memory


def _holds(memory: Memory, log_clock: int | None) -> bool:
    """Whether the view is known to be the same at this clock: no instant that changes it has passed since."""
    if memory.log_clock is None or log_clock is None or memory.until is None:
        return False
    return memory.log_clock <= log_clock < memory.until


def _due(dossier: Dossier, memory: Memory, at: Moment) -> int | None:
    return facts.due_at(dossier, memory.walk, at.log_clock, at.first_clock)
