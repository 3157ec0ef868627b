"""A centre of the paper era: no outbox, a request while the citizen waits, again under new numbers, judged by arrival."""

import asyncio
from random import Random
from zlib import crc32

import aiohttp
import msgspec

from contracts import instants
from lab.keys import key_of
from lab.links.inside import Inside, connector
from lab.load.answered import Result, reply_of, retry_after
from lab.load.centre import CONNECT_SECONDS, Tally, members
from lab.load.plan import Centre, Due, uuid7
from lab.load.warp import Warp

ONE = "application/cloudevents+json"
DESKS = 4
ATTEMPTS = 3
ANSWER_SECONDS = 5.0
AGAIN_AFTER_SECONDS = 1.0
# What stands between the code that the plan has and the number of the attempt that minted another.
AGAIN = "-r"
ASSUMED = (
    "a request for each event while the citizen waits, no outbox",
    f"{ANSWER_SECONDS:.0f} s for an answer, {ATTEMPTS} attempts, then the event is given up",
    "each attempt is a new record: a new id and, for a new dossier, a new dossier code, since the form mints them",
    "no time of its own: what counts is when the city got it (a deadline by the wall clock), so dues are others than the "
    "lab's even over a perfect line, and are not compared",
    "of dossiers that the lab plans, a clock that never stops, by which a limit of 8 hours is over 8 hours after the "
    "reception, whatever nights, days off, "
    "lunches and pauses lie between: how many are late by it is worked out from the plan alone, beside how many are by the "
    "law; no city with such a clock is run, and nothing of the line is in it",
    "a real second on the way is as many of the scenario's as its time is compressed by: what comes late over a line comes "
    "later here than it would in life",
)


def dossier_of(subject: str) -> str:
    """The plan's code of a dossier, whatever a later attempt has called it."""
    code, _, attempt = subject.rpartition(AGAIN)
    return code if code and attempt.isdecimal() else subject


class PaperCentre:
    """Sends as today's systems do, so that a report can show side by side what an outbox prevents."""

    def __init__(self, centre: Centre, intake: str, tally: Tally, warp: Warp, inside: Inside | None = None) -> None:
        self._centre = centre
        self._inside = inside
        self.link = centre.link
        self._intake = intake
        self._tally = tally
        self._warp = warp
        self._chance = Random(f"paper {centre.number}")
        self._desks: list[asyncio.Queue[Due]] = [asyncio.Queue() for _ in range(DESKS)]
        self._codes: dict[str, str] = {}
        self._under_way = 0

    @property
    def depth(self) -> int:
        """Citizens who wait, and those behind them."""
        return self._under_way

    def accept(self, event: Due) -> None:
        """Something happened at the counter."""
        self._under_way += 1
        # The same desk in every run, which Python's own hash would not be.
        self._desks[crc32(event.subject.encode()) % DESKS].put_nowait(event)

    async def run(self) -> None:
        """Works until cancelled."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=min(CONNECT_SECONDS, ANSWER_SECONDS))
        line = connector(self._inside, limit=DESKS)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=line) as session,
            asyncio.TaskGroup() as group,
        ):
            for desk in self._desks:
                group.create_task(self._work(desk, session))

    async def _work(self, desk: "asyncio.Queue[Due]", session: aiohttp.ClientSession) -> None:
        while True:
            event = await desk.get()
            result = await self._tried(event, session)
            self._under_way -= 1
            self._tally.book.record("accepted paper", event.at, (self._tally.now() - event.at) * 1000)
            if result is None:
                self._tally.counts["given_up"] += 1
            elif result.status == "stored":
                self._tally.keep(self._centre.link, event.at, result)
            else:
                self._tally.counts["refused"] += 1
                self._tally.refused[result.code or "?"] += 1

    async def _tried(self, event: Due, session: aiohttp.ClientSession) -> Result | None:
        headers = {"Authorization": f"Bearer {key_of(self._centre.unit)}", "Content-Type": ONE}
        for attempt in range(ATTEMPTS):
            self._tally.counts["requests"] += 1
            try:
                body = self._written(event, attempt)
                async with session.post(
                    f"http://{self._intake}/v1/events", data=body, headers=headers, allow_redirects=False
                ) as answer:
                    reply = reply_of(await answer.read())
                    if reply is not None and reply.results and reply.results[0].status != "retry":
                        return reply.results[0]
                    self._tally.troubles[f"answer_{answer.status}"] += 1
                    wait = retry_after(answer.headers.get("Retry-After"))
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                self._tally.troubles[type(error).__name__] += 1
                wait = None
            # After the last one nobody waits any more: the citizen is sent home, and the desk is free.
            if attempt < ATTEMPTS - 1:
                await asyncio.sleep(AGAIN_AFTER_SECONDS if wait is None else wait)
        return None

    def _written(self, event: Due, attempt: int) -> bytes:
        """As the form would send it now."""
        now = self._warp.simulated(self._tally.now())
        told = members(event.body)
        for name in ("sequence", "incarnation", "recordedtime"):
            told.pop(name, None)
        if event.birth and attempt:
            self._codes[event.subject] = f"{event.subject}{AGAIN}{attempt}"
        told["subject"] = self._codes.get(event.subject, event.subject)
        told["id"] = uuid7(now, self._chance)
        told["time"] = instants.show(now)
        return msgspec.json.encode(told)
