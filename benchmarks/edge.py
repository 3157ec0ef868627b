"""How many events a second the edge takes on one core, how fast it drains into intake, and what a million unsent ones cost.

    python -m benchmarks.edge --unit 19753

The stack named by MOTCUA_PORT_BASE must run; its archive keeps what this sends: give the benchmark a stack of its own.
The edges are started here, each with a store of its own in a passing directory.
"""

import argparse
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import msgspec

from benchmarks import table
from services.edge.domain.fullness import Limits
from services.edge.domain.judgement import Entry
from services.edge.store.outbox import Outbox
from services.edge.store.reserve import Reserve
from services.edge.store.views import Places

BATCH_TYPE = "application/cloudevents-batch+json"
ONE_TYPE = "application/cloudevents+json"
READY_SECONDS = 60.0
DRAIN_SECONDS = 300.0
FILL_EVENTS = 1000
EVENTS_OF_A_DOSSIER = 8


@dataclass(frozen=True)
class Plan:
    """What is done, and against which intake."""

    intake: str
    unit: str
    events: int
    batch_events: int
    connections: int
    drained_events: int
    unsent_events: int


def main() -> None:
    """Measure all three, print one table."""
    plan = arguments()
    began_with = os.getloadavg()[0]
    print(f"load average (1 min)   {began_with:>10.2f} before, {os.cpu_count()} cores")
    asyncio.run(measure(plan))
    print(f"load average (1 min)   {os.getloadavg()[0]:>10.2f} after")


async def measure(plan: Plan) -> None:
    """One after the other, each on a fresh store."""
    with store() as directory, edge(directory, plan, intake=nowhere(), one_core=True) as (url, _):
        await ready(url)
        batches = await accepted(url, plan, plan.events, plan.batch_events)
        single = await accepted(url, plan, plan.events // 5, 1)
    told = f"in batches of {plan.batch_events}, {plan.connections} connections, line down, edge bound to one core"
    rate, one_by_one = plan.events / batches, plan.events // 5 / single
    print(f"accepted               {rate:>10,.0f} events/s on disk, {told}")
    print(f"accepted one by one    {one_by_one:>10,.0f} events/s on disk, one event a request")
    table.row("edge, accepted in batches (`edge`)", f"{rate:,.0f} events/s on disk", f"{one_by_one:,.0f}/s one by one",
              f"{rate / one_by_one:.1f}")  # fmt: skip
    with store() as directory:
        fill(directory, plan, plan.drained_events)
        with edge(directory, plan, intake=plan.intake) as (url, process):
            await ready(url)
            took = await drained(url, plan.drained_events)
            cost = processor_seconds(process) / plan.drained_events
            peak = memory(process, "VmHWM")
    print(
        f"drained                {plan.drained_events / took:>10,.0f} events/s, {plan.drained_events:,} into a real intake"
    )
    print(f"its own share          {cost * 1e6:>10.1f} µs of one core for each of them")
    print(f"memory while draining  {peak:>10.1f} MiB at most")
    table.row(
        "edge, drained into intake (`edge`)", f"{plan.drained_events / took:,.0f} events/s; {cost * 1e6:.0f} µs of CPU"
    )
    with store() as directory:
        began = time.perf_counter()
        fill(directory, plan, plan.unsent_events)
        filled = time.perf_counter() - began
        with edge(directory, plan, intake=nowhere()) as (url, process):
            await ready(url)
            waiting = memory(process, "VmRSS")
            await accepted(url, plan, plan.batch_events * 20, plan.batch_events)
        with edge(directory, plan, intake=plan.intake) as (url, process):
            await ready(url)
            await asyncio.sleep(5)
            peak = memory(process, "VmHWM")
        size = sum(file.stat().st_size for file in directory.rglob("outbox.sqlite3")) / 2**20
    print(f"memory at rest         {waiting:>10.1f} MiB with {plan.unsent_events:,} unsent events ({size:,.0f} MiB on disk)")
    print(f"memory at most         {peak:>10.1f} MiB with as many, while sending")
    table.row(
        f"edge, memory with {plan.unsent_events:,} unsent events", f"{waiting:.0f} MiB, {peak:.0f} at most", "limit 120 MB"
    )
    print(f"(filled directly with  {plan.unsent_events / filled:>10,.0f} events/s)")


def arguments() -> Plan:
    """The command line; defaults from MOTCUA_ settings."""
    base = int(os.environ.get("MOTCUA_PORT_BASE") or "8000")
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reading.add_argument("--intake", default=f"http://127.0.0.1:{base + 1}")
    reading.add_argument("--unit", default="19753")
    reading.add_argument("--events", type=int, default=20_000)
    reading.add_argument("--batch", type=int, default=20)
    reading.add_argument("--connections", type=int, default=32)
    reading.add_argument("--drained", type=int, default=100_000)
    reading.add_argument("--unsent", type=int, default=1_000_000)
    given = reading.parse_args()
    if given.events % given.batch or not 0 < given.batch <= 1000 or not 0 < given.events <= 1_000_000:
        reading.error("--events: a multiple of --batch, at most 1,000,000; --batch: 1 to 1000")
    if not 0 < given.drained <= 2_000_000 or not 0 < given.unsent <= 2_000_000:
        reading.error("--drained, --unsent: at most 2,000,000")
    return Plan(given.intake, given.unit, given.events, given.batch, given.connections, given.drained, given.unsent)


@contextmanager
def store() -> Iterator[Path]:
    """A passing directory."""
    directory = Path(tempfile.mkdtemp(prefix="motcua-edge-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def edge(
    directory: Path, plan: Plan, intake: str, one_core: bool = False
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A running edge on a free port."""
    port = free_port()
    environment = {**os.environ, "MOTCUA_STATE_DIR": str(directory), "MOTCUA_EDGE_PORT": str(port),
                   "MOTCUA_EDGE_INTAKE_URL": intake, "MOTCUA_DEV_KEYS": "1", "MOTCUA_HOST": "127.0.0.1",
                   "MOTCUA_EDGE_UNIT": plan.unit}  # fmt: skip
    environment.pop("MOTCUA_KEYS_FILE", None)
    with (directory / "edge.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "services.edge.main"], env=environment, stdout=log, stderr=log)
    try:
        if one_core:
            os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(30)


async def ready(url: str) -> None:
    """Waits until it takes events."""
    deadline = time.monotonic() + READY_SECONDS
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < deadline:
            try:
                async with session.get(f"{url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    raise SystemExit(f"the edge was not ready within {READY_SECONDS:.0f} s")


async def accepted(url: str, plan: Plan, events: int, batch_events: int) -> float:
    """Seconds until so many events were answered `stored`."""
    run = uuid4().hex[:12]
    bodies = []
    for first in range(0, events, batch_events):
        told: Any = [event(plan.unit, run, number) for number in range(first, first + batch_events)]
        bodies.append(msgspec.json.encode(told if batch_events > 1 else told[0]))
    left = iter(bodies)
    kind = BATCH_TYPE if batch_events > 1 else ONE_TYPE
    headers = {"Authorization": f"Bearer dev-{plan.unit}", "Content-Type": kind}

    async def send_all(session: aiohttp.ClientSession) -> None:
        for body in left:
            async with session.post(f"{url}/v1/events", data=body, headers=headers) as answer:
                if answer.status != 202:
                    raise SystemExit(f"the edge answered {answer.status}: {(await answer.text())[:300]}")
                await answer.read()

    async with aiohttp.ClientSession() as session:
        began = time.perf_counter()
        await asyncio.gather(*(send_all(session) for _ in range(plan.connections)))
        return time.perf_counter() - began


async def drained(url: str, events: int) -> float:
    """Seconds until the outbox is empty, from when the edge is first seen to work."""
    began = time.perf_counter()
    async with aiohttp.ClientSession() as session:
        while time.perf_counter() - began < DRAIN_SECONDS:
            async with session.get(f"{url}/v1/outbox") as answer:
                told = await answer.json()
            if told["depth"] == 0:
                return time.perf_counter() - began
            await asyncio.sleep(0.1)
    raise SystemExit(f"{told['depth']} of {events} events were still there after {DRAIN_SECONDS:.0f} s")


def fill(directory: Path, plan: Plan, events: int) -> None:
    """Puts events into a store directly, in commits of a thousand."""
    limits = Limits(10_000_000, 1 << 40, 1e9, 10)
    outbox = Outbox(
        Places(directory / "edge", directory / "edge.high-water"), limits, Reserve(directory / "reserve", 0),
        lambda: time.time_ns() // 1000,
    )  # fmt: skip
    outbox.open()
    run = uuid4().hex[:12]
    for first in range(0, events, FILL_EVENTS):
        outbox.begin()
        entries = [entry(plan.unit, run, number) for number in range(first, min(events, first + FILL_EVENTS))]
        if (reason := outbox.accept(entries)) is not None:
            raise SystemExit(f"the store took no more: {reason}")
        outbox.commit()
    outbox.close()


def entry(unit: str, run: str, number: int) -> Entry:
    """An event as the door hands it on."""
    told = event(unit, run, number)
    return Entry(str(told["id"]), str(told["source"]), msgspec.json.encode(told)[:-1])


def event(unit: str, run: str, number: int) -> dict[str, object]:
    """One event of the size and shape that centres send, eight to a dossier."""
    return {
        "specversion": "1.0",
        "id": f"01980000-{run}-{number:08d}",
        "source": f"/units/{unit}",
        "type": "vn.motcua.dossier.submitted.v1",
        "subject": f"H57.{unit}-{run}-{number // EVENTS_OF_A_DOSSIER:07d}",
        "time": "2025-07-01T08:00:00+07:00",
        "datacontenttype": "application/json",
        "data": {"procedure": "2.000815", "channel": "online", "receiver": unit, "competent": unit},
    }


def memory(process: "subprocess.Popen[bytes]", what: str) -> float:
    """MiB of a process, as the kernel says."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"the kernel does not say {what}")


def processor_seconds(process: "subprocess.Popen[bytes]") -> float:
    """Seconds of processor time that a process has used, its start included."""
    used = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")


def nowhere() -> str:
    """An address at which nobody answers."""
    return f"http://127.0.0.1:{free_port()}"


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":
    main()
