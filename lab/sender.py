"""Sends events to intake as centres would: one body's events a request, some at a time, again until all are stored."""

import asyncio
import random
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec

from contracts import instants
from lab.errors import LabError, RefusedError, UnreachableError
from lab.fortnight.writing import Reported
from lab.keys import OPERATOR, key_of

BATCH_EVENTS_MAX = 500
REQUESTS_IN_FLIGHT_MAX = 8
ANSWER_WITHIN_SECONDS = 30.0
GIVE_UP_AFTER_SECONDS = 120.0
BACK_OFF_FIRST_SECONDS = 0.1
BACK_OFF_MOST_SECONDS = 2.0
BATCH_TYPE = "application/cloudevents-batch+json"
UNAVAILABLE = frozenset({408, 429, 500, 502, 503, 504})


@dataclass
class Sent:
    """What intake has said so far."""

    stored: int = 0
    requests: int = 0
    again: int = 0
    ends: dict[str, int] = field(default_factory=dict)


class Sender:
    """At least once: an answer that never came means the same events again, which the system drops as duplicates."""

    def __init__(self, session: aiohttp.ClientSession, intake: str) -> None:
        self._session = session
        self._intake = intake
        self._turns = asyncio.Semaphore(REQUESTS_IN_FLIGHT_MAX)
        self.sent = Sent()

    async def send(self, events: Sequence[Reported]) -> None:
        """Stores all of these, each dossier's in their order; returns when the last one is stored."""
        for round_of in rounds(events):
            by_code: dict[str, list[Reported]] = {}
            for each in round_of:
                by_code.setdefault(each.code, []).append(each)
            await _all(self._send_of(code, own) for code, own in by_code.items())

    async def tick(self, at: int) -> None:
        """Time passes in every partition; remembers where each one ends now."""
        body = msgspec.json.encode({"at": instants.show(at)})
        status, answer = await self._stored("/v1/clock", key_of(OPERATOR), "application/json", body)
        if status != 202:
            raise RefusedError(f"intake answered {status} to a tick: {answer.get('code')}, {answer.get('detail')}")
        self.sent.ends = answer["partitions"]

    async def _send_of(self, code: str, events: Sequence[Reported]) -> None:
        async with self._turns:
            for start in range(0, len(events), BATCH_EVENTS_MAX):
                await self._batch(code, [each.event for each in events[start : start + BATCH_EVENTS_MAX]])

    async def _batch(self, code: str, left: list[bytes]) -> None:
        deadline = time.monotonic() + GIVE_UP_AFTER_SECONDS
        attempt = 0
        while left:
            body = b"[" + b",".join(left) + b"]"
            status, answer = await self._stored("/v1/events", key_of(code), BATCH_TYPE, body)
            results = answer.get("results")
            if results is None or len(results) != len(left):
                raise RefusedError(
                    f"intake answered {status} to events of {code}: {answer.get('code')}, {answer.get('detail')}"
                )
            for result in results:
                if result["status"] == "refused":
                    raise RefusedError(f"intake refused an event of {code}: {result.get('code')}, {result.get('detail')}")
            self.sent.stored += sum(result["status"] == "stored" for result in results)
            left = [event for event, result in zip(left, results, strict=True) if result["status"] == "retry"]
            if left:
                await self._wait(attempt, deadline, "it could not store all")
                attempt += 1

    async def _stored(self, path: str, key: str, kind: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """The first answer that is not "later"; UnreachableError when none comes for two minutes."""
        deadline = time.monotonic() + GIVE_UP_AFTER_SECONDS
        headers = {"Authorization": f"Bearer {key}", "Content-Type": kind}
        attempt = 0
        while True:
            self.sent.requests += 1
            try:
                async with self._session.post(
                    self._intake + path,
                    data=body,
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(ANSWER_WITHIN_SECONDS),
                    allow_redirects=False,
                ) as answer:
                    raw = await answer.read()
                    if answer.status not in UNAVAILABLE:
                        return answer.status, msgspec.json.decode(raw, type=dict[str, Any])
                    why = f"it answers {answer.status}"
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                why = type(error).__name__
            except msgspec.MsgspecError:
                why = "its answer was cut off"
            await self._wait(attempt, deadline, why)
            attempt += 1

    async def _wait(self, attempt: int, deadline: float, why: str) -> None:
        if time.monotonic() > deadline:
            raise UnreachableError(f"intake at {self._intake} took nothing for {GIVE_UP_AFTER_SECONDS:.0f} s: {why}")
        self.sent.again += 1
        most = min(BACK_OFF_MOST_SECONDS, BACK_OFF_FIRST_SECONDS * 2 ** min(attempt, 10))
        await asyncio.sleep(random.uniform(0.05, most))


def rounds(events: Sequence[Reported]) -> list[list[Reported]]:
    """Events split so that, sent round after round, no dossier's order depends on which body's request is faster."""
    told: list[list[Reported]] = []
    latest: dict[str, tuple[int, str]] = {}
    for each in events:
        number, code = latest.get(each.subject, (0, each.code))
        if code != each.code:
            number += 1
        latest[each.subject] = number, each.code
        if number == len(told):
            told.append([])
        told[number].append(each)
    return told


async def _all(coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except* LabError as errors:
        # The others end with the first of them, which says enough.
        raise errors.exceptions[0] from None
