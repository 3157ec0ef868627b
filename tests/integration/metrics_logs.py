"""Lifecycle logs as processing would write them, made without it, and what metrics must hold after counting them."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from confluent_kafka import Producer

from benchmarks.lifecycle_lines import Sent, lines
from contracts import topics
from tests.province import Province, Service
from tests.unit.metrics_oracle import Hashes, figures

PREFIX = "motcua:metrics:g1:"
TOPIC = topics.lifecycle(1).name
REQUEST_SECONDS = 20.0


@dataclass
class Log:
    """The lifecycle log of all partitions, each a line of its own."""

    partitions: list[list[Sent]] = field(default_factory=lambda: [[] for _ in range(topics.PARTITIONS)])

    def __len__(self) -> int:
        return sum(map(len, self.partitions))

    def part(self, first: float, last: float) -> "Log":
        """A stretch of every partition, by shares of its length."""
        return Log([line[int(first * len(line)) : int(last * len(line))] for line in self.partitions])

    def figures(self) -> Hashes:
        """What plain JSON says these records come to."""
        return figures(sent.value for line in self.partitions for sent in line)


@cache
def a_log(dossiers: int) -> Log:
    """Whole lives of dossiers, spread over the partitions as their keys would spread them."""
    return Log(lines(dossiers))


def produce(kafka: str, log: Log, topic: str = TOPIC) -> None:
    """Appends a log to a topic; every record is acknowledged when this returns."""
    append(kafka, ((n, sent) for n, line in enumerate(log.partitions) for sent in line), topic)


def append(kafka: str, records: Iterable[tuple[int, Sent]], topic: str = TOPIC) -> None:
    """Appends single records."""
    producer = Producer(
        {"bootstrap.servers": kafka, "enable.idempotence": True, "linger.ms": 5, "queue.buffering.max.messages": 2_000_000,
         "compression.type": "lz4"}
    )  # fmt: skip
    for number, sent in records:
        producer.produce(topic, value=sent.value, partition=number, headers=[("chain", sent.chain.encode())])
    assert producer.flush(60) == 0


def held(province: Province) -> Hashes:
    """Every hash of figures in Redis but its zeros; the days must be those that have hashes."""
    found: Hashes = {}
    with province.redis() as client:
        for key in client.scan_iter(f"{PREFIX}*", count=1000):
            name = str(key).removeprefix(PREFIX)
            if name not in ("build", "days") and not name.startswith("p:"):
                fields = {field: int(number) for field, number in client.hgetall(key).items()}
                found[name] = {field: number for field, number in fields.items() if number}
        days = client.smembers(f"{PREFIX}days")
    assert {name for name in found if name.startswith("day:")} == {f"day:{day}" for day in days}
    return {name: fields for name, fields in found.items() if fields}


def positions(province: Province) -> list[dict[str, str]]:
    """The position hash of every partition."""
    with province.redis() as client:
        return [client.hgetall(f"{PREFIX}p:{number}") for number in range(topics.PARTITIONS)]


def counted(province: Province) -> int:
    """Records behind all positions."""
    return sum(int(position.get("next", 0)) for position in positions(province))


def wait_counted(province: Province, records: int, *workers: Service, within_seconds: float = 60.0) -> None:
    """Waits until so many records are counted; the workers must go on running."""
    deadline = time.monotonic() + within_seconds
    while (at := counted(province)) != records:
        for worker in workers:
            assert worker.running, f"the worker has ended:\n{worker.log_end()}"
        assert time.monotonic() < deadline, f"{at} of {records} records after {within_seconds:.0f} s:\n" + "\n".join(
            worker.log_end() for worker in workers
        )
        time.sleep(0.05)


def wait_until(what: str, holds: Any, within_seconds: float = 60.0) -> None:
    """Waits for a condition."""
    deadline = time.monotonic() + within_seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {within_seconds:.0f} s: {what}"
        time.sleep(0.05)


def ask(url: str) -> tuple[int, str, bytes]:
    """Status, content type and body of an answer."""
    try:
        with urllib.request.urlopen(url, timeout=REQUEST_SECONDS) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read()
    except OSError:
        return 0, "", b'{"reasons": ["does not answer"]}'


def reasons(url: str) -> list[str]:
    """Why it is not ready."""
    return list(json.loads(ask(f"{url}/readyz")[2])["reasons"])
