"""The newest heartbeat of each source, by unit: one thread takes them from centre.status, answers read them."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from contracts import instants
from contracts.events import code_of
from contracts.heartbeats import Kept, read_kept, replaces
from services.metrics.domain.delivery import Beat, beat_of

SOURCES_MAX: Final = 20_000
# An edge says its times by the city's clock, to within this.
AHEAD: Final = instants.MINUTE


class Beats:
    """`of` is replaced as a whole. A record that is `retired`, or has no value, takes a source out."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.of: Mapping[str, tuple[Beat, ...]] = {}
        self._newest: dict[str, tuple[Kept, Beat]] = {}

    def take(self, key: bytes | None, value: bytes | None, stored_at: int) -> None:
        """A record of centre.status; one that is no heartbeat is left alone: whoever reads a public topic goes on."""
        if not value:
            self._newest.pop((key or b"").decode(errors="replace"), None)
            return
        if (said := read_kept(value)) is None:
            return
        held = self._newest.get(said.source)
        is_same = held is not None and held[0].incarnation.lower() == said.incarnation.lower()
        try:
            beat = beat_of(said, stored_at, held[1] if held is not None and is_same else None)
        except ValueError:
            return
        if said.retired:
            self._newest.pop(said.source, None)
            return
        if held is None:
            if len(self._newest) < SOURCES_MAX:
                self._newest[said.source] = _what_orders(said), beat
            return
        latest = self._now() + AHEAD
        if replaces(said, held[0], latest):
            newest = _what_orders(said), beat
        elif is_same:
            newest = held
        else:
            # Of another store, which a newer one has taken the place of: it says nothing of that one's line.
            return
        # Whatever arrived last shows that the line works, also from an edge whose clock went back.
        heard_at = stored_at if held[1].heard_at > latest else max(held[1].heard_at, stored_at)
        self._newest[said.source] = newest[0], msgspec.structs.replace(newest[1], heard_at=heard_at)

    def publish(self) -> None:
        """What was taken is what answers read from now on."""
        found: dict[str, tuple[Beat, ...]] = {}
        for source, (_, beat) in self._newest.items():
            unit = code_of(source)
            found[unit] = (*found.get(unit, ()), beat)
        self.of = found


def _what_orders(said: Kept) -> Kept:
    """Without its lists, which may be long: there are many sources."""
    return msgspec.structs.replace(said, quarantined_sequences=[], refused=[])
