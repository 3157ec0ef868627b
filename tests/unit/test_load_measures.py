"""Latencies: merged exactly, measured from the instant at which an event was due, so that a stall cannot hide."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import msgspec
import pytest
from aiohttp import ClientSession, web

from contracts import reference_files
from lab.load import flow, generator
from lab.load import scenario as scenarios
from lab.load.centre import Tally
from lab.load.counter import EdgeCounter
from lab.load.flow import Backlog, Event, Gap
from lab.load.generator import Orders, Watched
from lab.load.measures import Book, Latencies, Summary
from lab.load.plan import Centre, Due, Plan
from lab.load.warp import Warp, hours_of
from lab.stack import REPOSITORY

pytestmark = pytest.mark.slow

EVENTS_PER_SECOND = 50
SECONDS = 3.0
STALL_FROM, STALL_SECONDS = 1.0, 1.5


def test_histograms_of_several_processes_are_as_good_as_one() -> None:
    """Every percentile of the merged is that of one that saw everything, after the wire, too."""
    chance = Random(7)
    values = [chance.lognormvariate(3, 1.5) for _ in range(5_000)]
    whole = Book(1.0)
    parts = [Book(1.0) for _ in range(4)]
    for number, value in enumerate(values):
        whole.record("fresh fibre", number / 500, value)
        parts[number % 4].record("fresh fibre", number / 500, value)
    wire = [msgspec.json.decode(msgspec.json.encode(part.told())) for part in parts]
    merged = Book.merged(wire, 1.0)
    assert merged.whole["fresh fibre"].summary() == whole.whole["fresh fibre"].summary()
    assert merged.bins["fresh fibre"].keys() == whole.bins["fresh fibre"].keys()
    for number, kept in merged.bins["fresh fibre"].items():
        assert kept.summary() == whole.bins["fresh fibre"][number].summary()
    ranked = sorted(values)
    assert merged.whole["fresh fibre"].at(99) == _near(ranked[int(len(ranked) * 0.99) - 1])


def test_a_histogram_in_a_few_figures() -> None:
    kept = Latencies()
    assert kept.summary() == Summary(count=0)
    for ms in range(1, 1001):
        kept.record(ms)
    told = kept.summary()
    assert told.count == 1000
    for figure, wanted in (
        (told.p50, 500), (told.p90, 900), (told.p99, 990), (told.p99_9, 999), (told.most, 1000), (told.mean, 500.5),
    ):  # fmt: skip
        assert figure == _near(wanted)
    assert kept.share_above(900) == pytest.approx(0.1, abs=0.002)
    kept.record(10 * 3_600_000)
    assert kept.summary().most == _near(3_600_000), "an hour is the longest"


def test_a_stall_that_a_closed_loop_hides_is_seen_by_ours() -> None:
    """One server that answers nothing for a while, two ways of measuring it: one request is slow, or all that were due."""
    closed, ours = asyncio.run(_both())
    stalled = STALL_SECONDS * 1000 / 3
    # The closed loop has one request under way, so a single one meets the stall, and the others never were sent; two more
    # are granted to this machine's own stalls.
    assert closed.share_above(stalled) <= 3 / closed.count
    assert closed.at(90) < stalled
    # Of the events due in three seconds, those due in the first second of a stall of 1.5 waited for at least 0.5 s.
    assert ours.count == EVENTS_PER_SECOND * SECONDS
    assert ours.share_above(stalled) >= 0.25
    assert ours.at(90) > stalled


def test_freshness_is_from_due_to_counted() -> None:
    """By what the counters said, when; a rebuild that runs backwards takes nothing back."""
    tally = Tally(time.monotonic(), 1.0, ("fibre",))
    for offset, due_at in ((4, 1.0), (5, 1.1), (9, 1.2), (12, 1.3)):
        tally.stored.add(0, offset, due_at, due_at + 0.1, 0)
    watched = Watched([1.0, 2.0, 3.0], [[3], [5], [9]])
    assert generator.freshness(tally, watched) == 1
    kept = tally.book.whole["fresh fibre"]
    assert kept.count == 3
    assert kept.at(100) == _near(1800)
    assert kept.at(1) == _near(900)


def test_what_had_gathered_is_through_when_its_last_event_is() -> None:
    """Of a line back at 10 s, and again at 20: what is due later is no backlog, and what is never stored is told."""
    stored_at = {1.0: 1.1, 9.0: 12.5, 9.5: 21.0, 11.0: 30.0, 15.0: 20.5, 19.0: None, 25.0: 40.0}
    planned = [Event("mountain", at) for at in stored_at]
    stored = [Event("mountain", at, heard) for at, heard in stored_at.items() if heard is not None]
    stored.append(Event("fibre", 9.0, 99.0))
    gaps = [Gap("mountain", 0.0, 10.0), Gap("mountain", 10.0, 20.0)]
    first, second = flow.backlogs(gaps, planned, stored)
    assert first == Backlog("mountain", 10.0, 3, 3, 21.0)
    assert second == Backlog("mountain", 20.0, 3, 2, 30.0)
    assert (first.seconds, second.seconds, second.never_stored) == (11.0, 10.0, 1)
    assert flow.added(first, second) == Backlog("mountain", 10.0, 6, 5, 30.0)
    assert flow.added(second, first).last_stored_at == 30.0
    at_its_end = [Event("mountain", 10.0, 12.0)]
    assert flow.backlogs(gaps[:1], at_its_end, at_its_end) == [Backlog("mountain", 10.0)]
    told = flow.flows(("mountain", "fibre"), planned, stored)
    assert (sum(told["mountain"].due), told["mountain"].due[9], told["fibre"].stored[99]) == (7, 2, 1)
    assert sum(told["mountain"].stored) == 6
    later = flow.summed([(told, 0), (told, 30)])["mountain"]
    assert (later.due[9], later.due[39], sum(later.stored)) == (2, 2, 12)


def test_two_receipts_of_one_event_are_one_event(tmp_path: Path) -> None:
    """And one of an event that nobody knows is told, not passed over."""
    events = [Due(float(number), f"D-{number}", b'{"id":"e%d"}' % number) for number in range(3)]
    centre = Centre(0, "19789", "/units/19789/edge0", "fibre", True, "0197c348-8800-7e66-ac3d-f9a8fc4fef6f", events)
    tally = Tally(time.monotonic(), 1.0, ("fibre",))
    counter = EdgeCounter(centre, "nowhere:1", tally)
    counter.know(events)
    line = '{"at":"2025-07-01T07:00:05+07:00","stored":[{"id":"%s","partition":%s,"offset":7}]}\n'
    receipts = tmp_path / "receipts.jsonl"
    receipts.write_text("".join(line % each for each in (("e0", 1), ("e0", 1), ("e1", 2), ("e9", 3), ("e2", "null"))))
    assert counter.keep_receipts(receipts, 1_751_328_000.0) == 2
    assert tally.counts["stored"] == tally.book.whole["stored fibre"].count == 2
    assert tally.troubles == {"edge receipt of no event waited for": 2, "edge receipt without a place": 1}


def test_a_dossier_comes_to_the_same_desk_in_every_run() -> None:
    """As the seed says the rest of a run: Python's own hash is another one in each process."""
    centre = Centre(0, "19789", "/units/19789/edge0", "fibre", True, "0197c348-8800-7e66-ac3d-f9a8fc4fef6f", [])
    counter = EdgeCounter(centre, "nowhere:1", Tally(time.monotonic(), 1.0, ("fibre",)))
    for number in range(40):
        counter.accept(Due(float(number), f"D-{number}", b""))
    at_desks = [[desk.get_nowait().subject for _ in range(desk.qsize())] for desk in counter._desks]
    assert at_desks[0][:3] == ["D-4", "D-6", "D-15"]


def test_what_is_due_later_is_a_part_of_all() -> None:
    """By bins, to two digits; another book is filed where it happened and stays what it was."""
    book = Book(1.0)
    for number in range(100):
        book.record("fresh fibre", number / 10, 10 if number < 30 else 100)
    assert book.since("fresh ", 3.0).count == 70
    assert book.since("fresh ", 3.0).at(1) == _near(100)
    assert book.since("stored ", 0.0).count == 0
    whole = Book(1.0)
    whole.take_in(book, 0.0)
    whole.take_in(book, 20.3)
    assert set(whole.bins["fresh fibre"]) == {*range(10), *range(20, 30)}
    assert whole.together("fresh ").count == 200
    assert book.together("fresh ").count == 100
    again = Book.merged([whole.told()], 1.0)
    assert again.since("fresh ", 20.0).summary() == book.since("fresh ", 0.0).summary()


class _Near:
    """Equal to three digits, as the histogram keeps them."""

    def __init__(self, value: float) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and abs(other - self._value) <= self._value * 0.005

    def __hash__(self) -> int:
        return hash(self._value)


def _near(value: float) -> _Near:
    return _Near(value)


async def _both() -> tuple[Latencies, Latencies]:
    async with _stalling() as door:
        closed = await _closed_loop(door)
    async with _stalling() as door:
        ours = await _open_loop(door)
    return closed, ours


@asynccontextmanager
async def _stalling() -> AsyncIterator[str]:
    """Answers at once, but for a while, a second after its first request, it answers nobody."""
    began = float("inf")

    async def events(request: web.Request) -> web.Response:
        nonlocal began
        raw = await request.read()
        began = min(began, time.monotonic())
        if (into := time.monotonic() - began - STALL_FROM) > 0:
            await asyncio.sleep(max(0.0, STALL_SECONDS - into))
        items = msgspec.json.decode(raw)
        results = [
            {"index": n, "id": each["id"], "status": "stored", "partition": 0, "offset": 0} for n, each in enumerate(items)
        ]
        return web.json_response({"results": results}, status=202)

    app = web.Application()
    app.router.add_post("/v1/events", events)
    app.router.add_post("/v1/heartbeats", events)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"{host}:{port}"
    finally:
        await runner.cleanup()


async def _closed_loop(door: str) -> Latencies:
    """As many tools do it: the next one is sent when the last one has been answered."""
    told = Latencies()
    began = time.monotonic()
    async with ClientSession() as session:
        while time.monotonic() - began < SECONDS:
            sent = time.monotonic()
            async with session.post(f"http://{door}/v1/events", json=[{"id": "x"}]) as answer:
                await answer.read()
            told.record((time.monotonic() - sent) * 1000)
            await asyncio.sleep(max(0.0, 1 / EVENTS_PER_SECOND - (time.monotonic() - sent)))
    return told


async def _open_loop(door: str) -> Latencies:
    scenario = scenarios.read("mountain-link")
    warp = Warp(scenario.time, hours_of(scenario.time, reference_files.read(REPOSITORY / "deploy" / "reference").calendar))
    count = int(EVENTS_PER_SECOND * SECONDS)
    events = [Due(number / EVENTS_PER_SECOND, f"D-{number}", b'{"id":"e%d"}' % number) for number in range(count)]
    centre = Centre(0, "19789", "/units/19789/c0", "fibre", False, "0197c348-8800-7e66-ac3d-f9a8fc4fef6f", events)
    orders = Orders(
        scenario=scenario, reference_directory="", seed=1, run="a", process=0, processes=1, manner="outbox",
        links={"fibre": [door]},
    )  # fmt: skip
    began = time.monotonic()
    tally = Tally(began, 1.0, ("fibre",))
    await asyncio.wait_for(generator.generate(orders, Plan([centre], {}, warp, []), began, tally, asyncio.Event()), 30)
    return tally.book.whole["stored fibre"]
