"""The newest heartbeat of each source, by unit: one thread takes them from centre.status, answers read them."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from contracts import instants
from contracts.events import code_of
from contracts.heartbeats import INCARNATIONS_MAX, Kept
from services.metrics.domain.delivery import Beat, beat_of

SOURCES_MAX: Final = 20_000
# An edge says its times by the city's clock, to within this.
AHEAD: Final = instants.MINUTE


# Stores of one source that were heard within so much of each other may both live: the worse of them is told.
TOGETHER: Final = 2 * instants.MINUTE


class Beats:
    """`of` is replaced as a whole. A record that is `retired`, or has no value, takes a source out."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.of: Mapping[str, tuple[Beat, ...]] = {}
        # By source and incarnation, with when each was said.
        self._newest: dict[str, dict[str, tuple[int, Beat]]] = {}

    def take(self, key: bytes | None, value: bytes | None, stored_at: int) -> None:
        """A record of centre.status; one that is no heartbeat is left alone: whoever reads a public topic goes on."""
        if not value:
            self._newest.pop((key or b"").decode(errors="replace"), None)
            return
        try:
            said = msgspec.json.decode(value, type=Kept)
            stores, incarnation = self._newest.get(said.source, {}), said.incarnation.lower()
            held, at = stores.get(incarnation), instants.parse(said.at)
            beat = beat_of(said, stored_at, None if held is None else held[1])
        except (ValueError, RecursionError):
            return
        if said.retired:
            self._newest.pop(said.source, None)
        elif stores or len(self._newest) < SOURCES_MAX:
            latest = self._now() + AHEAD
            others = {each: newest for each, newest in stores.items() if each != incarnation}
            living = _living(others, stored_at, latest)
            # At the end: the last to be heard are those that are kept, if there are many.
            self._newest[said.source] = {**living, incarnation: _newer(held, (at, beat), latest)}

    def publish(self) -> None:
        """What was taken is what answers read from now on."""
        found: dict[str, tuple[Beat, ...]] = {}
        for source, stores in self._newest.items():
            unit = code_of(source)
            found[unit] = (*found.get(unit, ()), *(beat for _, beat in stores.values()))
        self.of = found


def _newer(held: tuple[int, Beat] | None, new: tuple[int, Beat], latest: int) -> tuple[int, Beat]:
    """Of two heartbeats of one store the one that holds, heard when the last of them was."""
    if held is None:
        return new
    # What a clock said that has been put right since lies ahead: for hours nothing would be newer.
    holds = new if new[0] >= held[0] or held[0] > latest else held
    # Whatever arrived last shows that the line works, also from an edge whose clock went back.
    heard_at = new[1].heard_at if held[1].heard_at > latest else max(held[1].heard_at, new[1].heard_at)
    return holds[0], msgspec.structs.replace(holds[1], heard_at=heard_at)


def _living(others: Mapping[str, tuple[int, Beat]], now: int, latest: int) -> dict[str, tuple[int, Beat]]:
    """Of a source's other stores those that may still live, when one is heard `now`: of one that has not been for so long
    it has taken the place. None keeps another from being seen, and none speaks for another."""
    living = {each: held for each, held in others.items() if now > latest or now - TOGETHER <= held[1].heard_at <= latest}
    return dict(list(living.items())[1 - INCARNATIONS_MAX :])
