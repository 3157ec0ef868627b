"""Server-sent events: the rows of units that have changed, at most four times a second, the same for every client."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final

import msgspec

from services.metrics.api import answers
from services.metrics.api.instruments import Instruments
from services.metrics.api.problems import ProblemError, not_now
from services.metrics.api.queries import ROLES, Query
from services.metrics.api.snapshots import Snapshot, Snapshots
from services.metrics.api.told import Told

LOOK_EVERY_SECONDS: Final = 0.25
STILL_HERE_SECONDS: Final = 10.0
CLIENTS_MAX: Final = 500


class Stream:
    """One look at Redis serves all clients; a slow client skips what was overtaken, and misses nothing that stands."""

    def __init__(self, snapshots: Snapshots, told: Told, instruments: Instruments) -> None:
        self._snapshots = snapshots
        self._told = told
        self._instruments = instruments
        self._rows: dict[str, dict[str, tuple[int, dict[str, Any]]]] = {role: {} for role in ROLES}
        self._places: tuple[Any, ...] | None = None
        self._head: dict[str, Any] = {}
        self._version = 0
        self._clients = 0
        self._changed = asyncio.Condition()
        self._looked = time.monotonic()

    @property
    def age_seconds(self) -> float:
        """Since the last look at Redis."""
        return time.monotonic() - self._looked

    async def keep_watch(self) -> None:
        """Looks again and again while anybody listens; never ends by itself."""
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            with suppress(ProblemError):  # told by /readyz and its metric; the next look may go well
                if self._clients:
                    await self._look()
            self._looked = time.monotonic()

    def events(self, role: str) -> AsyncIterator[bytes]:
        """What one client hears; ProblemError when too many listen."""
        if self._clients >= CLIENTS_MAX:
            raise not_now("too_many_clients", "too many clients listen already")
        return self._events(role)

    async def _events(self, role: str) -> AsyncIterator[bytes]:
        self._clients += 1
        self._instruments.stream_clients.set(self._clients)
        seen = 0
        try:
            yield b"retry: 2000\n\n"
            await self._look()
            while True:
                if self._version > seen:
                    changed = [row for version, row in self._rows[role].values() if version > seen]
                    seen = self._version
                    data = msgspec.json.encode({**self._head, "role": role, "units": changed})
                    yield b"id: %d\nevent: units\ndata: %s\n\n" % (seen, data)
                try:
                    async with asyncio.timeout(STILL_HERE_SECONDS), self._changed:
                        while self._version <= seen:
                            await self._changed.wait()
                except TimeoutError:
                    yield b": still here\n\n"
        except ProblemError:
            return  # the client comes again after `retry`
        finally:
            self._clients -= 1
            self._instruments.stream_clients.set(self._clients)

    async def _look(self) -> None:
        positions = await self._snapshots.read()
        if positions.is_rebuilding or (positions.places == self._places and self._version):
            return
        self._take(await self._snapshots.read(("total",)))
        async with self._changed:
            self._changed.notify_all()

    def _take(self, snapshot: Snapshot) -> None:
        if snapshot.is_rebuilding:
            return
        self._places, self._version = snapshot.places, self._version + 1
        self._head = self._told.head(snapshot)
        day = self._told.day(snapshot)
        for role, held in self._rows.items():
            figures = answers.by_unit([snapshot.hashes["total"]], role)
            for row in answers.unit_rows(figures, Query(role, ()), self._told.units, day):
                former = held.get(row["unit"])
                if former is None or former[1] != row:
                    held[row["unit"]] = self._version, row
