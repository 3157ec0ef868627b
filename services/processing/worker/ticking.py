"""The ticker: appends to each owned partition when a tick is due, never while one of its own is unread."""

import time
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple
from uuid import uuid4

from services.processing.domain import ticks
from services.processing.log.sending import Sender
from services.processing.worker.lane import Lane

# Somebody else may have read it while the partition was theirs: at the end of the log nothing is unread.
SURELY_STORED: Final = ticks.EVERY


class _Unread(NamedTuple):
    name: str
    at: int


class Ticker:
    """Lives by the wall clock, so only in an archive that does."""

    def __init__(self, sender: Sender, on_tick: Callable[[], None]) -> None:
        self._sender = sender
        self._on_tick = on_tick
        self._unread: dict[int, _Unread] = {}
        self._sent_at: dict[int, int] = {}

    def look(self, lanes: Mapping[int, Lane], owned: Collection[int], is_at_end: Callable[[int], bool]) -> None:
        """Appends what is due now to partitions that are folded; forgets those that are somebody else's."""
        now = time.time_ns() // 1000
        for number in self._sent_at.keys() - set(owned):
            self._sent_at.pop(number)
            self._unread.pop(number, None)
        for number, lane in lanes.items():
            unread = self._unread.get(number)
            if unread is not None and not self._is_read(unread, lane, now, is_at_end):
                continue
            self._unread.pop(number, None)
            if lane.position.digest is not None and ticks.is_due(now, self._last(number, lane, now), lane.first_due):
                self._tick(number, now)

    def _is_read(self, unread: _Unread, lane: Lane, now: int, is_at_end: Callable[[int], bool]) -> bool:
        return unread.name in lane.ticks_read or (now - unread.at >= SURELY_STORED and is_at_end(lane.partition))

    def _last(self, number: int, lane: Lane, now: int) -> int | None:
        """The latest tick that is known; one that a clock set back since has dated in the future is none."""
        sent_at = self._sent_at.get(number, now + 1)
        known = [at for at in (lane.position.log_clock, sent_at if sent_at <= now else None) if at is not None]
        return max(known, default=None)

    def _tick(self, number: int, now: int) -> None:
        name = str(uuid4())
        self._unread[number] = _Unread(name, now)
        self._sent_at[number] = now
        self._sender.tick(number, now, name)
        self._on_tick()
