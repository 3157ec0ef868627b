"""Reads metrics' figures, once everything that was stored is counted in."""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import aiohttp
import msgspec

from lab.errors import NotCountedError, UnreachableError
from lab.fortnight.facts import Facts

FIRST_DAY = "2000-01-01"
ANSWER_WITHIN_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.25
COUNTED_WITHIN_SECONDS = 600.0
STANDSTILL_SECONDS = 120.0
SAY_EVERY_SECONDS = 5.0
UNREACHABLE_AFTER_SECONDS = 60.0


class Figures:
    """The metrics service, as anybody may ask it."""

    def __init__(self, session: aiohttp.ClientSession, metrics: str, say: Callable[[str], None]) -> None:
        self._session = session
        self._metrics = metrics
        self._say = say

    async def wait_counted(self, ends: Mapping[str, int]) -> None:
        """Until every partition is counted to its last offset; NotCountedError when nothing moves any more."""
        began = said = moved = time.monotonic()
        least = None
        while True:
            counted: dict[str, int] = (await self._units(""))["as_of"]["partitions"]
            left = sum(max(0, end - counted.get(partition, -1)) for partition, end in ends.items())
            now = time.monotonic()
            if left == 0:
                return
            if least is None or left < least:
                least, moved = left, now
            if now - began > COUNTED_WITHIN_SECONDS or now - moved > STANDSTILL_SECONDS:
                raise NotCountedError(
                    f"{left:,} stored records are not counted {now - began:.0f} s after the last one: "
                    f"look at the logs of processing and metrics"
                )
            if now - said > SAY_EVERY_SECONDS:
                self._say(f"  counting        {left:,} records to go")
                said = now
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def answers(self, facts: Facts) -> dict[str, dict[str, Any]]:
        """What metrics says about the period (under "") and about each day that a fact names (under its date);
        about all days before the period (under "before") if something is said to be carried over from them."""
        told = {"": await self._units(f"&from={facts.first}&to={facts.last}")}
        for day in sorted({fact.day.isoformat() for fact in facts.facts if fact.day is not None}):
            told[day] = await self._units(f"&day={day}")
        if any(fact.what == "carried_over" for fact in facts.facts):
            told["before"] = await self._units(f"&from={FIRST_DAY}&to={facts.first - timedelta(days=1)}")
        return told

    async def _units(self, when: str) -> dict[str, Any]:
        """One answer; a metrics service that is being started again is waited for."""
        url = f"{self._metrics}/v1/units?role=receiver{when}"
        deadline = time.monotonic() + UNREACHABLE_AFTER_SECONDS
        while True:
            try:
                timeout = aiohttp.ClientTimeout(ANSWER_WITHIN_SECONDS)
                async with self._session.get(url, timeout=timeout, allow_redirects=False) as answer:
                    raw = await answer.read()
                    if answer.status == 200:
                        return msgspec.json.decode(raw, type=dict[str, Any])
                    why = f"it answers {answer.status}"
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                why = type(error).__name__
            if time.monotonic() > deadline:
                raise UnreachableError(f"{url} gave no figures for {UNREACHABLE_AFTER_SECONDS:.0f} s: {why}")
            await asyncio.sleep(1.0)
