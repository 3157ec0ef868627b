"""Real edge agents for a chosen few centres: the product's own process, each with a disk of its own."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
from msgspec import Struct

from deploy.local import statedir
from deploy.local.checks import is_free
from lab.errors import TooSlowError, UnreachableError
from lab.keys import key_of
from lab.links.server import HOST
from lab.load.plan import Slot, door
from lab.load.scenario import Outbox
from lab.stack import REPOSITORY

READY_WITHIN_SECONDS = 60.0
STOP_SECONDS = 15.0
LOOK_SECONDS = 0.5
RECEIPTS_SECONDS = 60.0
RECEIPTS_EVENTS_MAX = 200_000
INTAKE_KEY = "intake.key"
PID_FILE = "edge.pid"


class Remains(Struct, frozen=True):
    """What edges still held when time was over, and how many of them did not say."""

    waiting: int
    silent: int


class Edges:
    """Started before a run, ended after it."""

    def __init__(self, directory: Path, first_port: int) -> None:
        self._directory = directory
        self._first_port = first_port
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._environments: dict[str, dict[str, str]] = {}
        self._depths: dict[str, int] = {}
        self.addresses: dict[str, str] = {}

    async def start(
        self, session: aiohttp.ClientSession, slots: list[Slot], links: dict[str, list[str]], settings: Outbox,
        namespace: str | None,
    ) -> None:  # fmt: skip
        """One for each slot, all in a network namespace if there is one, where `session` reaches them; UnreachableError when
        one does not get ready."""
        inside = () if namespace is None else ("ip", "netns", "exec", namespace)
        for place, slot in enumerate(slots):
            name, port = str(slot.number), self._first_port + place
            if namespace is None and not is_free(HOST, port):
                raise UnreachableError(f"port {port}, meant for the edge of centre {name}, is in use by another program")
            home = self._directory / f"edge-{name}"
            home.mkdir(parents=True, exist_ok=True)
            statedir.write_private(home / INTAKE_KEY, key_of(slot.unit).encode())
            self._environments[name] = _environment(slot, port, home, door(links, slot), settings)
            with (home / "edge.log").open("w") as log:
                self._running[name] = await asyncio.create_subprocess_exec(
                    *inside, sys.executable, "-m", "services.edge.main", cwd=REPOSITORY, env=self._environments[name],
                    stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip
            (home / PID_FILE).write_text(str(self._running[name].pid))
            self.addresses[name] = f"{HOST}:{port}"
        for name in self.addresses:
            await self._wait_ready(session, name)

    @property
    def pids(self) -> dict[str, int]:
        """Their processes."""
        return {f"edge {name}": each.pid for name, each in self._running.items() if each.returncode is None}

    async def depths(self, session: aiohttp.ClientSession) -> dict[str, int]:
        """What each still holds; an edge that does not answer is left out."""
        told = {}
        for name in self.addresses:
            if (answer := await self._asked(session, name, "/v1/outbox")) is not None:
                told[name] = int(answer["depth"])
        return told

    async def last_depths(self, session: aiohttp.ClientSession) -> dict[str, int]:
        """What each held when it said so last: an edge that does not answer is not empty for that."""
        self._depths |= await self.depths(session)
        return self._depths

    async def emptied(self, session: aiohttp.ClientSession, deadline: float) -> "Remains":
        """Waits until every edge has sent all that it holds, or until the deadline (monotonic); asks once at least."""
        while True:
            depths = await self.depths(session)
            remains = Remains(sum(depths.values()), len(self.addresses) - len(depths))
            if remains == Remains(0, 0) or time.monotonic() >= deadline:
                return remains
            await asyncio.sleep(LOOK_SECONDS)

    async def receipts(self) -> dict[str, str]:
        """A file of receipts for each."""
        told = {}
        for name, environment in self._environments.items():
            file = self._directory / f"edge-{name}" / "receipts.jsonl"
            asked = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services.edge.main", "receipts", str(file), cwd=REPOSITORY, env=environment,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            try:
                await asyncio.wait_for(asked.wait(), RECEIPTS_SECONDS)
            except TimeoutError:
                asked.kill()
                await asked.wait()
                raise TooSlowError(f"the edge of centre {name} told no receipts within {RECEIPTS_SECONDS:.0f} s") from None
            if file.exists():
                told[name] = str(file)
        return told

    async def stop(self) -> None:
        """Ends them all."""
        for each in self._running.values():
            if each.returncode is None:
                each.terminate()
        for each in self._running.values():
            try:
                await asyncio.wait_for(each.wait(), STOP_SECONDS)
            except TimeoutError:
                each.kill()
                await each.wait()
        for name in self._running:
            (self._directory / f"edge-{name}" / PID_FILE).unlink(missing_ok=True)
        self._running.clear()

    async def _wait_ready(self, session: aiohttp.ClientSession, name: str) -> None:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        why = UnreachableError(f"the edge of centre {name} does not answer: see its log in {self._directory}")
        while self._lives(name) and await self._asked(session, name, "/healthz") is None:
            if time.monotonic() > deadline:
                raise why
            await asyncio.sleep(0.1)
        # An edge that could not have its port is gone by now, and somebody else has answered.
        if not self._lives(name):
            raise why

    def _lives(self, name: str) -> bool:
        return self._running[name].returncode is None

    async def _asked(self, session: aiohttp.ClientSession, name: str, path: str) -> dict[str, Any] | None:
        url, timeout = f"http://{self.addresses[name]}{path}", aiohttp.ClientTimeout(total=5)
        try:
            async with session.get(url, timeout=timeout, allow_redirects=False) as answer:
                return dict(await answer.json()) if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None


def _environment(slot: Slot, port: int, home: Path, link: str, settings: Outbox) -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if not name.startswith("MOTCUA_")}
    return {
        **given,
        "MOTCUA_CLOCK": "log",
        # Its own door is the lab's alone; at the city's it shows what the city's centres show.
        "MOTCUA_DEV_KEYS": "1",
        "MOTCUA_EDGE_INTAKE_KEY_FILE": str(home / INTAKE_KEY),
        "MOTCUA_STATE_DIR": str(home),
        "MOTCUA_EDGE_UNIT": slot.unit,
        "MOTCUA_EDGE_PORT": str(port),
        "MOTCUA_EDGE_INTAKE_URL": f"http://{link}",
        "MOTCUA_EDGE_SEND_BATCH_EVENTS_MAX": str(settings.batch_events_max),
        "MOTCUA_EDGE_BACK_OFF_FIRST_SECONDS": str(settings.back_off_first_seconds),
        "MOTCUA_EDGE_BACK_OFF_MOST_SECONDS": str(settings.back_off_most_seconds),
        "MOTCUA_EDGE_ANSWER_SECONDS": str(settings.answer_seconds),
        "MOTCUA_EDGE_HEARTBEAT_SECONDS": str(settings.heartbeat_seconds),
        "MOTCUA_EDGE_RECEIPTS_EVENTS_MAX": str(RECEIPTS_EVENTS_MAX),
    }
