"""The ticker: appends to each owned partition when a tick is due, never while one of its own is unread."""

import time
from collections.abc import Callable, Mapping
from uuid import uuid4

from services.processing.domain import ticks
from services.processing.log.sending import Sender
from services.processing.worker.lane import Lane


class Ticker:
    """Lives by the wall clock, so only in an archive that does."""

    def __init__(self, sender: Sender, on_tick: Callable[[], None]) -> None:
        self._sender = sender
        self._on_tick = on_tick
        self._unread: dict[int, tuple[Lane, str, int]] = {}

    def look(self, lanes: Mapping[int, Lane]) -> None:
        """Appends what is due now."""
        now = time.time_ns() // 1000
        for number, lane in lanes.items():
            last = lane.position.log_clock
            if (sent := self._unread.get(number)) is not None and sent[0] is lane:
                if lane.last_tick_id != sent[1]:
                    continue
                last = max(last or 0, sent[2])
            if lane.position.digest is not None and ticks.is_due(now, last, lane.first_due):
                name = str(uuid4())
                self._unread[number] = lane, name, now
                self._sender.tick(number, now, name)
                self._on_tick()
