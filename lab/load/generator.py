"""One process of the generator: it reports each event of its centres at its instant, whatever the answers."""

import asyncio
import contextlib
import json
import os
import resource
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from lab.errors import LabError
from lab.links.inside import Inside
from lab.load import plan as planning
from lab.load import rates
from lab.load.centre import OutboxCentre, Tally
from lab.load.counter import EdgeCounter
from lab.load.flow import Event, Gap, backlogs, flows
from lab.load.measures import Latencies
from lab.load.paper import PaperCentre
from lab.load.plan import Centre, Due, Plan
from lab.load.scenario import Scenario

TELL_EVERY_SECONDS = 0.5
# Histograms take some milliseconds to be written down: one telling in so many has them.
LATENCIES_EVERY_TELLINGS = 4
LOOP_LOOK_SECONDS = 0.05
STALL_SECONDS_MAX = 600.0
STRETCHES = 60
LINE_BYTES_MAX = 16 * 1024 * 1024
Manner = Literal["outbox", "paper"]


class Orders(Struct, frozen=True, kw_only=True):
    """What a process is asked to do."""

    scenario: Scenario
    reference_directory: str
    seed: int
    run: str
    process: int
    processes: int
    manner: Manner
    links: dict[str, list[str]]
    edges: dict[str, str] = {}
    namespace: str | None = None


class Watched(Struct, frozen=True):
    """What the counters said: when (plan's seconds), and the last reported offset of each partition that was counted in."""

    at: list[float]
    counted: list[list[int]]


Sending = OutboxCentre | EdgeCounter | PaperCentre


async def generate(orders: Orders, told: Plan, began: float, tally: Tally, stop: asyncio.Event) -> dict[str, Any]:
    """Sends everything, waits until every outbox is empty or `stop` is set; says how punctual the generator itself was."""
    inside = None if orders.namespace is None else Inside(orders.namespace)
    sending = {centre.number: _sending(centre, orders, tally, told, inside) for centre in told.centres}
    punctual = _Punctual()
    endless = [*(each.run() for each in sending.values()), punctual.watch(), _tell(tally, sending, punctual)]
    tasks = [asyncio.create_task(each) for each in endless]
    # A centre that has died sends nothing any more: what it held would be told as the city's loss.
    for task in tasks:
        task.add_done_callback(lambda _: stop.set())
    due = sorted(((event.at, centre.number, event) for centre in told.centres for event in centre.events), key=_by_time)
    try:
        await _report(due, sending, tally, punctual, stop)
        while not stop.is_set() and any(each.depth for each in sending.values()):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TELL_EVERY_SECONDS / 5)
        for task in tasks:
            if task.done():
                task.result()
        # What its centres hold, and what they were never handed, since time was over before.
        left = sum(each.depth for each in sending.values()) + len(due) - tally.counts["due"]
        _tell_once(tally, sending)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return {"left": left, **punctual.told()}


async def _report(
    due: Sequence[tuple[float, int, Due]],
    sending: dict[int, Sending],
    tally: Tally,
    punctual: "_Punctual",
    stop: asyncio.Event,
) -> None:
    """Open loop: an event is reported when it is due, and nobody asks whether the one before has been answered."""
    place = 0
    while place < len(due) and not stop.is_set():
        now = tally.now()
        if (wait := due[place][0] - now) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait)
            continue
        while place < len(due) and due[place][0] <= now:
            at, number, event = due[place]
            sending[number].accept(event)
            punctual.late.record((tally.now() - at) * 1000)
            tally.counts["due"] += 1
            place += 1
        await asyncio.sleep(0)


def _by_time(each: tuple[float, int, Due]) -> tuple[float, int]:
    return each[0], each[1]


def _sending(centre: Centre, orders: Orders, tally: Tally, told: Plan, inside: Inside | None) -> Sending:
    door = planning.door(orders.links, centre)
    if orders.manner == "paper":
        return PaperCentre(centre, door, tally, told.warp, inside)
    if centre.is_edge:
        return EdgeCounter(centre, orders.edges[str(centre.number)], tally, inside)
    line = rates.line_of(centre, orders.scenario, orders.namespace is not None)
    return OutboxCentre(centre, door, orders.scenario.outbox, tally, told.warp, inside, line)


class _Punctual:
    """How late the generator itself was: of each event, and of a task that only sleeps; how much of its core it took."""

    def __init__(self) -> None:
        self.late = Latencies()
        self.loop = Latencies()
        self._cpu = _cpu_seconds()
        self._wall = time.monotonic()

    async def watch(self) -> None:
        while True:
            asked = time.monotonic()
            await asyncio.sleep(LOOP_LOOK_SECONDS)
            self.looked(time.monotonic() - asked - LOOP_LOOK_SECONDS)

    def looked(self, late_seconds: float) -> None:
        """A look that came so late, and those that fell out meanwhile: one second is one look, and twenty were due in it."""
        late = min(max(0.0, late_seconds), STALL_SECONDS_MAX)
        self.loop.record(late * 1000)
        while (late := late - LOOP_LOOK_SECONDS) > 0:
            self.loop.record(late * 1000)

    def told(self) -> dict[str, Any]:
        cpu, wall = _cpu_seconds() - self._cpu, time.monotonic() - self._wall
        return {"late": self.late.encoded(), "loop": self.loop.encoded(), "cpu_seconds": cpu, "wall_seconds": wall}


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _tell(tally: Tally, sending: dict[int, Sending], punctual: _Punctual) -> None:
    for telling in count(1):
        await asyncio.sleep(TELL_EVERY_SECONDS)
        _tell_once(tally, sending)
        if telling % LATENCIES_EVERY_TELLINGS == 0:
            soon = {
                "accepted": tally.book.together("accepted "), "stored": tally.book.together("stored "),
                "late": punctual.late, "loop": punctual.loop,
            }  # fmt: skip
            _say({"kind": "latencies", "told": {name: each.encoded() for name, each in soon.items()}})


def _tell_once(tally: Tally, sending: dict[int, Sending]) -> None:
    waiting: dict[str, int] = {}
    for each in sending.values():
        waiting[each.link] = waiting.get(each.link, 0) + each.depth
    _say({"kind": "so far", "counts": dict(tally.counts), "waiting": waiting, "troubles": dict(tally.troubles)})


def freshness(tally: Tally, watched: Watched) -> int:
    """Files when each stored event was counted, as far as that was seen; tells how many never were."""
    columns = list(zip(*watched.counted, strict=True)) if watched.counted else []
    stored = tally.stored
    unseen = 0
    for partition, offset, due_at, link in zip(stored.partitions, stored.offsets, stored.due_at, stored.links, strict=True):
        place = bisect_left(columns[partition], offset) if columns else 0
        if place >= len(watched.at):
            unseen += 1
            continue
        seen = max(0.0, watched.at[place] - due_at) * 1000
        tally.book.record(f"fresh {tally.links[link]}", due_at, seen)
    return unseen


async def _run() -> None:
    """Orders come as one line; then `began`, `stop`, `watched` as lines of their own; answers go the other way."""
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        await _obey(reader)
    except (_GoneError, BrokenPipeError):
        # Whoever asked is no more, and nobody would hear: not even what Python still writes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        _say({"kind": "failed", "why": _reason(error)})
        sys.exit(1)


async def _obey(reader: asyncio.StreamReader) -> None:
    orders = msgspec.json.decode(await _line(reader), type=Orders)
    told = planning.plan(
        orders.scenario, Path(orders.reference_directory), orders.seed, orders.run, orders.process, orders.processes
    )
    bin_seconds = max(1.0, told.warp.real_seconds / STRETCHES)
    _say({"kind": "planned", "events": told.events, "centres": len(told.centres),
          "expected": told.expected, "sampled": told.sampled, "by_link": told.by_link,
          "late_by": told.late_by})  # fmt: skip
    began = float(json.loads(await _line(reader))["began"])
    started_at = time.time() - (time.monotonic() - began)
    tally = Tally(began, bin_seconds, orders.scenario.links)
    stop = asyncio.Event()
    listening = asyncio.create_task(_wait_for_stop(reader, stop))
    try:
        ended = await generate(orders, told, began, tally, stop)
        _say({"kind": "delivered", "left": ended["left"]})
        last = json.loads(await listening)
    finally:
        listening.cancel()
    watched = msgspec.json.decode(await asyncio.to_thread(Path(last["watched"]).read_bytes), type=Watched)
    for number, receipts in last["receipts"].items():
        centre = next((each for each in told.centres if str(each.number) == number), None)
        if centre is not None:
            _receipts(centre, receipts, orders, tally, started_at)
    unseen = freshness(tally, watched)
    planned, stored = (list(each) for each in (_planned(told), _stored(tally)))
    _say({"kind": "measured", "book": tally.book.told(), "counts": dict(tally.counts), "refused": dict(tally.refused),
          "troubles": dict(tally.troubles), "last_stored_at": tally.last_stored_at, "unseen": unseen,
          "backlogs": backlogs(msgspec.convert(last["gaps"], list[Gap]), planned, stored),
          "flows": flows(tally.links, planned, stored),
          "lines": rates.used(tally, orders.scenario, orders.namespace is not None, last["narrow"]), **ended})  # fmt: skip


def _planned(told: Plan) -> Iterator[Event]:
    return (Event(centre.link, event.at) for centre in told.centres for event in centre.events)


def _stored(tally: Tally) -> Iterator[Event]:
    kept = tally.stored
    columns = zip(kept.links, kept.due_at, kept.stored_at, strict=True)
    return (Event(tally.links[link], due_at, stored_at) for link, due_at, stored_at in columns)


def _receipts(centre: Centre, file: str, orders: Orders, tally: Tally, started_at: float) -> None:
    counter = EdgeCounter(centre, orders.edges[str(centre.number)], tally)
    counter.know(centre.events)
    counter.keep_receipts(Path(file), started_at)


async def _wait_for_stop(reader: asyncio.StreamReader, stop: asyncio.Event) -> bytes:
    try:
        while b'"watched"' not in (line := await _line(reader)):
            stop.set()
        return line
    finally:
        stop.set()


async def _line(reader: asyncio.StreamReader) -> bytes:
    if not (line := await reader.readline()):
        raise _GoneError
    return line


class _GoneError(Exception):
    """The conductor's end of the pipe is closed."""


def _reason(error: BaseException) -> str:
    """A sentence; of a group that of its first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) if isinstance(error, LabError) else f"{type(error).__name__}: {error}"


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(msgspec.json.encode(what).decode() + "\n")
    sys.stdout.flush()


def main() -> None:
    """Until the conductor has heard everything, or is gone."""
    asyncio.run(_run())


if __name__ == "__main__":
    main()
