"""The generator's processes as the conductor sees them: orders in, lines out, ended whatever happens."""

import asyncio
import json
import sys
from collections import Counter
from typing import Any

import msgspec

from lab.errors import LabError, TooSlowError
from lab.load.generator import LINE_BYTES_MAX, Orders
from lab.load.measures import Latencies
from lab.stack import REPOSITORY

PLANNED_WITHIN_SECONDS = 180.0
MEASURED_WITHIN_SECONDS = 180.0


class Generators:
    """Several processes that generate together."""

    def __init__(self) -> None:
        self._running: list[asyncio.subprocess.Process] = []
        self._heard: list[dict[str, dict[str, Any]]] = []
        self._listening: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._latencies: dict[str, Latencies] = {}
        self._is_older = False

    async def start(self, orders: list[Orders]) -> list[dict[str, Any]]:
        """Starts them; what each has planned."""
        for each in orders:
            running = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "lab.load.generator", cwd=REPOSITORY, limit=LINE_BYTES_MAX,
                # Ctrl-C is the conductor's, who ends them: else each says at length that it was interrupted.
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
            self._running.append(running)
            self._heard.append({})
            self._listening.append(asyncio.create_task(self._listen(len(self._running) - 1)))
            self._send(running, msgspec.json.encode(each))
        return await self.wait("planned", PLANNED_WITHIN_SECONDS)

    @property
    def pids(self) -> dict[str, int]:
        """Their processes."""
        return {f"generator {n}": each.pid for n, each in enumerate(self._running) if each.returncode is None}

    def tell(self, what: dict[str, Any]) -> None:
        """One line to all of them."""
        for running in self._running:
            self._send(running, json.dumps(what).encode())

    async def wait(self, kind: str, within_seconds: float) -> list[dict[str, Any]]:
        """Until each has said this; LabError when one ends before, TooSlowError when it takes too long."""
        try:
            async with asyncio.timeout(within_seconds):
                await self._all_said(kind)
        except TimeoutError:
            raise TooSlowError(f"a process of the generator did not say `{kind}` within {within_seconds:.0f} s") from None
        return [heard[kind] for heard in self._heard]

    def so_far(self) -> tuple[Counter[str], Counter[str], Counter[str]]:
        """Counts, what waits by link, troubles, all processes together."""
        counts: Counter[str] = Counter()
        waiting: Counter[str] = Counter()
        troubles: Counter[str] = Counter()
        for heard in self._heard:
            if (said := heard.get("so far")) is not None:
                counts.update(said["counts"])
                waiting.update(said["waiting"])
                troubles.update(said["troubles"])
        return counts, waiting, troubles

    def latencies(self) -> dict[str, Latencies]:
        """Accepted and stored so far, and how late the generator itself was, all processes together; empty at first."""
        if self._is_older:
            self._is_older, told = False, dict[str, Latencies]()
            for heard in self._heard:
                for name, text in heard.get("latencies", {"told": {}})["told"].items():
                    told.setdefault(name, Latencies()).add(Latencies.decoded(text))
            self._latencies = told
        return self._latencies

    async def close(self) -> None:
        """Ends what still runs."""
        for running in self._running:
            if running.returncode is None:
                running.kill()
        for running in self._running:
            await running.wait()
        for task in self._listening:
            task.cancel()

    async def _all_said(self, kind: str) -> None:
        while not all(kind in heard for heard in self._heard):
            self._news.clear()
            for running, heard in zip(self._running, self._heard, strict=True):
                if (failed := heard.get("failed")) is not None:
                    raise LabError(f"a process of the generator has failed: {failed['why']}")
                if running.returncode is not None and kind not in heard:
                    raise LabError(f"a process of the generator ended with {running.returncode}: see above")
            await self._news.wait()

    def _send(self, running: asyncio.subprocess.Process, line: bytes) -> None:
        assert running.stdin is not None
        if running.returncode is None:
            running.stdin.write(line + b"\n")

    async def _listen(self, place: int) -> None:
        stdout = self._running[place].stdout
        assert stdout is not None
        while line := await stdout.readline():
            self._hear(place, line)
        await self._running[place].wait()
        self._news.set()

    def _hear(self, place: int, line: bytes) -> None:
        said = msgspec.json.decode(line, type=dict[str, Any])
        self._heard[place][said["kind"]] = said
        self._is_older = self._is_older or said["kind"] == "latencies"
        self._news.set()
