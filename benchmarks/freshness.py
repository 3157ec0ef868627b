"""How soon a stored event is in the counters, at a steady rate, from the instant at which it was due to be sent.

    python -m benchmarks.freshness --rate 200 --seconds 20

The stack named by MOTCUA_PORT_BASE must run; its archive keeps what this sends: give the benchmark a stack of its own.
"""

import argparse
import asyncio
import os
import time
from collections import deque
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp

from benchmarks import table
from benchmarks.intake import event, percentile

ONE = "application/cloudevents+json"
REQUEST_SECONDS = 10.0
VISIBLE_WITHIN_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.02


@dataclass(frozen=True)
class Plan:
    """What is sent, how fast, and where it is looked for."""

    intake: str
    metrics: str
    unit: str
    rate: int
    seconds: int


@dataclass
class Waiting:
    """Stored events by partition in the order of their offsets: (offset, due to be sent)."""

    by_partition: dict[int, deque[tuple[int, float]]] = field(default_factory=dict)
    stored_ms: list[float] = field(default_factory=list)
    visible_ms: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, print one table."""
    plan = arguments()
    began_with = os.getloadavg()[0]
    waiting = asyncio.run(measure(plan))
    print(f"events                 {plan.rate * plan.seconds:>10,} one by one, {plan.rate} a second, open loop")
    print(f"due → stored           {_line(waiting.stored_ms)}")
    print(f"due → in the counters  {_line(waiting.visible_ms)}")
    ratio = percentile(waiting.visible_ms, 50) / percentile(waiting.stored_ms, 50)
    print(f"ratio of the medians   {ratio:>10.1f}")
    visible, stored = ([percentile(each, part) for part in (50, 99)] for each in (waiting.visible_ms, waiting.stored_ms))
    table.row(
        f"due to be sent → in the counters, {plan.rate} events/s (`freshness`)",
        f"{visible[0]:.0f} ms p50, {visible[1]:.0f} ms p99",
        f"{stored[0]:.0f} ms p50, {stored[1]:.0f} ms p99 until `stored`", f"{ratio:.1f}",
    )  # fmt: skip
    print(f"looked every           {LOOK_EVERY_SECONDS * 1000:>10.0f} ms at /v1/units/{plan.unit}")
    print(f"load average (1 min)   {began_with:>10.2f} before, {os.getloadavg()[0]:.2f} after, {os.cpu_count()} cores")


def arguments() -> Plan:
    """The command line; defaults from MOTCUA_ settings."""
    base = int(os.environ.get("MOTCUA_PORT_BASE") or "8000")
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reading.add_argument("--unit", default="19753")
    reading.add_argument("--rate", type=int, default=200, help="events a second, at most 1,000")
    reading.add_argument("--seconds", type=int, default=20, help="at most 600")
    given = reading.parse_args()
    if not 0 < given.rate <= 1000 or not 0 < given.seconds <= 600:
        reading.error("--rate: 1 to 1,000; --seconds: 1 to 600")
    return Plan(f"http://127.0.0.1:{base + 1}", f"http://127.0.0.1:{base + 3}", given.unit, given.rate, given.seconds)


async def measure(plan: Plan) -> Waiting:
    """Sends at the appointed instants whatever the answers, and looks until all is visible."""
    waiting = Waiting()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS)) as session:
        looking = asyncio.create_task(_look(session, plan, waiting))
        run, began = uuid4().hex[:12], time.perf_counter()
        sending = []
        for number in range(plan.rate * plan.seconds):
            due = began + number / plan.rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sending.append(asyncio.create_task(_send(session, plan, run, number, due, waiting)))
        await asyncio.gather(*sending)
        deadline = time.perf_counter() + VISIBLE_WITHIN_SECONDS
        while len(waiting.visible_ms) < len(waiting.stored_ms):
            if time.perf_counter() > deadline:
                raise SystemExit(f"{len(waiting.stored_ms) - len(waiting.visible_ms)} stored events are not counted")
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        looking.cancel()
    return waiting


async def _send(session: aiohttp.ClientSession, plan: Plan, run: str, number: int, due: float, waiting: Waiting) -> None:
    headers = {"Authorization": f"Bearer dev-{plan.unit}", "Content-Type": ONE}
    async with session.post(f"{plan.intake}/v1/events", json=event(plan.unit, run, number), headers=headers) as answer:
        told = await answer.json()
        if answer.status != 202:
            raise SystemExit(f"intake answered {answer.status}: {str(told)[:300]}")
    [result] = told["results"]
    waiting.stored_ms.append((time.perf_counter() - due) * 1000)
    waiting.by_partition.setdefault(result["partition"], deque()).append((result["offset"], due))


async def _look(session: aiohttp.ClientSession, plan: Plan, waiting: Waiting) -> None:
    while True:
        async with session.get(f"{plan.metrics}/v1/units/{plan.unit}?role=receiver") as answer:
            partitions = (await answer.json())["as_of"]["partitions"]
        now = time.perf_counter()
        for number, queue in waiting.by_partition.items():
            counted = partitions[str(number)]
            for _ in range(len(queue)):
                offset, due = queue.popleft()
                if offset <= counted:
                    waiting.visible_ms.append((now - due) * 1000)
                else:
                    queue.append((offset, due))
        await asyncio.sleep(LOOK_EVERY_SECONDS)


def _line(values: list[float]) -> str:
    return f"{percentile(values, 50):>10.1f} ms p50   {percentile(values, 99):.1f} ms p99   {max(values):.1f} ms at most"


if __name__ == "__main__":
    main()
