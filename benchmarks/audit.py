"""How many reported events a second `verify` audits on one core, beside a plain reader that only decodes the same logs, in
one run.

    python -m benchmarks.audit --fortnights 12

Fills the archive of a running stack (its own, under `make bench`) with the Huế fortnight and its ticks, waits until
processing and metrics have counted it, then runs `verify` whole: both logs, Redis, every answer, a sample derived anew.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from benchmarks import processing, table
from contracts import topics
from contracts.events import Event, RefusedError, from_record
from contracts.lifecycle import decode_countable
from deploy.local.stack import Stack

REPOSITORY = Path(__file__).resolve().parents[1]
COUNTED_WITHIN_SECONDS = 600.0
VERIFY_WITHIN_SECONDS = 600.0
CALL_SECONDS = 30.0
BATCH_RECORDS = 5000
MIB = 1024


def main() -> None:
    """Fill, wait, measure both, print one table."""
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reading.add_argument("--fortnights", type=int, default=4, help="copies of the fortnight, 1 to 20")
    given = reading.parse_args()
    if not 1 <= given.fortnights <= 20:
        reading.error("--fortnights: 1 to 20")
    stack = Stack(Path(os.environ["MOTCUA_STATE_DIR"]))
    stack.stop("audit")  # it would audit the same, on the same cores
    events = processing.fill(stack, given.fortnights)
    _wait_counted(stack)
    began_with = os.getloadavg()[0]
    core = {min(os.sched_getaffinity(0))}
    os.sched_setaffinity(0, core)
    plain, plain_cpu, records = _plain(stack)
    seconds, cpu, memory, counts = _verify(stack)
    print(f"records                {records:>12,} in both logs, {events:,} of them reported events")
    print(
        f"verify                 {events / seconds:>12,.0f} events/s on one core, {seconds:.1f} s, {cpu:.1f} s of processor"
    )
    print(f"plain reader           {events / plain:>12,.0f} events/s that only decodes, {plain_cpu:.1f} s of processor")
    print(f"ratio                  {plain / seconds:>12.2f}, by processor time {plain_cpu / cpu:.2f}")
    table.row(
        "audit, `verify` on one core (`audit`)", f"{events / seconds:,.0f} events/s, {cpu:.1f} s of CPU for {events:,}",
        f"{events / plain:,.0f}/s, a plain reader that only decodes", f"{plain / seconds:.2f}; {plain_cpu / cpu:.2f} by CPU",
    )  # fmt: skip
    print(f"memory of verify       {memory:>12,.0f} MiB at most, {counts['sample_dossiers']:,} dossiers derived anew")
    print(
        f"1.5 million events     {1_500_000 * seconds / events:>12.1f} s at this rate, {1_500_000 * cpu / events:.1f} s busy"
    )
    print(f"load average (1 min)   {began_with:>12.2f} before, {os.getloadavg()[0]:.2f} after, {os.cpu_count()} cores")


def _wait_counted(stack: Stack) -> None:
    """Until metrics has counted every reported record."""
    ends = {str(number): end - 1 for number, end in processing.ends_of(stack).items()}
    until = time.monotonic() + COUNTED_WITHIN_SECONDS
    while time.monotonic() < until:
        if _counted(stack) == ends:
            return
        time.sleep(1.0)
    raise SystemExit(f"the archive was not counted within {COUNTED_WITHIN_SECONDS:.0f} s")


def _counted(stack: Stack) -> dict[str, int]:
    try:
        with urllib.request.urlopen(
            stack.address("metrics-api") + "/v1/units?role=receiver", timeout=CALL_SECONDS
        ) as answer:
            counted: dict[str, int] = json.load(answer)["as_of"]["partitions"]
            return counted
    except urllib.error.HTTPError:
        return {}  # it is rebuilding, or behind: asked again


def _verify(stack: Stack) -> tuple[float, float, float, dict[str, int]]:
    """Seconds, processor seconds, the most memory, and what it counted; it must be clean."""
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as directory:
        told = Path(directory) / "verdict.json"
        command = [sys.executable, "-m", "services.audit.main", "verify", "--json", str(told), "--seed", "1"]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            command, cwd=REPOSITORY, env={**os.environ, **stack.environment}, timeout=VERIFY_WITHIN_SECONDS, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            raise SystemExit(f"verify ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        counts: dict[str, int] = json.loads(told.read_text())["counts"]
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used, after.ru_maxrss / MIB, counts


def _plain(stack: Stack) -> tuple[float, float, int]:
    """Seconds and processor seconds in which both logs are read and decoded, nothing else; how many records they have."""
    began, busy, records = time.perf_counter(), time.process_time(), 0
    for topic in (topics.REPORTED.name, topics.lifecycle(1).name):
        consumer: Any = Consumer(
            {"bootstrap.servers": stack.settings.bootstrap, "group.id": "benchmark", "enable.auto.commit": False}
        )
        places = [TopicPartition(topic, number, 0) for number in range(topics.PARTITIONS)]
        left = sum(consumer.get_watermark_offsets(place, timeout=CALL_SECONDS)[1] for place in places)
        consumer.assign(places)
        while left > 0:
            batch = consumer.consume(min(left, BATCH_RECORDS), timeout=CALL_SECONDS)
            for record in batch:
                if topic == topics.REPORTED.name:
                    _decode(record)
                else:
                    decode_countable(record.value())
            left, records = left - len(batch), records + len(batch)
        consumer.close()
    return time.perf_counter() - began, time.process_time() - busy, records


def _decode(record: Any) -> Event | None:
    try:
        event = from_record(record.value(), record.headers())
    except RefusedError:
        return None
    return event if isinstance(event, Event) else None


if __name__ == "__main__":
    main()
