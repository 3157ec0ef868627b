"""A province whose archive a test writes itself, and what must have become of it: the same log folded plainly in memory."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
import redis
import requests
from confluent_kafka import Consumer, Producer, TopicPartition

from contracts import deadletters, instants, lifecycle, reference, topics
from contracts.events import Headers, Ticked, control_record, read_structured, to_record
from contracts.reference import Reference
from contracts.topics import PARTITIONS, REPORTED
from services.processing.domain import dossier as states
from services.processing.domain import fold
from services.processing.domain.dossier import Dossier
from services.processing.domain.generation import GEN
from services.processing.domain.line import Sent
from services.processing.domain.rules import Rules
from tests.integration.intake_calls import REQUEST_SECONDS, ends_of, wait_until
from tests.province import Province, Service
from tests.unit.memory_line import MemoryLine
from tests.unit.processing_lanes import Twin
from tests.unit.worklist_oracle import assert_listed

LIFECYCLE, REJECTED = topics.lifecycle(GEN).name, topics.rejected(GEN).name
READ_SECONDS = 60.0
FAR_AHEAD = instants.parse("2099-01-01T00:00:00+07:00")
BIRTH = {"procedure": "2.000815", "channel": "online", "receiver": "19753", "competent": "19774"}


class Stored(NamedTuple):
    """A record as Kafka keeps it."""

    offset: int
    recorded_at: int
    key: bytes | None
    value: bytes
    headers: Headers


def event(fact: str, dossier: str, at: str, *, unit: str = "19753", id: str | None = None, **data: Any) -> dict[str, Any]:
    """An event of 2025; its fact and time name it unless an id does."""
    return {
        "specversion": "1.0",
        "id": id or f"{dossier}-{fact}-{at}",
        "source": f"/units/{unit}",
        "type": f"vn.motcua.dossier.{fact}.v1",
        "subject": dossier,
        "time": f"{at if at[:4].isdigit() else f'2025-{at}'}:00+07:00",
        "data": data,
    }


def life(dossier: str, day: int) -> list[dict[str, Any]]:
    """A dossier of July 2025 with a repeat, an early misfit that heals, one that never does, and a deadline."""
    return [
        event("submitted", dossier, f"07-{day:02}T08:00", **BIRTH),
        event("processing_started", dossier, f"07-{day:02}T10:00", unit="19774"),
        event("received", dossier, f"07-{day:02}T09:00", time_limit={"amount": 3, "unit": "working_days"}),
        event("received", dossier, f"07-{day:02}T09:01"),
        event("payment_made", dossier, f"07-{day:02}T11:00", online=True),
    ]


class Archive:
    """Writes to dossier.reported as intake and the ticker would, and reads what is there."""

    def __init__(self, province: Province) -> None:
        self.province = province
        self._producer = Producer(
            {"bootstrap.servers": province.kafka, "acks": "all", "partitioner": "murmur2_random", "log_level": 0}
        )
        self._ticks = 0

    def report(self, *events: dict[str, Any], partition: int = -1) -> None:
        """Events as intake stores them; to one partition, if it is named."""
        for each in events:
            key, value, headers = to_record(read_structured(msgspec.json.encode(each), FAR_AHEAD))
            self._producer.produce(REPORTED.name, value, key, partition, headers=list(headers))
        assert self._producer.flush(READ_SECONDS) == 0

    def put(self, partition: int, value: bytes, headers: Headers, topic: str = REPORTED.name) -> None:
        """Any record at all."""
        self._producer.produce(topic, value, partition=partition, headers=list(headers))
        assert self._producer.flush(READ_SECONDS) == 0

    def tick(self, at: str) -> None:
        """Time passes in all partitions."""
        for partition in range(PARTITIONS):
            self._ticks += 1
            value, headers = control_record(Ticked(instants.parse(f"2025-{at}:00+07:00")), f"tick-{self._ticks}", "/test")
            self.put(partition, value, headers)

    def read(self, topic: str) -> dict[int, list[Stored]]:
        """Every record of a topic, by partition, in order."""
        consumer: Any = Consumer(
            {"bootstrap.servers": self.province.kafka, "group.id": "test-reads", "enable.auto.commit": False, "log_level": 0}
        )
        try:
            found: dict[int, list[Stored]] = {number: [] for number in range(PARTITIONS)}
            for number, record in _all(consumer, topic):
                found[number].append(record)
            return found
        finally:
            consumer.close()


def _all(consumer: Any, topic: str) -> Iterator[tuple[int, Stored]]:
    places = [TopicPartition(topic, number, 0) for number in range(PARTITIONS)]
    ends = ends_of(consumer, places)
    consumer.assign(places)
    left, deadline = sum(ends.values()), time.monotonic() + READ_SECONDS
    while left:
        assert time.monotonic() < deadline, f"{left} records of {topic} were not read in {READ_SECONDS:.0f} s"
        for found in consumer.consume(1000, timeout=0.5):
            assert found.error() is None, found.error()
            # What comes in meanwhile is not counted: elsewhere as many would stay unread.
            if found.offset() >= ends[found.partition()]:
                continue
            left -= 1
            yield (
                found.partition(),
                Stored(found.offset(), found.timestamp()[1] * 1000, found.key(), found.value(), found.headers() or []),
            )


class Expected(NamedTuple):
    """What the plain fold of a partition leaves."""

    line: MemoryLine
    sent: list[Sent]


def folded(archive: Archive, *bodies: Reference) -> dict[int, Expected]:
    """Each partition of the archive folded anew by the plain twin of the worker, record by record."""
    rules = {}
    for body in (archive.province.reference, *bodies):
        digest = reference.digest(reference.encode(body))
        rules[digest] = Rules.compile(digest, body)
    told = {}
    for number, records in archive.read(REPORTED.name).items():
        line = Twin(rules)
        sent = [each for record in records for each in line.take(record.value, record.headers, record.recorded_at)]
        told[number] = Expected(line, sent)
    return told


def assert_folded(archive: Archive, *bodies: Reference) -> dict[int, Expected]:
    """Waits until the worker is at the end, then: lifecycle and dead letters are those of the plain fold, each exactly once
    and in order; Redis holds its dossiers and indexes and nothing else."""
    expected = folded(archive, *bodies)
    wait_until(
        lambda: _positions(archive.province) == {number: each.line.position.offset for number, each in expected.items()}
    )
    lifecycles, letters = archive.read(LIFECYCLE), archive.read(REJECTED)
    for number, each in expected.items():
        sent = [(record.value, dict(record.headers)[lifecycle.CHAIN_HEADER]) for record in lifecycles[number]]
        assert sent == [(one.value, one.chain.hex().encode()) for one in each.sent], f"lifecycle of partition {number}"
        read = [deadletters.from_record(record.key, record.value, record.headers) for record in letters[number]]
        due = [(letter.code, letter.src, letter.prev) for one in each.sent for letter in one.letters]
        assert [(letter.code, letter.src, letter.prev) for letter in read] == due, f"dead letters of partition {number}"
        _assert_stored(archive.province.redis_url, number, each.line)
    return expected


def _assert_stored(url: str, number: int, line: MemoryLine) -> None:
    prefix = f"motcua:processing:g{GEN}:{{{number}}}:"
    with redis.Redis.from_url(url) as client:
        names = sorted(client.scan_iter(match=prefix + "d:*", count=1000))
        stored = dict(zip(names, client.mget(names), strict=True)) if names else {}
        due = {code.decode(): int(score) for code, score in client.zrange(prefix + "due", 0, -1, withscores=True)}
        kept, parked = (
            {code.decode() for code in client.zrange(prefix + name, 0, -1)} for name in ("kept", "parked")
        )  # fmt: skip
        lists = _stored_lists(client, prefix + "wl:")
    assert stored == {f"{prefix}d:{code}".encode(): states.encode(state) for code, state in line.states.items()}
    assert due == line.due
    live = {code: state for code, state in line.states.items() if isinstance(state, Dossier)}
    assert kept == set(live)
    assert line.rules is not None
    rules = line.rules
    looked = {code: fold.look(state, line.position.log_clock, rules)[1] for code, state in live.items()}
    assert parked == {code for code, view in looked.items() if view.stand.parked}
    assert_listed(lists, live, line.position.log_clock, rules)


def _stored_lists(client: "redis.Redis", prefix: str) -> dict[str, dict[str, int]]:
    """Every set of the worklists of one partition."""
    names: list[bytes] = list(client.scan_iter(match=prefix + "*", count=1000))
    rows: dict[bytes, Any] = {name: client.zrange(name, 0, -1, withscores=True) for name in names}
    return {
        name.decode().removeprefix(prefix): {code.decode(): int(score) for code, score in found}
        for name, found in rows.items()
    }


def _positions(province: Province) -> dict[int, int]:
    with redis.Redis.from_url(province.redis_url) as client:
        at = [client.hget(f"motcua:processing:g{GEN}:{{{number}}}:pos", "at") for number in range(PARTITIONS)]
    found = {}
    for number, text in enumerate(at):
        offset, _, index = (text or b"-1.0").decode().partition(".")
        found[number] = int(offset) if index == "0" else -1
    return found


def reasons(service: Service) -> list[str]:
    """Why a worker is not ready; empty when it is, or does not answer yet."""
    try:
        answer = requests.get(service.base_url + "/readyz", timeout=REQUEST_SECONDS)
    except requests.ConnectionError:
        return []
    found: list[str] = answer.json()["reasons"]
    return found


def figures(service: Service) -> dict[str, float]:
    """A worker's metrics, by name with labels."""
    text = requests.get(service.base_url + "/metrics", timeout=REQUEST_SECONDS).text
    lines: Iterable[str] = (line for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}
