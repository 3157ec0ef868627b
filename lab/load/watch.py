"""What is seen of the city from outside while it is under load: what it has counted, and what each process takes."""

import asyncio
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from msgspec import Struct

from deploy.local.processes import resident_bytes
from lab.load.city import City
from lab.load.generator import Watched

LOOK_EVERY_SECONDS = 0.1
SAMPLE_EVERY_SECONDS = 1.0
ANSWER_SECONDS = 5.0
SAMPLES_MAX = 2_000
LOOKS_MAX = 20_000
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count() or 1
MIB = 1024 * 1024
# Which door tells what, by the offset from the port base.
DOORS = {"intake": 1, "processing": 12, "metrics": 13}
SUMS = {
    "lag_processing": ("processing", re.compile(r"^motcua_processing_lag_records\{[^}]*\} (\S+)", re.M)),
    "lag_metrics": ("metrics", re.compile(r"^motcua_metrics_lag_records\{[^}]*\} (\S+)", re.M)),
    "intake_in_flight": ("intake", re.compile(r"^motcua_intake_requests_in_flight (\S+)", re.M)),
    "intake_queue": ("intake", re.compile(r"^motcua_intake_produce_queue_events (\S+)", re.M)),
}


class Sample(Struct, frozen=True, kw_only=True):
    """One look: cores and MiB taken by each process, what waits where, events due and stored so far; `turned_away`: how
    often intake has said by now that it cannot, and for how long, by its word."""

    at: float
    cores: dict[str, float]
    mib: dict[str, float]
    waits: dict[str, float]
    outboxes: dict[str, int]
    due: int
    stored: int
    machine_cores: float
    turned_away: dict[str, int] = {}


class Counted:
    """Looks ten times a second how far the counters are; what it saw makes freshness."""

    def __init__(self, session: aiohttp.ClientSession, metrics: str, unit: str, began: float) -> None:
        self._session = session
        self._url = f"{metrics}/v1/units/{unit}?role=receiver"
        self._began = began
        self.at: list[float] = []
        self.rows: list[list[int]] = []

    async def run(self) -> None:
        """Until cancelled."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        while len(self.at) < LOOKS_MAX:
            try:
                async with self._session.get(self._url, timeout=timeout, allow_redirects=False) as answer:
                    if answer.status == 200:
                        counted: dict[str, int] = msgspec.json.decode(await answer.read(), type=_Answer).as_of.partitions
                        self.at.append(time.monotonic() - self._began)
                        self.rows.append([counted[str(number)] for number in range(len(counted))])
            except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError):
                pass
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    def have(self, ends: dict[str, int]) -> bool:
        """Whether all of this is counted."""
        return bool(self.rows) and all(self.rows[-1][int(number)] >= end for number, end in ends.items())

    @property
    def total(self) -> int:
        """Records counted so far."""
        return sum(each + 1 for each in self.rows[-1]) if self.rows else 0

    def watched(self) -> Watched:
        """All that was seen. A counter never runs backwards, but a rebuild does: what was once counted stays counted."""
        rows: list[list[int]] = []
        for row in self.rows:
            rows.append(row if not rows else [max(old, new) for old, new in zip(rows[-1], row, strict=True)])
        return Watched(self.at, rows)


class _AsOf(Struct):
    partitions: dict[str, int]


class _Answer(Struct):
    as_of: _AsOf


class Sampler:
    """Once a second: what each process takes, and what waits at each stage."""

    def __init__(
        self, city: City, session: aiohttp.ClientSession, others: dict[str, int], began: float, so_far: Callable[[], Any]
    ) -> None:
        self._city = city
        self._session = session
        self._others = others
        self._began = began
        self._so_far = so_far
        self._cpu: dict[str, tuple[int, float]] = {}
        self._machine = _machine_ticks()
        self._at = time.monotonic()
        self.samples: list[Sample] = []
        self.cpu_seconds: dict[str, float] = {}

    async def run(self) -> None:
        """Until cancelled."""
        self._take({**self._city.pids(), **self._others}, 1.0)
        while len(self.samples) < SAMPLES_MAX:
            await asyncio.sleep(SAMPLE_EVERY_SECONDS)
            await self.look()

    async def look(self) -> None:
        """One sample."""
        waits = await self._waits()
        pids = {**self._city.pids(), **self._others}
        now = time.monotonic()
        elapsed, self._at = now - self._at, now
        cores = self._take(pids, elapsed)
        machine = _machine_ticks()
        busy = (machine[0] - self._machine[0]) / max(1, machine[1] - self._machine[1]) * CORES
        self._machine = machine
        due, stored, outboxes, turned_away = self._so_far()
        self.samples.append(Sample(
            at=round(now - self._began, 2), cores=cores,
            mib={name: round((resident_bytes(pid) or 0) / MIB, 1) for name, pid in pids.items()},
            waits=waits, outboxes=outboxes, due=due, stored=stored, machine_cores=round(busy, 2),
            turned_away=turned_away,
        ))  # fmt: skip

    def _take(self, pids: dict[str, int], elapsed: float) -> dict[str, float]:
        told = {}
        for name, pid in pids.items():
            if (used := cpu_seconds(pid)) is None:
                continue
            before = self._cpu.get(name)
            # One that was started anew begins at nothing.
            spent = used - before[1] if before is not None and before[0] == pid else 0.0 if before is None else used
            self._cpu[name] = pid, used
            self.cpu_seconds[name] = self.cpu_seconds.get(name, 0.0) + spent
            told[name] = round(spent / max(elapsed, 0.001), 3)
        return told

    async def _waits(self) -> dict[str, float]:
        if self._city.stack is None:
            return {}
        base = self._city.stack.port_base
        names = list(DOORS)
        texts = await asyncio.gather(*(self._text(f"http://127.0.0.1:{base + DOORS[name]}/metrics") for name in names))
        by_door = dict(zip(names, texts, strict=True))
        return {
            name: sum(float(found) for found in pattern.findall(by_door[door])) for name, (door, pattern) in SUMS.items()
        }

    async def _text(self, url: str) -> str:
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with self._session.get(url, timeout=timeout, allow_redirects=False) as answer:
                return await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return ""


def cpu_seconds(pid: int) -> float | None:
    """Processor time that a process has taken, None when it is gone or the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def _machine_ticks() -> tuple[int, int]:
    """Busy and all ticks of all cores."""
    try:
        fields = [int(each) for each in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    except OSError:
        return 0, 0
    return sum(fields) - fields[3] - fields[4], sum(fields)
