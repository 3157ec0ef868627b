"""What the city says when a run is over: its counters, the deadlines of some dossiers, audit's verdict."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from contracts.topics import REPORTED, Topic, lifecycle, rejected
from lab.errors import UnreachableError
from lab.keys import OPERATOR, key_of
from lab.load.city import City

ANSWER_SECONDS = 30.0
# A service that has just been started anew is asked again until then.
ANSWERED_WITHIN_SECONDS = 60.0
ASK_AGAIN_SECONDS = 0.5
# A busy Kafka may not answer audit in time; then it is asked again.
AUDITS_MAX = 3
CLEAN, DIFFERENCES, COULD_NOT_RUN = 0, 1, 2
# A stack that begins with an empty archive has no other.
GENERATION = 1


class Told(Struct, frozen=True):
    """What counters say, by unit and in total."""

    by_unit: dict[str, dict[str, int]]
    total: dict[str, int]

    def since(self, before: "Told") -> "Told":
        """What came since: a city that is not fresh has counted others before."""
        by_unit = {unit: _less(mine, before.by_unit.get(unit, {})) for unit, mine in self.by_unit.items()}
        return Told(by_unit, _less(self.total, before.total))


class Asking:
    """The city's doors, as anybody may use them."""

    def __init__(self, city: City, session: aiohttp.ClientSession) -> None:
        self._city = city
        self._session = session

    async def counters(self) -> Told:
        """As they stand; UnreachableError when they are not told for too long."""
        told = await self._told(f"{self._city.metrics}/v1/units?role=receiver", {})
        if told is None:
            raise UnreachableError(f"{self._city.metrics} has no counters of units: it answers 404")
        return Told({each["unit"]: each["counters"] for each in told["units"]}, told["total"]["counters"])

    async def ledgers(self, dossiers: Iterable[str]) -> dict[str, dict[str, Any] | None]:
        """What the city tells of the deadlines of some dossiers, minute by minute; None where it does not know one."""
        headers = {"Authorization": f"Bearer {key_of(OPERATOR)}"}
        return {
            subject: await self._told(f"{self._city.dossiers}/v1/dossiers/{subject}/deadline", headers)
            for subject in dossiers
        }

    async def _told(self, url: str, headers: dict[str, str]) -> dict[str, Any] | None:
        """What it says, None for 404; a service that is not well is asked again."""
        deadline = time.monotonic() + ANSWERED_WITHIN_SECONDS
        while True:
            try:
                timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
                async with self._session.get(url, headers=headers, timeout=timeout, allow_redirects=False) as answer:
                    if answer.status == 200:
                        return msgspec.json.decode(await answer.read(), type=dict[str, Any])
                    if answer.status == 404:
                        return None
                    why = f"it answers {answer.status}"
            except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError) as error:
                why = type(error).__name__
            if time.monotonic() > deadline:
                raise UnreachableError(f"{url} did not answer for {ANSWERED_WITHIN_SECONDS:.0f} s: {why}")
            await asyncio.sleep(ASK_AGAIN_SECONDS)


async def audited(city: City, file: Path) -> dict[str, Any]:
    """Audit's verdict on the whole archive of a stack of one's own."""
    file.parent.mkdir(parents=True, exist_ok=True)
    code, told = COULD_NOT_RUN, dict[str, Any]()
    for _ in range(AUDITS_MAX):
        await asyncio.to_thread(file.unlink, missing_ok=True)
        ended = await city.verify(file)
        told = await asyncio.to_thread(_read, file)
        # Python ends with 1 as well when it breaks down: without a verdict in the file there is none.
        if ended in (CLEAN, DIFFERENCES) and told:
            code = ended
            break
        told.setdefault("could_not_run", f"it ended with {ended} and left no verdict")
    failed = [each["name"] for each in told.get("checks", []) if not each["passed"]]
    # What it had counted when it broke off is no count of the archive.
    counts = {} if code == COULD_NOT_RUN else told.get("counts", {})
    return {"exit": code, "failed": failed, "counts": counts, "why": told.get("could_not_run")}


def _less(mine: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in mine.items()}


def _read(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}


def archive_bytes(city: City) -> int | None:
    """What the archive of reported records takes on the disk, of a stack of one's own."""
    return _kept_bytes(city, (REPORTED,))


def kept_bytes(city: City) -> int | None:
    """What all topics take that are kept for ever, of a stack of one's own."""
    return _kept_bytes(city, (REPORTED, lifecycle(GENERATION), rejected(GENERATION)))


def _kept_bytes(city: City, topics: Iterable[Topic]) -> int | None:
    """Segments alone: each partition has a directory, and the indexes beside them are small."""
    if city.stack is None:
        return None
    names = {f"{topic.name}-{partition}" for topic in topics for partition in range(topic.partitions)}
    logs = city.stack.directory / "kafka"
    return sum(file.stat().st_size for file in logs.rglob("*.log") if file.parent.name in names)
