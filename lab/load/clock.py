"""The city's clock, moved as the scenario's: ticks, and up to where they lie in the archive."""

import asyncio
import time

import aiohttp
import msgspec

from contracts import instants
from lab.errors import UnreachableError
from lab.keys import OPERATOR, key_of
from lab.load.warp import Warp

TICK_SECONDS = 10.0
TICK_WITHIN_SECONDS = 180.0
AGAIN_SECONDS = 0.5


class Clock:
    """`ends`: the last tick of each partition, which is the end of the log when nothing is reported any more."""

    def __init__(self, intake: str, session: aiohttp.ClientSession) -> None:
        self._intake = intake
        self._session = session
        self.ends: dict[str, int] = {}

    async def run(self, warp: Warp, began: float, every_seconds: float) -> None:
        """It follows the scenario's; while the city is down it stands still, as a real one's would."""
        while (now := time.monotonic() - began) < warp.real_seconds:
            if now > 0:
                await self._ticked(warp.simulated(now))
            await asyncio.sleep(every_seconds)

    async def must(self, at: int) -> None:
        """This tick must be: UnreachableError when the city does not take it for long."""
        deadline = time.monotonic() + TICK_WITHIN_SECONDS
        while (why := await self._ticked(at)) is not None:
            if time.monotonic() > deadline:
                raise UnreachableError(f"intake took no tick for {TICK_WITHIN_SECONDS:.0f} s: {why}")
            await asyncio.sleep(AGAIN_SECONDS)

    async def _ticked(self, at: int) -> str | None:
        """None when it is stored, else why not now."""
        headers = {"Authorization": f"Bearer {key_of(OPERATOR)}", "Content-Type": "application/json"}
        body = msgspec.json.encode({"at": instants.show(at)})
        url, timeout = f"{self._intake}/v1/clock", aiohttp.ClientTimeout(total=TICK_SECONDS)
        try:
            async with self._session.post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False) as answer:
                raw = await answer.read()
                if answer.status == 202:
                    self.ends = msgspec.json.decode(raw, type=dict[str, dict[str, int]])["partitions"]
                    return None
                if answer.status in (401, 403, 409):
                    raise UnreachableError(
                        f"the city must live by the log's clock and take development keys: it answers {answer.status}"
                    )
                return f"it answers {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__
