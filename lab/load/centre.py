"""A centre as an outbox in memory, with the edge's rules: a dossier's events in order, in batches, again if need be."""

import asyncio
import gzip
import random
import time
from array import array
from collections import Counter
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec

from contracts import instants
from lab.keys import key_of
from lab.links.inside import Inside, connector
from lab.load.answered import Answer, Result, head_bytes, reply_of, retry_after
from lab.load.apart import Apart
from lab.load.filled import Crossed
from lab.load.lines import Lines
from lab.load.measures import Book
from lab.load.pace import Pace
from lab.load.plan import Centre, Due
from lab.load.scenario import Outbox
from lab.load.warp import Warp

BATCH = "application/cloudevents-batch+json"
CONNECT_SECONDS = 10.0
PACK_LEVEL = 1
# Of a batch that came to nothing by these not a byte has left.
NEVER_ON_THE_LINE = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
# In the tally's counts, before the status of an answer that says for how long to stay away.
TURNED_AWAY = "turned_away_"
AWAY = (429, 503)
# A quota is of the key, whatever is sent by it: the whole line waits.
OVER_QUOTA = 429
# As many as a heartbeat may name.
QUARANTINED_MAX = 1000


class Stored:
    """Where stored events lie and when they were due and stored, as plain columns: a million take 40 MB."""

    def __init__(self) -> None:
        self.partitions = array("h")
        self.offsets = array("q")
        self.due_at = array("d")
        self.stored_at = array("d")
        self.links = array("h")

    def add(self, partition: int, offset: int, due_at: float, stored_at: float, link: int) -> None:
        """One more event."""
        self.partitions.append(partition)
        self.offsets.append(offset)
        self.due_at.append(due_at)
        self.stored_at.append(stored_at)
        self.links.append(link)


class Tally:
    """What one process has seen; `began` is the monotonic instant at which the plan's second 0 was."""

    def __init__(self, began: float, bin_seconds: float, links: tuple[str, ...]) -> None:
        self.began = began
        self.links = links
        self.book = Book(bin_seconds)
        self.stored = Stored()
        self.counts: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.troubles: Counter[str] = Counter()
        self.crossed = Crossed()
        self.last_stored_at: dict[str, float] = {}

    def now(self) -> float:
        """Seconds of the plan."""
        return time.monotonic() - self.began

    def keep(self, link: str, due_at: float, result: Result) -> None:
        """An event was stored at the city."""
        now = self.now()
        self.counts["stored"] += 1
        self.last_stored_at[link] = now
        self.book.record(f"stored {link}", due_at, (now - due_at) * 1000)
        if result.partition is not None and result.offset is not None:
            self.stored.add(result.partition, result.offset, due_at, now, self.links.index(link))


class OutboxCentre:
    """`accept` never waits, as an edge's disk never waits for the line; `run` delivers until cancelled."""

    def __init__(
        self, centre: Centre, intake: str, settings: Outbox, tally: Tally, warp: Warp, inside: Inside | None = None,
        line: int = 0,
    ) -> None:  # fmt: skip
        self._centre = centre
        self._inside = inside
        self._line = line
        self._warp = warp
        self.link = centre.link
        self._intake = intake
        self._settings = settings
        self._tally = tally
        self._waiting = Lines()
        self._apart = Apart(self._pause_seconds)
        self._arrived = asyncio.Event()
        self._pace = Pace(settings.batch_events_max)
        self._failures = 0
        self._quarantined: list[int] = []
        self._session: aiohttp.ClientSession | None = None

    @property
    def depth(self) -> int:
        """Events that the city has not yet spoken of."""
        return self._waiting.depth

    def accept(self, event: Due) -> None:
        """An event was entered."""
        self._waiting.add(event)
        self._arrived.set()

    async def run(self) -> None:
        """Delivers, rests after failures, goes on."""
        timeout = aiohttp.ClientTimeout(total=self._settings.answer_seconds, sock_connect=CONNECT_SECONDS)
        line = connector(self._inside, limit=2)
        cookies = aiohttp.DummyCookieJar()
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=line, cookie_jar=cookies) as session,
            asyncio.TaskGroup() as group,
        ):
            self._session = session
            group.create_task(self._beat())
            while True:
                await self._something_may_go()
                await self._deliver()

    async def _something_may_go(self) -> None:
        """What was just entered, or what was put off and is due again."""
        while True:
            self._arrived.clear()
            now = time.monotonic()
            self._waiting.let_go(self._apart.due(now, self._pace.events))
            if self._waiting.may_go:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(self._apart.rest_seconds(now)):
                    await self._arrived.wait()

    async def _deliver(self) -> None:
        batch = self._waiting.foremost(self._pace.events)
        body = gzip.compress(b"[" + b",".join(each.body for each in batch) + b"]", PACK_LEVEL, mtime=0)
        began = time.monotonic()
        try:
            answer = await self._post("/v1/events", BATCH, body, packed=True)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._pace.broke(len(batch))
            if not isinstance(error, NEVER_ON_THE_LINE):
                self._crossed(began, len(body), None)
            await self._rest(type(error).__name__, None)
            return
        tally = self._tally
        self._crossed(began, answer.up, answer.down)
        reply, status, asked = answer.reply, answer.status, answer.asked_seconds
        if reply is not None and asked is not None and status in AWAY:
            tally.counts[f"{TURNED_AWAY}{status}"] += 1
        if reply is None or reply.results is None or len(reply.results) != len(batch):
            await self._rest(f"answer_{status}" if reply is not None else "not_intake", asked)
            return
        again = self._heed(batch, reply.results)
        is_taken = len(again) < len(batch)
        if is_taken:
            self._failures = 0
            self._pace.answered(len(batch), time.monotonic() - began)
        says_of_line = self._settle(batch, again, is_taken or status != OVER_QUOTA, asked or 0.0)
        if says_of_line and not is_taken:
            await self._rest(f"answer_{status}", asked)
        elif again:
            tally.troubles[f"answer_{status}"] += 1

    def _crossed(self, began: float, up: int, down: int | None) -> None:
        """The line's part of a batch that was posted at this monotonic instant; `down` is None where nothing came back."""
        tally = self._tally
        tally.crossed.add(tally.links.index(self.link), self._line, began - tally.began, tally.now(), up, down)

    def _heed(self, batch: list[Due], results: list[Result]) -> list[Due]:
        again: list[Due] = []
        for due, result in zip(batch, results, strict=True):
            if result.status == "stored":
                self._tally.keep(self._centre.link, due.at, result)
            elif result.status == "refused":
                self._tally.counts["refused"] += 1
                self._tally.refused[result.code or "?"] += 1
                self._put_aside(due)
            else:
                again.append(due)
        return again

    def _settle(self, batch: list[Due], again: list[Due], are_apart: bool, asked_seconds: float) -> bool:
        """Whether the answer says anything of the line: not that what waits apart is put off once more."""
        subjects, left = {each.subject for each in batch}, {each.subject for each in again}
        says_of_line = not (are_apart and self._apart.are_tried(subjects))
        self._apart.spoken_of(subjects - left)
        self._waiting.settle(batch, again, are_apart)
        if are_apart:
            self._apart.put([each.subject for each in again], time.monotonic(), asked_seconds)
        return says_of_line

    def _put_aside(self, refused: Due) -> None:
        """Its number is missing in the archive for good, as a heartbeat says."""
        told = members(refused.body)
        if told.get("source") == self._centre.source and len(self._quarantined) < QUARANTINED_MAX:
            self._quarantined.append(int(told["sequence"]))

    async def _rest(self, trouble: str, asked_seconds: float | None) -> None:
        self._tally.troubles[trouble] += 1
        self._failures += 1
        await asyncio.sleep((asked_seconds or 0.0) + self._pause_seconds(self._failures))

    def _pause_seconds(self, failures: int) -> float:
        """Full jitter."""
        most = self._settings.back_off_most_seconds
        return random.random() * min(most, self._settings.back_off_first_seconds * 2.0 ** min(failures - 1, 20))

    def stand(self) -> dict[str, Any]:
        """What a heartbeat says. Delivered is what was entered before the oldest that waits, by the clock of its entry."""
        now = self._tally.now()
        waits = self._waiting.oldest()
        oldest = now if waits is None else waits.at
        return {
            "source": self._centre.source, "incarnation": self._centre.incarnation,
            "at": instants.show(time.time_ns() // 1000), "spool_depth": self._waiting.depth,
            "oldest_unsent_age_seconds": round(max(0.0, now - oldest), 3),
            "delivered_until": instants.show(self._warp.simulated(oldest)),
            "quarantined_sequences": self._quarantined, "link": "down" if self._failures >= 3 else "up",
        }  # fmt: skip

    async def _beat(self) -> None:
        """Heartbeats, spread out as the edge's are."""
        await asyncio.sleep(random.random() * self._settings.heartbeat_seconds)
        while True:
            try:
                await self._post("/v1/heartbeats", "application/json", msgspec.json.encode(self.stand()))
                self._tally.counts["heartbeats"] += 1
            except (aiohttp.ClientError, TimeoutError, OSError):
                self._tally.counts["heartbeats_lost"] += 1
            await asyncio.sleep(self._settings.heartbeat_seconds * random.uniform(0.9, 1.1))

    async def _post(self, path: str, kind: str, body: bytes, packed: bool = False) -> Answer:
        assert self._session is not None, "run comes first"
        headers = {"Authorization": f"Bearer {key_of(self._centre.unit)}", "Content-Type": kind}
        if packed:
            headers["Content-Encoding"] = "gzip"
        self._tally.counts["requests"] += 1
        self._tally.counts["bytes"] += len(body)
        url = f"http://{self._intake}{path}"
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            raw = await answer.read()
            return Answer(
                answer.status, reply_of(raw), retry_after(answer.headers.get("Retry-After")),
                up=len(body) + head_bytes(answer.request_info.headers.items()),
                down=len(raw) + head_bytes(answer.headers.items()),
            )  # fmt: skip


def members(body: bytes) -> dict[str, Any]:
    """An event's members."""
    return msgspec.json.decode(body, type=dict[str, Any])
