"""The ticker: appends to each owned partition when a tick is due, never while one of its own is unread."""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple
from uuid import uuid4

from contracts import instants
from services.processing.domain import clocks, ticks
from services.processing.log.sending import Sender
from services.processing.worker.lane import Lane
from services.processing.worker.state import State

# Somebody else may have read it while the partition was theirs: at the end of the log nothing is unread.
SURELY_STORED: Final = ticks.EVERY
# Goes on while a machine sleeps, where the system has one that does; set by nobody.
STEADY: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_log = logging.getLogger(__name__)


def host_clocks() -> tuple[int, int]:
    """This machine's wall clock and one that nobody can set, in microseconds."""
    return time.time_ns() // 1000, time.clock_gettime_ns(STEADY) // 1000


class _Unread(NamedTuple):
    name: str
    at: int


class Ticker:
    """Lives by the wall clock, so only in an archive that does; while that clock is wrong it lets no time pass."""

    def __init__(self, sender: Sender, state: State, now: Callable[[], tuple[int, int]] = host_clocks) -> None:
        self._sender = sender
        self._state = state
        self._now = now
        self._going = clocks.begun(*now())
        self._unread: dict[int, _Unread] = {}
        self._sent_at: dict[int, int] = {}

    def look(self, lanes: Mapping[int, Lane], owned: Collection[int], is_at_end: Callable[[int], bool]) -> None:
        """Appends what is due now to partitions that are folded; forgets those that are somebody else's."""
        now, steady = self._now()
        self._look_at_clock(now, steady)
        for number in self._sent_at.keys() - set(owned):
            self._sent_at.pop(number)
            self._unread.pop(number, None)
        if not self._going.is_right:
            return
        for number, lane in lanes.items():
            unread = self._unread.get(number)
            if unread is not None and not self._is_read(unread, lane, now, is_at_end):
                continue
            self._unread.pop(number, None)
            if lane.position.digest is not None and ticks.is_due(now, self._last(number, lane, now), lane.first_due):
                self._tick(number, now)

    def _look_at_clock(self, now: int, steady: int) -> None:
        was, self._going = self._going, clocks.looked(self._going, now, steady)
        self._state.clock_went(self._going.jump)
        if was.is_right and not self._going.is_right:
            _log.error("the wall clock was set by %.0f s: no tick is appended", self._going.jump / instants.SECOND)
        elif self._going.is_right and not was.is_right:
            _log.warning("the wall clock goes right again: ticks are appended")

    def _is_read(self, unread: _Unread, lane: Lane, now: int, is_at_end: Callable[[int], bool]) -> bool:
        if unread.name in lane.ticks_read:
            return True
        # What the producer still holds lies behind every end that is known.
        return now - unread.at >= SURELY_STORED and not self._sender.outstanding and is_at_end(lane.partition)

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
        self._state.ticked()
