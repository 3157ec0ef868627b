"""Turns: how many requests may hold a body in memory, how many may wait for that, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import Gauge

from contracts.face.problems import ProblemError


class Turns:
    """`one` is held from before a body is read until it is answered."""

    def __init__(self, at_once: int, waiting_max: int, wait_seconds: float, in_flight: Gauge) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._waiting_max = waiting_max
        self._wait_seconds = wait_seconds
        self._waiting = 0
        self._in_flight = in_flight

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Holds a turn; ProblemError 503 when none comes in time."""
        if self._free.locked():
            await self._wait()
        else:
            await self._free.acquire()
        self._in_flight.inc()
        try:
            yield
        finally:
            self._in_flight.dec()
            self._free.release()

    async def _wait(self) -> None:
        if self._waiting >= self._waiting_max:
            raise _too_busy()
        self._waiting += 1
        try:
            await asyncio.wait_for(self._free.acquire(), self._wait_seconds)
        except TimeoutError as error:
            raise _too_busy() from error
        finally:
            self._waiting -= 1


def _too_busy() -> ProblemError:
    return ProblemError(503, "too_busy", "too much is under way: send it again later", retry_after_seconds=1)
