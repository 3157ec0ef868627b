"""How many reported events a second the processing worker takes from Kafka to a stored commit, beside a plain reader of
the same records that folds and keeps nothing, in one run.

    python -m benchmarks.processing --fortnights 1

Starts a Kafka and a Redis of its own, fills the archive with the Huế fortnight and its ticks, then starts the worker. Its
time runs from its first commit to its last, so that nobody's start counts.
"""

import argparse
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks import table
from contracts import reference, reference_files
from contracts.events import Activated, Event, Ticked, control_record, from_record, read_structured, to_record
from contracts.topics import PARTITIONS, REPORTED
from deploy.local.checks import free_port_base
from deploy.local.stack import Stack
from deploy.operators import acts
from deploy.operators.settings import OperatorSettings
from lab.demo import ticks
from lab.fortnight import facts as published
from lab.fortnight import writing
from services.processing.domain import fold, line
from services.processing.domain.dossier import Dossier, Retired
from services.processing.domain.effects import Moment
from services.processing.domain.generation import GEN
from services.processing.domain.line import Position
from services.processing.domain.rules import Rules
from services.processing.store import keys
from services.processing.worker.serving import COLLECT_AFTER

REPOSITORY = Path(__file__).resolve().parents[1]
REFERENCE = REPOSITORY / "deploy" / "reference"
CALL_SECONDS = 30.0
WITHIN_SECONDS = 600.0
LOOK_EVERY_SECONDS = 0.02
# Of two workers together; one has none.
TARGET = 20_000


@dataclass(frozen=True)
class Took:
    """What a reader needed for so many reported records."""

    records: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def main() -> None:
    """Fill, measure both, print one table."""
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reading.add_argument("--fortnights", type=int, default=1, help="copies of the fortnight, 1 to 10")
    reading.add_argument("--workers", type=int, default=1, help="processes that share the partitions, 1 to 4")
    given = reading.parse_args()
    if not 1 <= given.workers <= 4:
        reading.error("--workers: 1 to 4")
    if not 1 <= given.fortnights <= 10:
        reading.error("--fortnights: 1 to 10")
    began_with = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as directory:
        stack = Stack(Path(directory) / "state", free_port_base(), "log", say=lambda line: None)
        try:
            stack.up(("kafka", "redis"))
            events = fill(stack, given.fortnights)
            others = sum(ends_of(stack).values()) - events
            worker = workers(stack, Path(directory), given.workers)
            plain = _plain(stack)
        finally:
            stack.down()
    _tell(events, others, given.workers, worker, plain)
    print(f"load average (1 min)   {began_with:>10.2f} before, {os.getloadavg()[0]:.2f} after, {os.cpu_count()} cores")


def _tell(events: int, others: int, count: int, worker: Took, plain: Took) -> None:
    share = events / (events + others)
    rate = worker.rate * share
    judged = f" ({table.judged(rate, TARGET, 'events/s')})" if count == 2 else ""
    print(f"reported records       {events + others:>10,} of {PARTITIONS} partitions, {events:,} of them events")
    print(f"workers                {count:>10}")
    print(f"processing             {rate:>10,.0f} events/s folded, sent, acknowledged, stored{judged}")
    print(f"its processor time     {1e6 * worker.cpu_seconds / events:>10.0f} µs an event, start included")
    print(f"plain reader           {plain.rate * share:>10,.0f} events/s read and folded, nothing sent, nothing kept")
    print(f"ratio                  {worker.rate / plain.rate:>10.2f}")
    table.row(
        f"processing, {count} of its workers, {events:,} events (`processing`)",
        f"{rate:,.0f} events/s folded and stored{judged}; {1e6 * worker.cpu_seconds / events:.0f} µs of CPU",
        f"{plain.rate * share:,.0f}/s, a plain reader that keeps nothing", f"{worker.rate / plain.rate:.2f}",
    )  # fmt: skip


def fill(stack: Stack, fortnights: int) -> int:
    """The archive as it would be after so many fortnights like this one; the number of events in it."""
    # Named all: the shell may mean another stack, another generation or other reference files.
    settings = OperatorSettings(kafka=stack.settings.bootstrap, clock="log", live_gen=GEN, reference_dir=REFERENCE)
    acts.make_topics(settings)
    acts.open_archive(settings, acts.files(settings))
    producer = Producer(
        {"bootstrap.servers": settings.bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 20,
         "partitioner": "murmur2_random", "compression.type": "lz4", "queue.buffering.max.messages": 10_000}
    )  # fmt: skip
    facts = published.read(published.HUE_2025_07)
    events, told = 0, _told(writing.fortnight(facts, REFERENCE, 1), list(ticks(facts)))
    now = time.time_ns() // 1000
    for reported in told:
        if isinstance(reported, Ticked):
            value, headers = control_record(reported, f"tick-{reported.at}", "/benchmark")
            for partition in range(PARTITIONS):
                _produce(producer, value=value, headers=headers, partition=partition)
            continue
        key, value, headers = to_record(read_structured(reported, now))
        for copy in range(fortnights):
            # Another dossier of the same life: the code's last part is its number.
            name = key if not copy else key + b".%d" % copy
            told_of = headers if not copy else [(each, name if each == "ce_subject" else text) for each, text in headers]
            _produce(producer, value=value, headers=told_of, key=name)
            events += 1
    if left := producer.flush(CALL_SECONDS):
        raise SystemExit(f"{left} records of the archive were not stored")
    return events


def _told(reported: list[writing.Reported], moments: list[int]) -> Iterator[bytes | Ticked]:
    position = 0
    for moment in moments:
        while position < len(reported) and reported[position].entered_at < moment:
            yield reported[position].event
            position += 1
        yield Ticked(moment)
    yield from (each.event for each in reported[position:])


def _produce(producer: Producer, **record: Any) -> None:
    while True:
        try:
            producer.produce(REPORTED.name, **record)
            return
        except BufferError:
            producer.poll(0.1)


def workers(stack: Stack, directory: Path, count: int) -> Took:
    """Workers as they come, each in a process of its own; timed from when every partition is being folded."""
    ends = ends_of(stack)
    environment = {**os.environ, **stack.environment, "MOTCUA_GEN": str(GEN), "MOTCUA_LIVE_GEN": str(GEN)}
    processes: list[subprocess.Popen[bytes]] = []
    with redis.Redis.from_url(stack.settings.redis_url) as client:
        try:
            for number in range(count):
                with (directory / f"worker-{number}.log").open("wb") as log:
                    process = subprocess.Popen(
                        [sys.executable, "-m", "services.processing.main", "worker"],
                        cwd=REPOSITORY, env={**environment, "MOTCUA_PORT_BASE": str(free_port_base())}, stdout=log,
                        stderr=subprocess.STDOUT,
                    )  # fmt: skip
                processes.append(process)
            begun, begun_at = _reaches(client, processes, 1, in_each=True)
            ended, ended_at = _reaches(client, processes, sum(ends.values()))
            used = [_end(process) for process in processes]
        finally:
            for process in processes:
                if process.returncode is None and process.poll() is None:
                    process.kill()
    return Took(ended - begun, ended_at - begun_at, sum(used))


def _end(process: "subprocess.Popen[bytes]") -> float:
    """Tells a worker to stop; the seconds of processor that it has used in its life."""
    process.terminate()
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return used.ru_utime + used.ru_stime


def _reaches(
    client: "redis.Redis", processes: "list[subprocess.Popen[bytes]]", count: int, in_each: bool = False
) -> tuple[int, float]:
    """How many reported records are stored as folded, as soon as they are at least `count` (in each partition), and when."""
    deadline = time.perf_counter() + WITHIN_SECONDS
    while True:
        pipeline = client.pipeline(transaction=False)
        for number in range(PARTITIONS):
            pipeline.hget(keys.position(number), "at")
        at = [text for text in pipeline.execute() if text not in (None, b"unclean")]
        places, now = [int(text.split(b".")[0]) for text in at], time.perf_counter()
        folded = sum(places)
        if (len(places) == PARTITIONS and min(places) >= count) if in_each else folded >= count:
            return folded, now
        if any(process.poll() is not None for process in processes) or now > deadline:
            raise SystemExit(f"the worker stands at {folded:,} of {count:,} records")
        time.sleep(LOOK_EVERY_SECONDS)


def ends_of(stack: Stack) -> dict[int, int]:
    with _reading(stack) as consumer:
        places = [TopicPartition(REPORTED.name, number) for number in range(PARTITIONS)]
        return {place.partition: consumer.get_watermark_offsets(place, timeout=CALL_SECONDS)[1] for place in places}


@contextmanager
def _reading(stack: Stack) -> Iterator[Any]:
    consumer: Any = Consumer(
        {"bootstrap.servers": stack.settings.bootstrap, "group.id": "benchmark", "enable.auto.commit": False}
    )
    try:
        yield consumer
    finally:
        consumer.close()


def _plain(stack: Stack) -> Took:
    """confluent-kafka's `consume` and the same fold, nothing sent, nothing kept, no deadline looked at."""
    body = reference_files.read(REFERENCE)
    digest = reference.digest(reference.encode(body))
    rules = {digest: Rules.compile(digest, body)}
    ends = ends_of(stack)
    left = sum(ends.values())
    positions = dict.fromkeys(range(PARTITIONS), Position())
    dossiers: dict[str, Dossier | Retired] = {}
    gc.set_threshold(*COLLECT_AFTER)
    with _reading(stack) as consumer:
        consumer.assign([TopicPartition(REPORTED.name, number, 0) for number in range(PARTITIONS)])
        batch = consumer.consume(5000, timeout=CALL_SECONDS)
        began, cpu_began, count = time.perf_counter(), time.process_time(), 0
        while left > 0:
            for record in batch:
                number = record.partition()
                positions[number] = _fold_one(record, positions[number], dossiers, rules)
            left, count = left - len(batch), count + len(batch)
            batch = consumer.consume(5000, timeout=1.0) if left else []
        return Took(count, time.perf_counter() - began, time.process_time() - cpu_began)


def _fold_one(record: Any, position: Position, dossiers: dict[str, Dossier | Retired], rules: dict[str, Rules]) -> Position:
    says = from_record(record.value(), record.headers())
    at = Moment(
        offset=record.offset(),
        recorded_at=record.timestamp()[1] * 1000,
        log_clock=position.log_clock,
        first_clock=position.first_clock,
    )
    if not isinstance(says, Event):
        clock = line.clock_after(position, says, at.recorded_at) if isinstance(says, Ticked) else position.log_clock
        if isinstance(says, Activated):
            assert says.digest in rules
        return line.after_control(position, at, says, log_clock=clock)[0]
    assert position.digest is not None
    effect = fold.arrive(dossiers.get(says.subject), says, at, rules[position.digest])
    if effect.dossier is not None:
        dossiers[says.subject] = effect.dossier
    return line.after_event(position, at, says, effect)[0]


if __name__ == "__main__":
    main()
