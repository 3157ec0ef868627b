"""What the city says when a run is over: its counters, the deadlines of some dossiers, audit's verdict."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from lab.keys import OPERATOR, key_of
from lab.load.city import City

ANSWER_SECONDS = 30.0
# A busy Kafka may not answer audit in time; then it is asked again.
AUDITS_MAX = 3
COULD_NOT_RUN = 2


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
        """As they stand."""
        url = f"{self._city.metrics}/v1/units?role=receiver"
        async with self._session.get(url, timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as answer:
            told = msgspec.json.decode(await answer.read(), type=dict[str, Any])
        return Told({each["unit"]: each["counters"] for each in told["units"]}, told["total"]["counters"])

    async def dues(self, dossiers: dict[str, int]) -> dict[str, str | None]:
        """What the city says about the deadlines of some dossiers; None where it does not know one."""
        told: dict[str, str | None] = {}
        headers = {"Authorization": f"Bearer {key_of(OPERATOR)}"}
        for subject in dossiers:
            url = f"{self._city.dossiers}/v1/dossiers/{subject}/deadline"
            async with self._session.get(url, headers=headers) as answer:
                found = msgspec.json.decode(await answer.read(), type=dict[str, Any]) if answer.status == 200 else {}
            told[subject] = found.get("due_original")
        return told


async def audited(city: City, file: Path) -> dict[str, Any]:
    """Audit's verdict on the whole archive of a stack of one's own."""
    file.parent.mkdir(parents=True, exist_ok=True)
    code = COULD_NOT_RUN
    for _ in range(AUDITS_MAX):
        code = await city.verify(file)
        if code != COULD_NOT_RUN:
            break
    told = await asyncio.to_thread(_read, file)
    failed = [each["name"] for each in told.get("checks", []) if not each["passed"]]
    return {"exit": code, "failed": failed, "counts": told.get("counts", {}), "why": told.get("could_not_run")}


def _less(mine: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in mine.items()}


def _read(file: Path) -> dict[str, Any]:
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Any]) if file.exists() else {}


def archive_bytes(city: City) -> int | None:
    """What the archive of reported records takes on the disk, of a stack of one's own."""
    if city.stack is None:
        return None
    logs = city.stack.directory / "kafka"
    return sum(file.stat().st_size for file in logs.rglob("*.log") if "dossier.reported" in str(file))
