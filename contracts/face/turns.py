"""Turns: so many requests hold a body at a time, so many wait a moment for it, and the rest are told to come back."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import Gauge

from contracts.face.pressure import Pressure
from contracts.face.problems import ProblemError


class Turns:
    """Bounds what all requests together may hold in memory; `in_flight` shows how many hold a turn."""

    def __init__(self, at_once: int, waiting_max: int, wait_seconds: float, in_flight: Gauge) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._waiting_max = waiting_max
        self._wait_seconds = wait_seconds
        self._waiting = 0
        self._in_flight = in_flight
        self._pressure = Pressure(at_once)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Holds one turn; ProblemError 503 when there is none within `wait_seconds`."""
        await self._take()
        self._in_flight.inc()
        try:
            yield
        finally:
            self._in_flight.dec()
            self._free.release()
            self._pressure.served(time.monotonic())

    async def _take(self) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        if self._waiting >= self._waiting_max:
            raise self._turned_away()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise self._turned_away() from error
        finally:
            self._waiting -= 1

    def _turned_away(self) -> ProblemError:
        return too_busy(self._pressure.turned_away(time.monotonic(), random.random()))


def too_busy(retry_after_seconds: int = 1) -> ProblemError:
    """The world's fault, not the sender's: the same again, later."""
    detail = "too much is under way: send it again later"
    return ProblemError(503, "too_busy", detail, retry_after_seconds=retry_after_seconds)
