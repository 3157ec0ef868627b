"""The counter of a centre with a real edge agent: clerks hand each event to the edge and wait until it says `stored`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import aiohttp
import msgspec
from msgspec import Struct

from contracts import instants
from lab.keys import own_door_key
from lab.links.inside import Inside, connector
from lab.load.answered import Result, reply_of
from lab.load.centre import Tally, members
from lab.load.plan import Centre, Due

ONE = "application/cloudevents+json"
# Several clerks; a dossier's events go over one desk, one after the other.
DESKS = 4
ANSWER_SECONDS = 30.0
AGAIN_AFTER_SECONDS = 0.5


class _Stored(Struct):
    id: str
    partition: int | None
    offset: int | None


class _Receipt(Struct):
    at: str
    stored: list[_Stored]


class EdgeCounter:
    """`accept` queues at a desk; how long the clerk waits is measured from the instant at which the event was due."""

    def __init__(self, centre: Centre, edge: str, tally: Tally, inside: Inside | None = None) -> None:
        self._centre = centre
        self._inside = inside
        self.link = centre.link
        self._edge = edge
        self._tally = tally
        self._desks: list[asyncio.Queue[Due]] = [asyncio.Queue() for _ in range(DESKS)]
        self._under_way = 0
        self._due_by_id: dict[str, float] = {}

    @property
    def depth(self) -> int:
        """Events that the edge has not yet taken; what it holds itself it tells at its own door."""
        return self._under_way

    def accept(self, event: Due) -> None:
        """An event happened at the counter."""
        self._under_way += 1
        # The same desk in every run, which Python's own hash would not be.
        self._desks[crc32(event.subject.encode()) % DESKS].put_nowait(event)

    async def run(self) -> None:
        """Works until cancelled."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        line = connector(self._inside)
        async with aiohttp.ClientSession(timeout=timeout, connector=line) as session, asyncio.TaskGroup() as group:
            for desk in self._desks:
                group.create_task(self._work(desk, session))

    async def _work(self, desk: "asyncio.Queue[Due]", session: aiohttp.ClientSession) -> None:
        headers = {"Authorization": f"Bearer {own_door_key(self._centre.unit)}", "Content-Type": ONE}
        while True:
            event = await desk.get()
            result = await self._handed(session, event, headers)
            self._under_way -= 1
            if result.status == "stored":
                self._tally.counts["accepted_by_edges"] += 1
                self._tally.book.record("accepted edge", event.at, (self._tally.now() - event.at) * 1000)
            else:
                self._tally.counts["refused"] += 1
                self._tally.refused[f"edge {result.code}"] += 1

    async def _handed(self, session: aiohttp.ClientSession, event: Due, headers: dict[str, str]) -> Result:
        """As often as it takes: a clerk does not go home with the dossier."""
        while True:
            if (result := await self._post(session, event, headers)) is not None:
                return result
            await asyncio.sleep(AGAIN_AFTER_SECONDS)

    async def _post(self, session: aiohttp.ClientSession, event: Due, headers: dict[str, str]) -> Result | None:
        url = f"http://{self._edge}/v1/events"
        try:
            async with session.post(url, data=event.body, headers=headers, allow_redirects=False) as answer:
                reply = reply_of(await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._tally.troubles[f"edge {type(error).__name__}"] += 1
            return None
        if reply is None or not reply.results or reply.results[0].status == "retry":
            self._tally.troubles["edge not now"] += 1
            return None
        return reply.results[0]

    def know(self, events: Sequence[Due]) -> None:
        """Which events receipts will be about."""
        self._due_by_id = {str(members(each.body)["id"]): each.at for each in events}

    def keep_receipts(self, file: Path, started_at: float) -> int:
        """Where its events lie and when it heard of it, as its receipts tell; `started_at` is second 0 in Unix time.

        An event of which two receipts speak is one event, and a receipt that is of no use here is told: what is missing then
        is not stored, and verdicts say that nobody speaks of it.
        """
        kept = 0
        link = self._tally.links.index(self._centre.link)
        for line in file.read_bytes().splitlines():
            receipt = msgspec.json.decode(line, type=_Receipt)
            heard = instants.parse(receipt.at) / instants.SECOND - started_at
            for each in receipt.stored:
                if each.partition is None or each.offset is None:
                    self._tally.troubles["edge receipt without a place"] += 1
                    continue
                if (due := self._due_by_id.pop(each.id, None)) is None:
                    self._tally.troubles["edge receipt of no event waited for"] += 1
                    continue
                kept += 1
                self._tally.book.record(f"stored {self._centre.link}", due, max(0.0, heard - due) * 1000)
                self._tally.stored.add(each.partition, each.offset, due, heard, link)
                self._tally.last_stored_at[self._centre.link] = max(
                    heard, self._tally.last_stored_at.get(self._centre.link, 0.0)
                )
        self._tally.counts["stored"] += kept
        return kept
