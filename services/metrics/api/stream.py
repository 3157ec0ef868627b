"""Server-sent events: the rows of units that have changed, at most four times a second, the same for every client."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, Final

import msgspec

from contracts.face.problems import ProblemError
from services.metrics.api import answers
from services.metrics.api.centres import Heard
from services.metrics.api.instruments import Instruments
from services.metrics.api.news import LetGoError, News, Shelf
from services.metrics.api.packing import HEADER, Event, Packed
from services.metrics.api.problems import TOO_MANY_CLIENTS, not_now
from services.metrics.api.queries import ROLES, Query
from services.metrics.api.snapshots import All, Figures, Snapshot, Snapshots
from services.metrics.api.told import Told

LOOK_EVERY_SECONDS: Final = 0.25
# Of its time the stream looks at most a fifth, however many units there are.
REST_PER_LOOK: Final = 4
REST_SECONDS_MAX: Final = 2.0
# Lines and silences change by the second at most.
MARK_EVERY_SECONDS: Final = 1.0
# A client hears how far the figures are, or what is wrong, at least this often while nothing changes.
SAY_EVERY_SECONDS: Final = 2.0
STILL_HERE_SECONDS: Final = 10.0
CLIENTS_MAX: Final = 500
_log = logging.getLogger(__name__)


class Stream:
    """One look at Redis serves all clients; a slow client skips what was overtaken, and misses nothing that stands."""

    def __init__(self, snapshots: Snapshots, told: Told, instruments: Instruments) -> None:
        self._snapshots = snapshots
        self._told = told
        self._instruments = instruments
        self._rows: dict[str, dict[str, tuple[int, answers.Row]]] = {role: {} for role in ROLES}
        self._totals: dict[str, answers.Row] = {}
        self._places: tuple[Any, ...] | None = None
        # What was counted at the last look, without what is said of centres: that changes while nothing is counted.
        self._counted: dict[str, list[answers.Row]] = {role: [] for role in ROLES}
        self._seen: Figures = {}
        self._marked_at = float("-inf")
        self._head: dict[str, Any] = {}
        self._trouble: str | None = None
        self._version = 0
        self._shelf = Shelf()
        self._clients = 0
        self._looked = asyncio.Event()
        self._looked_at = time.monotonic()

    @property
    def age_seconds(self) -> float:
        """Since the last look at Redis, or since nobody listened."""
        return time.monotonic() - self._looked_at

    async def keep_watch(self) -> None:
        """Looks again and again while anybody listens; never ends by itself."""
        while True:
            began = time.monotonic()
            if self._clients:
                await self._try()
            self._looked_at = time.monotonic()
            rest = min(REST_PER_LOOK * (self._looked_at - began), REST_SECONDS_MAX)
            await asyncio.sleep(max(LOOK_EVERY_SECONDS, rest))

    def events(self, role: str, is_packed: bool = False) -> AsyncIterator[bytes]:
        """What one client hears, as a gzip stream or plain; ProblemError when too many listen."""
        if self._clients >= CLIENTS_MAX:
            raise not_now(TOO_MANY_CLIENTS, "too many clients listen already")
        return self._packed(role) if is_packed else self._plain(role)

    async def _plain(self, role: str) -> AsyncIterator[bytes]:
        async with aclosing(self._events(role)) as events:
            async for event in events:
                yield event.plain

    async def _packed(self, role: str) -> AsyncIterator[bytes]:
        yield HEADER
        async with aclosing(self._events(role)) as events:
            async for event in events:
                yield event.packed

    async def _events(self, role: str) -> AsyncGenerator[Event | Packed]:
        self._clients += 1
        self._instruments.stream_clients.set(self._clients)
        seen, trouble, said_at = 0, None, float("-inf")
        try:
            yield Event(b"retry: 2000\n\n")
            # Only what is looked at from now on: before the first client came nobody looked.
            while True:
                try:
                    async with asyncio.timeout(STILL_HERE_SECONDS):
                        await self._looked.wait()
                except TimeoutError:
                    yield Event(b": still here\n\n")
                    continue
                is_due = time.monotonic() - said_at >= SAY_EVERY_SECONDS
                news: Iterator[Event | Packed]
                if self._trouble is None and self._version > seen:
                    changes = self._changes(role, seen)
                    news, seen = changes.events(), changes.version
                elif self._trouble != trouble or is_due:
                    news = iter((self._standing(),))
                else:
                    continue
                trouble = self._trouble
                for event in news:
                    yield event
                said_at = time.monotonic()
        except LetGoError:
            return
        finally:
            self._clients -= 1
            self._instruments.stream_clients.set(self._clients)

    def _changes(self, role: str, seen: int) -> News:
        """The rows that changed after version `seen`; clients that have seen the same share the bytes."""

        def changed() -> News:
            rows = [row for version, row in self._rows[role].values() if version > seen]
            return News(role, seen, self._version, {**self._head, "role": role, "total": self._totals[role]}, rows)

        return self._shelf.of(role, seen, changed)

    def _standing(self) -> Event:
        if self._trouble is not None:
            return Event(b'event: problem\ndata: {"code":"%s"}\n\n' % self._trouble.encode())
        return Event(b"event: as_of\ndata: %s\n\n" % msgspec.json.encode(self._head))

    async def _try(self) -> None:
        try:
            await self._look()
            await self._shelf.settle()
            self._trouble = None
        except ProblemError as error:
            self._trouble = error.code
        except Exception:  # the next look may go well; a watch that ended would leave every board standing still
            _log.exception("the stream's look failed")
            self._trouble = "internal_error"
        looked, self._looked = self._looked, asyncio.Event()
        looked.set()

    async def _look(self) -> None:
        # Before the figures: an edge that has delivered since calls complete what those lack.
        heard = self._told.centres.heard()
        snapshot = await self._snapshots.read()
        has_moved = snapshot.places != self._places
        if has_moved:
            snapshot = await self._snapshots.read(All("total"), answers.SEEN)
        self._head = {**self._told.head(snapshot), **self._told.centres.overall(heard)}
        if has_moved:
            self._take(snapshot)
        if has_moved or time.monotonic() - self._marked_at >= MARK_EVERY_SECONDS:
            self._mark(has_moved, heard)

    def _take(self, snapshot: Snapshot) -> None:
        self._places = snapshot.places
        [total], [self._seen] = snapshot.found
        day = self._told.day(snapshot)
        for role in ROLES:
            mine = {name: number for name, number in total.items() if name.startswith(f"{role}|")}
            rows = answers.unit_rows(answers.by_unit(mine), Query(role, ()), self._told.units, day, day)
            self._totals[role] = answers.total_of(rows, answers.ALL_NAMES)
            # A unit that leaves the list (out of force, its figures taken back) goes with zeros: clients keep rows by unit.
            held = self._rows[role]
            gone = held.keys() - {row["unit"] for row in rows}
            rows += [{**held[unit][1], **answers.told({}, answers.ALL_NAMES)} for unit in sorted(gone)]
            self._counted[role] = rows

    def _mark(self, has_moved: bool, heard: Heard) -> None:
        """Gives rows that now say something else the next version; there is one whenever counting has moved."""
        self._marked_at, version = time.monotonic(), self._version + 1
        changed = False
        for role, held in self._rows.items():
            for row in self._told.centres.marked(self._counted[role], self._seen, heard):
                former = held.get(row["unit"])
                if former is None or former[1] != row:
                    held[row["unit"]] = version, row
                    changed = True
        if changed or has_moved:
            self._version = version
            self._shelf.overtake()
