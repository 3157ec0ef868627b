"""One owned partition: what Redis holds of it, what has been counted since, and where the log goes on."""

import time

from services.metrics.domain.contributions import Memo
from services.metrics.domain.counting import Count
from services.metrics.domain.position import Stop
from services.metrics.domain.tally import Tally
from services.metrics.store.ledger import Identity, Lease, Move
from services.metrics.worker.chunks import Run


class Lane:
    """Redis holds the count up to `base`; `at` is the offset with which the next run must begin."""

    def __init__(self, lease: Lease, identity: Identity, memo: Memo, first: int, end: int) -> None:
        self.lease = lease
        self.count = Count(lease.position, memo)
        self.base = lease.position.next
        self.target = end
        self.is_dead = False
        self.sought = self.moved = time.monotonic()
        # The record before the position is read again: its chain header says whether this is the log that was counted.
        self._witness = lease.position.read if self.base else None
        self.at = self.base if self._witness is None else self.base - 1
        # A stopped position keeps the identity of the log at which it stopped.
        self._identity = lease.identity or identity
        self.is_stop_stored = lease.position.stopped is not None
        if self.stopped is None and (reason := self._other_log(identity, first, end)) is not None:
            self.count.stop(reason)

    @property
    def partition(self) -> int:
        """Its number."""
        return self.lease.partition

    @property
    def stopped(self) -> Stop | None:
        """Why nothing more is counted."""
        return self.count.position.stopped

    @property
    def pending(self) -> int:
        """Records counted or dropped that are not stored yet."""
        return self.count.pending

    @property
    def is_moved(self) -> bool:
        """Whether there is something to store."""
        position = self.count.position
        return position.next != self.base or (position.stopped is not None and not self.is_stop_stored)

    def take(self, run: Run) -> None:
        """Counts a run that begins at `at`."""
        values, chains = run.values, run.chains
        if self._witness is not None and self.stopped is None:
            if not values or chains[0] != self._witness.encode():
                self.count.stop("log_changed")
            values, chains = values[1:], chains[1:]
            self._witness = None
        self.at = run.end
        self.moved = time.monotonic()
        self.count.take(values, chains, run.end)

    def is_waiting(self, end: int, now: float, seconds: float) -> bool:
        """Whether the log goes on and nothing has come for so long."""
        return self.stopped is None and self.at < end and now - max(self.sought, self.moved) > seconds

    def step(self) -> tuple[Move, Tally]:
        """What is to be stored now; the count goes on from here."""
        return Move(self.lease, self.base, self.count.position, self._identity), self.count.collect()

    def _other_log(self, identity: Identity, first: int, end: int) -> Stop | None:
        if self.base > end or (self.base and self.lease.identity not in (None, identity)):
            return "log_changed"
        if self.at < first:
            return "log_changed" if self.base else "gap"
        return None
