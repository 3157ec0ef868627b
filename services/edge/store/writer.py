"""The one thread that owns the outbox: whatever waits is done in one transaction, and answered when that is on the disk."""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any, Generic, TypeVar

from services.edge.instruments import Instruments
from services.edge.store.errors import BusyError, DiskFullError, FailingError, StoreError, is_disk_trouble, named
from services.edge.store.outbox import Outbox
from services.edge.store.views import Places

REOPEN_SECONDS = 1.0
RESERVE_SECONDS = 5.0
STOP_SECONDS = 10.0
# Acts that wait, whatever they bring along: more than the door lets in at once, and a disk that hangs must not pile up.
WAITING_ACTS_MAX = 10_000
_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class _Job(Generic[_T]):
    def __init__(self, act: Callable[[Outbox], _T], weight: int, future: "asyncio.Future[_T]") -> None:
        self.act = act
        self.weight = weight
        self.future = future
        self.result: Any = None


class _Waiting:
    """What waits, in acts and in bytes: counted up by the loop and down by the thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._acts = 0
        self.bytes = 0

    def add(self, weight: int, bytes_max: int) -> bool:
        """Whether so much more may wait; what comes alone may always."""
        with self._lock:
            if self._acts >= WAITING_ACTS_MAX or (weight and self.bytes and self.bytes + weight > bytes_max):
                return False
            self._acts += 1
            self.bytes += weight
            return True

    def remove(self, group: list[_Job[Any]]) -> None:
        """These wait no more."""
        with self._lock:
            self._acts -= len(group)
            self.bytes -= sum(job.weight for job in group)


class Writer:
    """`do` brings an act to the outbox and its result back; acts that wait together share a commit."""

    def __init__(
        self, outbox: Outbox, places: Places, commit_bytes_max: int, waiting_bytes_max: int, instruments: Instruments
    ) -> None:
        self._outbox = outbox
        self._places = places
        self._commit_bytes_max = commit_bytes_max
        self._waiting_bytes_max = waiting_bytes_max
        self._instruments = instruments
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._waiting = _Waiting()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._tried_at = self._reserve_tried_at = float("-inf")
        self.fault: StoreError | None = None

    def open(self) -> None:
        """Opens the outbox and starts the thread; a store that cannot be used now is tried again with each act."""
        self._make_open()
        self._thread.start()

    async def do(self, act: Callable[[Outbox], _T], weight: int = 0) -> _T:
        """The act's result, once it is on the disk; StoreError when it is not. `weight` is what it adds, in bytes.

        Whoever stops waiting before it was begun has said that it is not done, and then it is not. BusyError at once
        when so much waits already.
        """
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        if not self._waiting.add(weight, self._waiting_bytes_max):
            self._instruments.store_errors.labels(BusyError.code).inc()
            raise BusyError("as much waits for the disk as may")
        self._instruments.store_waiting_bytes.set(self._waiting.bytes)
        self._jobs.put(_Job(act, weight, future))
        return await future

    def close(self) -> None:
        """Does what waits and lets go of the store."""
        self._jobs.put(None)
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while (group := self._gather()) is not None:
            self._together(group)
        self._outbox.close()

    def _gather(self) -> list[_Job[Any]] | None:
        group = self._next_group()
        if group is not None:
            self._waiting.remove(group)
            self._instruments.store_waiting_bytes.set(self._waiting.bytes)
        return group

    def _next_group(self) -> list[_Job[Any]] | None:
        if (job := self._jobs.get()) is None:
            return None
        group, weight = [job], job.weight
        while weight < self._commit_bytes_max:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            group.append(job)
            weight += job.weight
        return group

    def _together(self, group: list[_Job[Any]]) -> None:
        began = monotonic()
        if (error := self._make_open()) is None:
            try:
                self._care_for_reserve(began)
                self._outbox.begin()
                for job in group:
                    # Whoever waits no more was told to send it again, and does: it must not be kept twice.
                    if not job.future.done():
                        job.result = job.act(self._outbox)
                self._outbox.commit()
            except Exception as raised:
                error = self._broken(raised)
            self._instruments.commit_seconds.observe(monotonic() - began)
        group[0].future.get_loop().call_soon_threadsafe(_tell, group, error)

    def _make_open(self) -> StoreError | None:
        """None when the outbox is open; a store that failed is tried again, at most once in `REOPEN_SECONDS`."""
        if self._outbox.is_open:
            return None
        now = monotonic()
        # Also a file that was taken away may come back; the outbox makes no new one in its place.
        if self.fault is not None and now < self._tried_at + REOPEN_SECONDS:
            return self.fault
        is_first = self._tried_at == float("-inf")
        self._tried_at = now
        try:
            if self._outbox.open(hold_reserve=is_first):
                _log.warning("this store is not the one that wrote the high-water mark: a new incarnation begins")
        except Exception as error:
            return self._broken(error)
        self.fault = None
        return None

    def _broken(self, error: Exception) -> StoreError:
        fault = (
            named(error, self._places.file) if is_disk_trouble(error) else FailingError(f"unexpected {type(error).__name__}")
        )
        if self.fault is None or fault.code != self.fault.code:
            _log.error("the outbox cannot be used: %s", fault, exc_info=error if isinstance(fault, FailingError) else None)
        self._instruments.store_errors.labels(fault.code).inc()
        if isinstance(fault, DiskFullError):
            self._outbox.give_up_reserve()
            self._reserve_tried_at = monotonic()
        with suppress(Exception):
            self._outbox.close()
        self.fault = fault
        return fault

    def _care_for_reserve(self, now: float) -> None:
        if now >= self._reserve_tried_at + RESERVE_SECONDS:
            self._reserve_tried_at = now
            self._outbox.take_reserve_back()


def _tell(group: list[_Job[Any]], error: StoreError | None) -> None:
    for job in group:
        if job.future.done():
            continue
        if error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(type(error)(error.detail))
