"""Delivery: up to when a unit's edges have handed over all they hold, and how their lines stand."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from msgspec import Struct

from contracts import instants
from contracts.heartbeats import Heartbeat, how_many_aside, measured
from services.metrics.domain.hours import Hours, is_at_work

Link = Literal["up", "degraded", "unknown", "down"]
# From the best to the worst; a unit stands as the worst of its edges.
LINKS: Final[tuple[Link, ...]] = ("up", "degraded", "unknown", "down")
_SAID: Final[dict[str, Link]] = {"up": "up", "slow": "degraded", "down": "down", "unknown": "unknown"}
# Of an edge; beyond that, readers of JSON take one integer for another.
_EVENTS_MAX: Final = 2**53
# What lies ahead by more than this was entered while the edge's clock was wrong.
_CLOCKS_APART_MAX: Final = instants.MINUTE


class Beat(Struct, frozen=True):
    """The newest heartbeat of one source, in the city's clock (µs): `heard_at` is when intake last stored one."""

    heard_at: int
    link: Link
    spool_events: int
    oldest_unsent_at: int | None
    complete_until: int
    quarantined_events: int = 0
    # What the edge says of its oldest unsent event, where that lay ahead when it was first heard: no clock showed it.
    entered_ahead: int | None = None


class Delivery(Struct, frozen=True):
    """How a unit's edges stand together; without any edge nobody knows more than that."""

    link: Link = "unknown"
    heard_at: int | None = None
    spool_events: int | None = None
    oldest_unsent_at: int | None = None
    complete_until: int | None = None
    is_provisional: bool = False
    # While it is, somebody should be heard.
    is_at_work: bool | None = True
    # What intake refused of them and lies aside, also of former incarnations.
    quarantined_events: int = 0


def beat_of(said: Heartbeat, heard_at: int, known: Beat | None = None) -> Beat:
    """A heartbeat as the city takes it, after the one that is `known` of the same store; ValueError when its instants are
    none.

    The edge's clock may be wrong. Ages are good by any clock; an instant is taken as it stands or as intake's clock would
    have shown it, whichever is earlier, and never lies behind the moment at which intake heard of it. Of an event that
    waits and was entered while the clock ran ahead nobody knows when that was, however long it waits: until it is
    delivered, no more is complete than was before.
    """
    at = instants.parse(said.at)
    age = measured(said.oldest_unsent_age_seconds) if said.spool_depth else 0
    until = at - age if said.delivered_until is None else instants.parse(said.delivered_until)
    by_both = min(until, until - measured(said.clock_offset_seconds))
    complete_until, unsent_since = _shown(by_both, heard_at), _shown(heard_at - age, heard_at) if said.spool_depth else None
    entered_ahead = None
    lies_ahead = by_both > min(at, heard_at) + _CLOCKS_APART_MAX or (known is not None and known.entered_ahead == until)
    if said.spool_depth and lies_ahead:
        entered_ahead = until
        complete_until = instants.EARLIEST if known is None else min(known.complete_until, complete_until)
        unsent_since = None if complete_until == instants.EARLIEST else complete_until
    return Beat(
        heard_at=heard_at,
        link=_SAID[said.link],
        spool_events=said.spool_depth,
        oldest_unsent_at=unsent_since,
        complete_until=complete_until,
        quarantined_events=min(how_many_aside(said), _EVENTS_MAX),
        entered_ahead=entered_ahead,
    )


def judge(beats: Sequence[Beat], now: int, hours: Hours | None, old_after: int) -> Delivery:
    """How the edges of a unit stand; a heartbeat is old `old_after` (µs) later.

    Counters are provisional while an outbox is not empty, and while nobody can say so: working time has passed since an
    edge should have been heard again. A centre that is switched off overnight with an empty outbox owes nothing. Neither
    they nor `complete_until` wait for what intake refused: nobody may ever mend it, and its number is told.
    """
    if not beats:
        return Delivery()
    return Delivery(
        link=max((_link(beat, now, old_after) for beat in beats), key=LINKS.index),
        heard_at=max(beat.heard_at for beat in beats),
        spool_events=sum(beat.spool_events for beat in beats),
        oldest_unsent_at=min((beat.oldest_unsent_at for beat in beats if beat.oldest_unsent_at is not None), default=None),
        complete_until=min(beat.complete_until for beat in beats),
        is_provisional=any(beat.spool_events > 0 or _is_missed(beat, now, hours, old_after) for beat in beats),
        is_at_work=is_at_work(hours, now),
        quarantined_events=sum(beat.quarantined_events for beat in beats),
    )


def together(deliveries: Iterable[Delivery]) -> tuple[int | None, bool]:
    """The instant up to which every known centre has delivered (None: none is known), and whether any is provisional."""
    known = [each for each in deliveries if each.complete_until is not None]
    until = min((each.complete_until for each in known if each.complete_until is not None), default=None)
    return until, any(each.is_provisional for each in known)


def _link(beat: Beat, now: int, old_after: int) -> Link:
    return "unknown" if now - beat.heard_at >= old_after else beat.link


def _is_missed(beat: Beat, now: int, hours: Hours | None, old_after: int) -> bool:
    expected_by = beat.heard_at + old_after if hours is None else hours.advance(beat.heard_at, old_after)
    return expected_by is not None and now >= expected_by


def _shown(instant: int, latest: int) -> int:
    return max(instants.EARLIEST, min(instant, latest))
