"""Load goes nowhere that nobody has checked: a door that names another one has not answered."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from contracts import reference_files
from lab.errors import UnreachableError
from lab.load import asking, clock, paper
from lab.load import scenario as scenarios
from lab.load.asking import Asking
from lab.load.centre import OutboxCentre, Tally
from lab.load.city import City
from lab.load.clock import Clock
from lab.load.counter import EdgeCounter
from lab.load.edges import Edges
from lab.load.paper import PaperCentre
from lab.load.plan import Centre, Due
from lab.load.warp import Warp, hours_of
from lab.load.watch import Counted, Sampler
from lab.stack import REPOSITORY

pytestmark = pytest.mark.slow

SOON_SECONDS = 0.01
LOOKS_MAX = 3_000
SCENARIO = scenarios.read("mountain-link")
WARP = Warp(SCENARIO.time, hours_of(SCENARIO.time, reference_files.read(REPOSITORY / "deploy" / "reference").calendar))
CENTRE = Centre(0, "19789", "/units/19789/c0", "fibre", False, "0197c348-8800-7e66-ac3d-f9a8fc4fef6f", [])
Client = OutboxCentre | EdgeCounter | PaperCentre


async def _sent(client: Client, tally: Tally, trouble: str) -> None:
    client.accept(Due(0.0, "D-1", b'{"id":"e1"}', birth=True))
    working = asyncio.create_task(client.run())
    for _ in range(LOOKS_MAX):
        if tally.troubles[trouble]:
            break
        await asyncio.sleep(SOON_SECONDS)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert tally.troubles[trouble]
    assert not tally.counts["stored"] + tally.counts["accepted_by_edges"]


def _tally() -> Tally:
    return Tally(time.monotonic(), 1.0, ("fibre",))


async def _outbox(door: str, _: aiohttp.ClientSession) -> None:
    tally = _tally()
    await _sent(OutboxCentre(CENTRE, door, SCENARIO.outbox, tally, WARP), tally, "not_intake")


async def _edge_counter(door: str, _: aiohttp.ClientSession) -> None:
    tally = _tally()
    await _sent(EdgeCounter(CENTRE, door, tally), tally, "edge not now")


async def _paper_era(door: str, _: aiohttp.ClientSession) -> None:
    tally = _tally()
    await _sent(PaperCentre(CENTRE, door, tally, WARP), tally, "answer_307")


async def _city_clock(door: str, session: aiohttp.ClientSession) -> None:
    with pytest.raises(UnreachableError, match="it answers 307"):
        await Clock(f"http://{door}", session).must(WARP.starts)


async def _counters(door: str, session: aiohttp.ClientSession) -> None:
    with pytest.raises(UnreachableError, match="it answers 307"):
        await Asking(City("", f"http://{door}", "", None), session).counters()


async def _looks(door: str, session: aiohttp.ClientSession) -> None:
    counted = Counted(session, f"http://{door}", "19789", time.monotonic())
    looking = asyncio.create_task(counted.run())
    await asyncio.sleep(3.0)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert counted.rows == []


async def _metrics(door: str, session: aiohttp.ClientSession) -> None:
    await Sampler(City("", "", "", None), session, {}, 0.0, lambda: None)._text(f"http://{door}/metrics")


async def _edge_depths(door: str, session: aiohttp.ClientSession) -> None:
    edges = Edges(Path(), 0)
    edges.addresses["0"] = door
    assert await edges.depths(session) == {}


@pytest.mark.parametrize("ask", [_outbox, _edge_counter, _paper_era, _city_clock, _counters, _looks, _metrics, _edge_depths])
def test_whoever_is_sent_elsewhere_does_not_go(
    ask: Callable[[str, aiohttp.ClientSession], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither to send nor to ask; the other door hears whoever does follow, and nobody before."""
    monkeypatch.setattr(paper, "AGAIN_AFTER_SECONDS", SOON_SECONDS)
    monkeypatch.setattr(clock, "TICK_WITHIN_SECONDS", 0.0)
    monkeypatch.setattr(asking, "ANSWERED_WITHIN_SECONDS", 0.0)

    async def play() -> tuple[int, int, list[str]]:
        async with _doors() as (door, asked, heard), aiohttp.ClientSession() as session:
            await ask(door, session)
            before = len(asked), len(heard)
            async with session.get(f"http://{door}/followed"):
                return *before, heard

    asked, before, heard = asyncio.run(play())
    assert asked > 0
    assert (before, heard) == (0, ["/followed"])


@asynccontextmanager
async def _doors() -> AsyncIterator[tuple[str, list[str], list[str]]]:
    """A door that sends everybody to another one, what it was asked for, and what was asked for at the other."""
    asked: list[str] = []
    heard: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.json_response({})

    async def away(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=307, headers={"Location": f"http://{other}{request.path_qs}"})

    async with _listening(elsewhere) as other, _listening(away) as door:
        yield door, asked, heard


@asynccontextmanager
async def _listening(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()
