"""How many events a second intake stores, in batches through its door, beside what a bare producer stores in the same run.

    python -m benchmarks.intake --unit 19753 --key dev-19753

The stack named by MOTCUA_PORT_BASE must run; its archive keeps what this sends: give the benchmark a stack of its own.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import aiohttp
import msgspec
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks import table
from contracts.events import read_structured, to_record
from contracts.topics import REPORTED

BATCH_TYPE = "application/cloudevents-batch+json"
REQUEST_SECONDS = 30.0


@dataclass(frozen=True)
class Plan:
    """What is sent, and to where."""

    url: str
    kafka: str
    key: str
    unit: str
    events: int
    batch_events: int
    connections: int


def main() -> None:
    """Measure both, print one table."""
    plan = arguments()
    began_with = os.getloadavg()[0]
    bodies = [msgspec.json.encode(batch) for batch in batches(plan)]
    took, latencies = asyncio.run(through_the_door(plan, bodies))
    bare_took = bare(plan, bodies)
    rate, bare_rate = plan.events / took, plan.events / bare_took
    print(f"events                 {plan.events:>10,} in batches of {plan.batch_events}, {plan.connections} connections")
    print(f"intake                 {rate:>10,.0f} events/s stored")
    print(f"latency of a batch     {percentile(latencies, 50):>10.1f} ms p50   {percentile(latencies, 99):.1f} ms p99")
    print(f"bare producer          {bare_rate:>10,.0f} events/s acknowledged, same records, same broker")
    print(f"ratio                  {rate / bare_rate:>10.2f}")
    table.row(
        f"intake, batches of {plan.batch_events} (`intake`)",
        f"{rate:,.0f} events/s stored; {percentile(latencies, 50):.0f} ms p50, {percentile(latencies, 99):.0f} ms p99",
        f"{bare_rate:,.0f}/s, a bare producer of the same records", f"{rate / bare_rate:.2f}",
    )  # fmt: skip
    print(f"load average (1 min)   {began_with:>10.2f} before, {os.getloadavg()[0]:.2f} after, {os.cpu_count()} cores")


def arguments() -> Plan:
    """The command line; defaults from MOTCUA_ settings."""
    base = int(os.environ.get("MOTCUA_PORT_BASE") or "8000")
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reading.add_argument("--url", default=f"http://127.0.0.1:{base + 1}")
    reading.add_argument("--kafka", default=os.environ.get("MOTCUA_KAFKA") or f"127.0.0.1:{base + 92}")
    reading.add_argument("--unit", default="19753")
    reading.add_argument("--key", default="dev-19753")
    reading.add_argument("--events", type=int, default=60_000)
    reading.add_argument("--batch", type=int, default=200)
    reading.add_argument("--connections", type=int, default=4)
    given = reading.parse_args()
    if given.events % given.batch or not 0 < given.batch <= 1000 or not 0 < given.events <= 2_000_000:
        reading.error("--events: a multiple of --batch, at most 2,000,000; --batch: 1 to 1000")
    return Plan(given.url, given.kafka, given.key, given.unit, given.events, given.batch, given.connections)


def batches(plan: Plan) -> Iterator[list[dict[str, object]]]:
    """Dossiers being submitted, each with ids of its own, so that the archive stays a possible one."""
    run = uuid4().hex[:12]
    for first in range(0, plan.events, plan.batch_events):
        yield [event(plan.unit, run, number) for number in range(first, first + plan.batch_events)]


def event(unit: str, run: str, number: int) -> dict[str, object]:
    """One event of the size and shape that centres send."""
    return {
        "specversion": "1.0",
        "id": f"01980000-{run}-{number:08d}",
        "source": f"/units/{unit}",
        "type": "vn.motcua.dossier.submitted.v1",
        "subject": f"H57.{unit}-{run}-{number:07d}",
        "time": "2025-07-01T08:00:00+07:00",
        "datacontenttype": "application/json",
        "sequence": str(number + 1),
        "recordedtime": "2025-07-01T08:00:01+07:00",
        "data": {"procedure": "2.000815", "channel": "online", "receiver": unit, "competent": unit},
    }


async def through_the_door(plan: Plan, bodies: list[bytes]) -> tuple[float, list[float]]:
    """Seconds for all bodies, and milliseconds for each; every event must be answered `stored`."""
    left, latencies = iter(bodies), []
    headers = {"Authorization": f"Bearer {plan.key}", "Content-Type": BATCH_TYPE}
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)

    async def send_all(session: aiohttp.ClientSession) -> None:
        for body in left:
            began = time.perf_counter()
            async with session.post(f"{plan.url}/v1/events", data=body, headers=headers) as answer:
                if answer.status != 202:
                    raise SystemExit(f"intake answered {answer.status}: {(await answer.text())[:300]}")
                await answer.read()
            latencies.append((time.perf_counter() - began) * 1000)

    async with aiohttp.ClientSession(timeout=timeout) as session:
        began = time.perf_counter()
        await asyncio.gather(*(send_all(session) for _ in range(plan.connections)))
        return time.perf_counter() - began, latencies


def bare(plan: Plan, bodies: list[bytes]) -> float:
    """Seconds for the same records through a producer with intake's promises and nothing before it, into a passing topic."""
    now = time.time_ns() // 1000
    records = [
        to_record(read_structured(raw, now)) for body in bodies for raw in msgspec.json.decode(body, type=list[msgspec.Raw])
    ]
    admin = AdminClient({"bootstrap.servers": plan.kafka})
    topic = f"benchmark.intake.{uuid4().hex[:8]}"
    admin.create_topics([NewTopic(topic, REPORTED.partitions, 1)])[topic].result(REQUEST_SECONDS)
    try:
        producer = Producer({"bootstrap.servers": plan.kafka, "enable.idempotence": True, "acks": "all", "linger.ms": 5,
                             "partitioner": "murmur2_random", "queue.buffering.max.messages": len(records) + 1,
                             "compression.type": "gzip", "compression.level": 1})  # fmt: skip
        began = time.perf_counter()
        for key, value, headers in records:
            producer.produce(topic, value=value, key=key, headers=list(headers))
        if left := producer.flush(REQUEST_SECONDS):
            raise SystemExit(f"{left} records of the bare producer were not acknowledged")
        return time.perf_counter() - began
    finally:
        admin.delete_topics([topic])[topic].result(REQUEST_SECONDS)


def percentile(values: list[float], percent: int) -> float:
    """The smallest value that at least `percent` of all do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


if __name__ == "__main__":
    main()
