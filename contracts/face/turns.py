"""Turns: so many requests hold a body at a time, so many wait a moment for it, and the rest are told to come back.

What they bound is memory: a request with a body of 4 MiB holds about 8 MiB until it is stored, its bytes and what was read
in them. A turn is held while the body comes in, and bodies that never end would hold all of them: the bodies of one key may
come in at half of the turns alone, and half of those who wait may be its.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

from prometheus_client import Gauge

from contracts.face.pressure import Pressure
from contracts.face.problems import ProblemError


class Turns:
    """Bounds what all requests together may hold in memory; `in_flight` shows how many hold a turn."""

    def __init__(self, at_once: int, waiting_max: int, wait_seconds: float, in_flight: Gauge) -> None:
        self._all = _Share(at_once, waiting_max)
        self._wait_seconds = wait_seconds
        self._in_flight = in_flight
        self._pressure = Pressure(at_once)
        self._shares: dict[str, _Share] = {}

    @asynccontextmanager
    async def one(self, key: str) -> AsyncIterator[Callable[[], None]]:
        """Holds one turn; ProblemError 503 when there is none within `wait_seconds`. What this gives is called when the
        body is there: the next body of that key may then come in."""
        with ExitStack() as coming_in:
            share = coming_in.enter_context(self._share_of(key))
            await self._take(share)
            coming_in.callback(share.free.release)
            self._in_flight.inc()
            try:
                yield coming_in.close
            finally:
                self._in_flight.dec()
                self._all.free.release()
                self._pressure.served(time.monotonic())

    @contextmanager
    def _share_of(self, key: str) -> Iterator["_Share"]:
        if (share := self._shares.get(key)) is None:
            share = self._shares[key] = self._all.half()
        share.users += 1
        try:
            yield share
        finally:
            share.users -= 1
            if not share.users:
                del self._shares[key]

    async def _take(self, share: "_Share") -> None:
        if not (share.free.locked() or self._all.free.locked()):
            await share.free.acquire()
            await self._all.free.acquire()
            return
        if share.is_crowded or self._all.is_crowded:
            raise self._turned_away()
        share.waiting += 1
        self._all.waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                await share.free.acquire()
                try:
                    await self._all.free.acquire()
                except BaseException:
                    share.free.release()
                    raise
        except TimeoutError as error:
            raise self._turned_away() from error
        finally:
            share.waiting -= 1
            self._all.waiting -= 1

    def _turned_away(self) -> ProblemError:
        return too_busy(self._pressure.turned_away(time.monotonic(), random.random()))


class _Share:
    """So many turns, and so many who wait for one of them."""

    def __init__(self, at_once: int, waiting_max: int) -> None:
        self._at_once, self._waiting_max = at_once, waiting_max
        self.free = asyncio.Semaphore(at_once)
        self.users = self.waiting = 0

    @property
    def is_crowded(self) -> bool:
        """Whether nobody else may wait."""
        return self.waiting >= self._waiting_max

    def half(self) -> "_Share":
        """Half as much, rounded up."""
        return _Share((self._at_once + 1) // 2, (self._waiting_max + 1) // 2)


def too_busy(retry_after_seconds: int = 1) -> ProblemError:
    """The world's fault, not the sender's: the same again, later."""
    detail = "too much is under way: send it again later"
    return ProblemError(503, "too_busy", detail, retry_after_seconds=retry_after_seconds)
