"""Whoever is at the other end of an edge's line, on a real socket, answering as a test wants."""

import asyncio
import gzip
import json
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.unit.edge_world import World, entry

Events = list[dict[str, Any]]
Says = Callable[[Events, web.Request], web.Response]
PATIENCE_SECONDS = 60.0
DAY_SECONDS = 86400
INSTANTS = ("at", "delivered_until")


def stored(events: Events, *, but: Callable[[dict[str, Any]], str | None] = lambda event: None) -> web.Response:
    """Intake's answer: all stored, except those that `but` gives another status."""
    results = [{"index": index, "id": event["id"], "status": but(event) or "stored"} for index, event in enumerate(events)]
    return web.json_response({"results": results}, status=207)


class City:
    """Whoever is at the other end: keeps what it was sent, answers what `says` says."""

    def __init__(self) -> None:
        self.says: Says = lambda events, request: stored(events)
        self.batches: list[list[str]] = []
        self.beats: dict[str, dict[str, Any]] = {}
        self.unknown_sources: set[str] = set()
        self.unstorable_sources: set[str] = set()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        # None: the clock of this machine, and whatever a heartbeat says is heard.
        self.clock_ahead_seconds: float | None = None

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        events = json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        self.batches.append([event["id"] for event in events])
        await self.may_answer.wait()
        return self.says(events, request)

    async def beat(self, request: web.Request) -> web.Response:
        told = await request.json()
        if self.clock_ahead_seconds is not None:
            now = time.time() + self.clock_ahead_seconds
            date = {"Date": formatdate(now, usegmt=True)}
            if any(datetime.fromisoformat(told[name]).timestamp() > now + DAY_SECONDS for name in INSTANTS if name in told):
                return web.json_response({"code": "time_out_of_range"}, status=422, headers=date)
            self.beats[told["source"]] = told
            return web.json_response({"status": "stored"}, status=202, headers=date)
        if told["source"] in self.unstorable_sources:
            return web.json_response({"code": "unavailable"}, status=503)
        self.beats[told["source"]] = told
        if told["source"] in self.unknown_sources:
            return web.json_response({"code": "unit_not_allowed"}, status=403)
        return web.json_response({"status": "stored"}, status=202)


async def listening(city: City) -> tuple[web.AppRunner, str]:
    """The city at a door (host:port) of its own, until the runner is cleaned up."""
    app = web.Application()
    app.router.add_post("/v1/events", city.answer)
    app.router.add_post("/v1/heartbeats", city.beat)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"127.0.0.1:{runner.addresses[0][1]}"


def with_line(directory: Path, act: Callable[[World, City], Awaitable[None]], **settings: Any) -> None:
    """Runs an edge's sender against a city."""

    async def run() -> None:
        city = City()
        runner, door = await listening(city)
        quick = {
            "edge_back_off_first_seconds": 0.02, "edge_back_off_most_seconds": 0.05, "edge_retry_after_most_seconds": 0.05,
        }  # fmt: skip
        world = World(directory, edge_intake_url=f"http://{door}", **{**quick, **settings})
        world.ports.writer.open()
        await world.intake.open()
        running = [asyncio.create_task(world.ports.sender.run()), asyncio.create_task(world.heartbeats.run())]
        try:
            await asyncio.wait_for(act(world, city), PATIENCE_SECONDS)
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)
            await world.ports.sender.stop()
            await world.intake.close()
            await asyncio.to_thread(world.ports.writer.close)
            await runner.cleanup()

    asyncio.run(run())


async def hand_in(world: World, *subjects: str) -> None:
    entries = [entry(f"e{number}", subject) for number, subject in enumerate(subjects)]
    assert await world.ports.writer.do(lambda outbox: outbox.accept(entries)) is None
    world.ports.sender.wake()


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    while True:
        found = holds()
        if found if isinstance(found, bool) else await found:
            return
        await asyncio.sleep(0.01)


async def depth(world: World) -> int:
    return (await world.ports.writer.do(lambda outbox: outbox.stand())).unsent
