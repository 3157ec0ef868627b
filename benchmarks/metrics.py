"""How many lifecycle records a second the metrics workers count into Redis, beside two peers that store nothing, in one run.

    python -m benchmarks.metrics --fortnights 4 --workers 2

The Kafka and Redis of the stack named by MOTCUA_PORT_BASE must run. A generation of its own is filled, counted and removed.
Peers: (a) confluent-kafka's `consume` with the same count, (b) a Faust agent as Faust comes, an event at a time. Each reader
is a process of its own; its time runs from its first record to its last, so that nobody's start counts.
"""

import argparse
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
from uuid import uuid4

import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks import table
from benchmarks.lifecycle_lines import lines
from contracts import topics
from services.metrics.domain.contributions import Memo
from services.metrics.domain.counting import Count
from services.metrics.domain.deltas import deltas
from services.metrics.domain.position import Position
from services.metrics.domain.tally import together
from services.metrics.store import keys

# No generation of the fold will ever have this number.
GEN = 9_999_001
PIECES = 200_000
CALL_SECONDS = 30.0
WITHIN_SECONDS = 300.0
LOOK_EVERY_SECONDS = 0.02
# "Or what the codec decision allows": docs/decisions/0002 says what that is.
TARGET = 200_000
REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Plan:
    """What is counted, and where it lies."""

    kafka: str
    redis: str
    dossiers: int
    fortnights: int
    stock_records: int
    workers: int


@dataclass(frozen=True)
class Took:
    """What a reader needed."""

    records: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def main() -> None:
    """Fill, measure all three, print one table."""
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    base = int(os.environ.get("MOTCUA_PORT_BASE") or "8000")
    reading.add_argument("--kafka", default=os.environ.get("MOTCUA_KAFKA") or f"127.0.0.1:{base + 92}")
    reading.add_argument("--redis", default=os.environ.get("MOTCUA_REDIS") or f"redis://127.0.0.1:{base + 79}/0")
    reading.add_argument("--dossiers", type=int, default=17_710, help="dossiers in a fortnight")
    reading.add_argument("--fortnights", type=int, default=4)
    reading.add_argument("--workers", type=int, default=1, help="processes that share the partitions, 1 to 4")
    reading.add_argument("--stock-records", type=int, default=60_000, help="records for the Faust agent, which is slow")
    reading.add_argument("--peer", choices=("confluent", "stock"), help=argparse.SUPPRESS)
    given = reading.parse_args()
    if not (0 < given.fortnights <= 24 and 0 < given.dossiers <= 200_000):
        reading.error("--fortnights: 1 to 24; --dossiers: 1 to 200,000")
    if not 1 <= given.workers <= 4:
        reading.error("--workers: 1 to 4")
    plan = Plan(given.kafka, given.redis, given.dossiers, given.fortnights, given.stock_records, given.workers)
    if given.peer is not None:
        print_took(confluent(plan) if given.peer == "confluent" else stock(plan))
        return
    began_with = os.getloadavg()[0]
    with filled(plan) as records:
        ours = workers(plan, records)
        bare = peer(plan, "confluent")
        agent = peer(plan, "stock")
    print(f"records                {records:>10,} of {plan.fortnights} fortnights, {topics.PARTITIONS} partitions")
    print(f"workers                {plan.workers:>10}")
    judged = table.judged(ours.rate, TARGET, "records/s")
    for name, took in (("metrics workers", ours), ("confluent-kafka", bare), ("stock Faust agent", agent)):
        cpu = 1_000_000 * took.cpu_seconds / took.records
        what = "everything stored in Redis" if took is ours else "same count, nothing stored"
        print(f"{name:<22} {took.rate:>10,.0f} records/s   {cpu:>6.2f} CPU s a million   {what}")
    print(f"                       {judged}, or what the codec allows (docs/decisions/0002)")
    print(f"ratio to confluent     {ours.rate / bare.rate:>10.2f}")
    print(f"ratio to stock Faust   {ours.rate / agent.rate:>10.1f}")
    table.row(
        f"metrics, a backlog, {plan.workers} of its workers (`metrics`)",
        f"{ours.rate:,.0f} records/s, all stored ({judged}, decision 0002); "
        f"{1e6 * ours.cpu_seconds / ours.records:.1f} s of CPU a million",
        f"{bare.rate:,.0f}/s confluent-kafka, {agent.rate:,.0f}/s a stock Faust agent, both storing nothing",
        f"{ours.rate / bare.rate:.2f}, {ours.rate / agent.rate:.1f}",
    )
    print(f"load average (1 min)   {began_with:>10.2f} before, {os.getloadavg()[0]:.2f} after, {os.cpu_count()} cores")


@contextmanager
def filled(plan: Plan) -> Iterator[int]:
    """The topic of the benchmark's generation, with its records; topic, figures and positions are removed afterwards."""
    admin, name = AdminClient({"bootstrap.servers": plan.kafka, "log_level": 0}), topics.lifecycle(GEN).name
    wanted = NewTopic(name, topics.PARTITIONS, 1, config=topics.lifecycle(GEN).settings)
    admin.create_topics([wanted])[name].result(CALL_SECONDS)
    try:
        producer = Producer({"bootstrap.servers": plan.kafka, "enable.idempotence": True, "linger.ms": 20,
                             "compression.type": "lz4", "queue.buffering.max.messages": 200_000})  # fmt: skip
        records = 0
        for partition, line in enumerate(lines(plan.dossiers, plan.fortnights)):
            for sent in line:
                while True:
                    try:
                        producer.produce(name, sent.value, partition=partition, headers=[("chain", sent.chain.encode())])
                        break
                    except BufferError:
                        producer.poll(0.1)
            records += len(line)
        if left := producer.flush(CALL_SECONDS):
            raise SystemExit(f"{left} records were not acknowledged")
        yield records
    finally:
        admin.delete_topics([name])[name].result(CALL_SECONDS)
        with redis.Redis.from_url(plan.redis) as client:
            for key in client.scan_iter(f"{keys.prefix(GEN)}*", count=1000):
                client.unlink(key)


def workers(plan: Plan, records: int) -> Took:
    """Workers as they are run, seen through their positions in Redis."""
    environment = {**os.environ, "MOTCUA_KAFKA": plan.kafka, "MOTCUA_REDIS": plan.redis, "MOTCUA_LIVE_GEN": str(GEN)}
    command, processes = [sys.executable, "-m", "services.metrics.main", "worker"], list[subprocess.Popen[bytes]]()
    with tempfile.NamedTemporaryFile(prefix="motcua-bench-") as log:
        try:
            for _ in range(plan.workers):
                door = {"MOTCUA_METRICS_WORKER_PORT": str(free_port())}
                processes.append(
                    subprocess.Popen(command, cwd=REPOSITORY, env=environment | door, stdout=log, stderr=subprocess.STDOUT)
                )
            with redis.Redis.from_url(plan.redis) as client:
                return watched(client, processes, records)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(CALL_SECONDS)


def watched(client: "redis.Redis", processes: "list[subprocess.Popen[bytes]]", records: int) -> Took:
    """From the moment at which all workers have partitions and all partitions an owner until everything is stored; what
    was stored before is left out."""
    names = [f"{keys.prefix(GEN)}{keys.position(number)}" for number in range(topics.PARTITIONS)]
    deadline, began, begun, cpu = time.monotonic() + WITHIN_SECONDS, 0.0, 0, 0.0
    while time.monotonic() < deadline and all(process.poll() is None for process in processes):
        pipe = client.pipeline(transaction=False)
        for name in names:
            pipe.hmget(name, "next", "owner")
        found = pipe.execute()
        stored, owners = sum(int(offset or 0) for offset, _ in found), {owner for _, owner in found}
        used = sum(cpu_seconds(process.pid) for process in processes)
        if not began and None not in owners and len(owners) == len(processes):
            began, begun, cpu = time.monotonic(), stored, used
        if stored == records:
            if not began or begun == records:
                raise SystemExit("everything was stored before all workers had partitions: take more --fortnights")
            return Took(records - begun, time.monotonic() - began, used - cpu)
        time.sleep(LOOK_EVERY_SECONDS)
    ended = [process.poll() for process in processes]
    raise SystemExit(f"the workers ({ended}) did not count everything within {WITHIN_SECONDS:g} s")


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, its kernel part included."""
    members = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(members[11]) + int(members[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port that nobody listens on now."""
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


# --- peers, each in a process of its own --------------------------------------------------------------------------


def peer(plan: Plan, name: str) -> Took:
    """Runs this module again as a peer."""
    command = [sys.executable, "-m", "benchmarks.metrics", "--peer", name, "--kafka", plan.kafka,
               "--stock-records", str(plan.stock_records)]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="motcua-bench-") as directory:
        ran = subprocess.run(
            command, cwd=REPOSITORY, env={**os.environ, "TMPDIR": directory}, capture_output=True, text=True,
            timeout=WITHIN_SECONDS, check=False,
        )  # fmt: skip
    if ran.returncode:
        raise SystemExit(f"the peer {name} ended with {ran.returncode}:\n{ran.stderr[-2000:]}")
    records, seconds, cpu = ran.stdout.splitlines()[-1].split()
    return Took(int(records), float(seconds), float(cpu))


def print_took(took: Took) -> None:
    """For the process that asked."""
    print()
    print(took.records, took.seconds, took.cpu_seconds)


def confluent(plan: Plan) -> Took:
    """Batches by librdkafka, the same decoding, checking and counting, nothing stored."""
    name = topics.lifecycle(GEN).name
    consumer = Consumer({"bootstrap.servers": plan.kafka, "group.id": "motcua-benchmark", "enable.auto.commit": False,
                         "fetch.queue.backoff.ms": 5})  # fmt: skip
    numbers = range(topics.PARTITIONS)
    left = sum(consumer.get_watermark_offsets(TopicPartition(name, number), CALL_SECONDS)[1] for number in numbers)
    records, memo = left, Memo(PIECES)
    counts = [Count(Position(), memo) for _ in numbers]
    consumer.assign([TopicPartition(name, number, 0) for number in numbers])
    first = consumer.consume(1, CALL_SECONDS)
    began, cpu = time.monotonic(), time.process_time()
    batch, collected = first, 0
    while left:
        by_partition: dict[int, list[object]] = {}
        for message in batch:
            by_partition.setdefault(message.partition(), []).append(message)  # type: ignore[arg-type]
        for number, messages in by_partition.items():
            values = [message.value() for message in messages]  # type: ignore[attr-defined]
            counts[number].take(values, [message.headers()[0][1] for message in messages])  # type: ignore[attr-defined]
        left -= len(batch)
        collected += len(batch)
        if collected > 200_000 or not left:
            collected = 0
            deltas(together(count.collect() for count in counts))
        batch = consumer.consume(5000, 0.5) if left else []
    took = Took(records, time.monotonic() - began, time.process_time() - cpu)
    assert not any(count.position.stopped for count in counts)
    consumer.close()
    return took


def stock(plan: Plan) -> Took:
    """A Faust agent with Faust's defaults, an event at a time, counting through the same path."""
    import faust

    app = faust.App(
        f"motcua-benchmark-{uuid4().hex[:8]}", broker=f"kafka://{plan.kafka}", value_serializer="raw", store="memory://",
        topic_disable_leader=True, topic_allow_declare=False, web_enabled=False, consumer_auto_offset_reset="earliest",
        datadir=tempfile.gettempdir(),
    )  # fmt: skip
    memo = Memo(PIECES)
    counts = [Count(Position(), memo) for _ in range(topics.PARTITIONS)]
    state = {"records": 0, "began": 0.0, "cpu": 0.0}

    @app.agent(app.topic(topics.lifecycle(GEN).name, value_serializer="raw"))
    async def counting(stream: Any) -> None:
        async for event in stream.events():
            if not state["records"]:
                state["began"], state["cpu"] = time.monotonic(), time.process_time()
            state["records"] += 1
            headers = dict(event.message.headers)
            counts[event.message.partition].take([event.message.value], [headers["chain"]])
            if state["records"] >= plan.stock_records:
                took = Took(int(state["records"]), time.monotonic() - state["began"], time.process_time() - state["cpu"])
                assert not any(count.position.stopped for count in counts)
                print_took(took)
                sys.stdout.flush()
                os._exit(0)

    agent = faust.Worker(app, loglevel="error", redirect_stdouts=False, quiet=True)
    agent.spinner = None
    agent.execute_from_commandline()
    raise SystemExit("the agent ended before its records")


if __name__ == "__main__":
    main()
