"""The operators' hand in Kafka: reads beginnings, reference bodies, dead letters; appends control records."""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition, murmur2
from msgspec import json, structs

from contracts import asking, deadletters, events, instants, topics
from contracts.deadletters import DeadLetter
from contracts.events import Control
from contracts.heartbeats import Kept, how_many_aside, read_kept, replaces
from deploy.operators.archive import Beginning
from deploy.operators.errors import ForeignArchiveError, KafkaUnavailableError, LeavesBehindError, NoLetterError

READ_TIMEOUT_SECONDS = 30.0
APPEND_TIMEOUT_SECONDS = 60.0
SOURCE = "/operators"
LOOK_AGAIN_SECONDS = 0.1
RECORD_BYTES_MAX = 4_000_000
# Less its key, and what Kafka writes around it.
BODY_BYTES_MAX = RECORD_BYTES_MAX - 1_000
NO_LEADER_YET = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART)
UNREAD = "its last heartbeat cannot be read here, so nobody knows what lies there"


class Left(NamedTuple):
    """What is kept of an edge that is retired, how many events it leaves aside and unsent, and whether it said more last
    than can be read."""

    kept: Kept | None
    aside: int
    unsent: int
    is_unread: bool


class Log:
    """The brokers, as the operators' tool sees them. One operator at a time."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def cluster_id(self) -> str:
        """Who the cluster says it is."""
        try:
            return asking.cluster_id(asking.client(self._bootstrap), READ_TIMEOUT_SECONDS)
        except KafkaException as error:
            raise KafkaUnavailableError(self._bootstrap, "say who it is", error.args[0].str()) from error

    def wait(self, within_seconds: float) -> None:
        """Waits until a broker answers; KafkaUnavailableError after `within_seconds`."""
        admin = asking.client(self._bootstrap)
        deadline = time.monotonic() + within_seconds
        while True:
            try:
                if admin.list_topics(timeout=2.0).brokers:
                    return
            except KafkaException as error:
                if time.monotonic() > deadline:
                    raise KafkaUnavailableError(self._bootstrap, "be reached", error.args[0].str()) from error

    def beginnings(self) -> dict[int, Beginning]:
        """The first two records of each partition of the archive."""
        partitions = range(topics.REPORTED.partitions)
        with _Reading(self._bootstrap) as consumer:
            bounds = {each: self._bounds(consumer, topics.REPORTED.name, each) for each in partitions}
            for partition, (first, _end) in bounds.items():
                if first != 0:
                    raise ForeignArchiveError(partition, 0, "nothing any more (its beginning was deleted)")
            found = self._read(consumer, topics.REPORTED.name, {each: min(end, 2) for each, (_, end) in bounds.items()})
        return {partition: tuple(_control(each) for each in records) for partition, records in found.items()}

    def published(self) -> set[str]:
        """Digests of the reference bodies that are there."""
        return set(self.bodies())

    def bodies(self) -> dict[str, bytes]:
        """The reference bodies that are there, by their digests."""
        with _Reading(self._bootstrap) as consumer:
            _first, end = self._bounds(consumer, topics.REFERENCE.name, 0)
            records = self._read(consumer, topics.REFERENCE.name, {0: end})[0]
        return {each.key().decode(): each.value() for each in records if each.key() and each.value()}

    def letter(self, gen: int, partition: int, offset: int) -> DeadLetter:
        """The dead letter at a place, with the bytes and headers of what was rejected; NoLetterError when there is none."""
        topic = topics.rejected(gen)
        if not 0 <= partition < topic.partitions:
            raise NoLetterError(partition, offset)
        with _Reading(self._bootstrap) as consumer:
            first, end = self._bounds(consumer, topic.name, partition)
            if not first <= offset < end:
                raise NoLetterError(partition, offset)
            consumer.assign([TopicPartition(topic.name, partition, offset)])
            found = consumer.consume(1, timeout=READ_TIMEOUT_SECONDS)
        if not found or found[0].error() is not None or found[0].offset() != offset:
            raise KafkaUnavailableError(self._bootstrap, f"read {topic.name}[{partition}]", "no answer in time")
        try:
            headers: Any = found[0].headers()
            return deadletters.from_record(found[0].key(), found[0].value(), headers)
        except (ValueError, KeyError) as error:
            raise NoLetterError(partition, offset) from error

    def publish(self, digest: str, body: bytes) -> None:
        """Adds a reference body under its digest."""
        self._append([{"topic": topics.REFERENCE.name, "partition": 0, "key": digest.encode(), "value": body}])

    def retire(self, source: str, really: bool) -> Left:
        """Nobody waits for an edge any more, until it sends another heartbeat. Its newest one is kept, as that of a retired
        edge: audit knows from it which numbers intake has refused. LeavesBehindError when it tells of events that are not
        in the archive, or cannot be read, unless that is meant `really`."""
        topic = topics.CENTRE_STATUS
        partition = murmur2(source.encode(), topic.partitions)
        with _Reading(self._bootstrap) as consumer:
            _first, end = self._bounds(consumer, topic.name, partition)
            records = self._read(consumer, topic.name, {partition: end})[partition]
        values = [each.value() for each in records if each.key() == source.encode()]
        left = retired(values, time.time_ns() // 1000 + instants.MINUTE)
        if left.is_unread and not really:
            raise LeavesBehindError(source, UNREAD)
        if left.kept is not None and not really and (left.aside or left.unsent):
            raise LeavesBehindError(
                source,
                f"by its last heartbeat ({left.kept.at}) {left.aside} events lie aside there that intake refused, and "
                f"{left.unsent} are unsent; no figure has them",
            )
        value = None if left.kept is None else json.encode(left.kept)
        self._append([{"topic": topic.name, "partition": partition, "key": source.encode(), "value": value}])
        return left

    def append(self, records: dict[int, tuple[Control, ...]], what: str) -> dict[int, int]:
        """Appends control records to partitions of the archive, in the order given; the last offset of each."""
        rows = []
        for partition, controls in records.items():
            for index, control in enumerate(controls):
                value, headers = events.control_record(control, f"{what}-{partition}-{index}-{time.time_ns()}", SOURCE)
                rows.append({"topic": topics.REPORTED.name, "partition": partition, "value": value, "headers": headers})
        return self._append(rows)

    def _append(self, rows: Iterable[dict[str, Any]]) -> dict[int, int]:
        producer = Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "message.timeout.ms": int(APPEND_TIMEOUT_SECONDS * 1000),
                "message.max.bytes": RECORD_BYTES_MAX,
                "compression.type": "lz4",
                "log_level": 0,
            }
        )
        failed: list[KafkaError] = []
        stored: dict[int, int] = {}

        def delivered(error: KafkaError | None, record: Any) -> None:
            if error is not None:
                failed.append(error)
            else:
                stored[record.partition()] = record.offset()

        try:
            for row in rows:
                producer.produce(**row, on_delivery=delivered)
        except KafkaException as error:
            raise KafkaUnavailableError(self._bootstrap, "store records", error.args[0].str()) from error
        waiting = producer.flush(APPEND_TIMEOUT_SECONDS + 5)
        if failed or waiting:
            reason = failed[0].str() if failed else f"{waiting} records were not acknowledged in time"
            raise KafkaUnavailableError(self._bootstrap, "store records", reason)
        return stored

    def _bounds(self, consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
        deadline = time.monotonic() + READ_TIMEOUT_SECONDS
        while True:
            try:
                first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=READ_TIMEOUT_SECONDS)
                return first, end
            except KafkaException as error:
                # A topic that was made just now has no leader for a moment.
                if time.monotonic() > deadline or error.args[0].code() not in NO_LEADER_YET:
                    raise KafkaUnavailableError(
                        self._bootstrap, f"read {topic}[{partition}]", error.args[0].str()
                    ) from error
                time.sleep(LOOK_AGAIN_SECONDS)

    def _read(self, consumer: Consumer, topic: str, ends: dict[int, int]) -> dict[int, list[Any]]:
        """The records of each partition from its start to before its `end`."""
        found: dict[int, list[Any]] = {partition: [] for partition in ends}
        open_still = {partition: end for partition, end in ends.items() if end > 0}
        consumer.assign([TopicPartition(topic, partition, 0) for partition in open_still])
        deadline = time.monotonic() + READ_TIMEOUT_SECONDS
        while open_still:
            if time.monotonic() > deadline:
                raise KafkaUnavailableError(self._bootstrap, f"read {topic}", "no answer in time")
            for record in consumer.consume(num_messages=500, timeout=0.05):
                if (error := record.error()) is not None:
                    raise KafkaUnavailableError(self._bootstrap, f"read {topic}", error.str())
                partition, offset = record.partition(), record.offset()
                assert partition is not None, "a record without an error has a place"
                assert offset is not None, "a record without an error has a place"
                if offset < ends[partition]:
                    found[partition].append(record)
            # The position, not the last record, tells: a compacted topic may lack the record just before its end.
            for place in consumer.position([TopicPartition(topic, partition) for partition in open_still]):
                if place.offset >= ends[place.partition]:
                    del open_still[place.partition]
        return found


def retired(values: Iterable[bytes | None], latest: int) -> Left:
    """What is kept of an edge that is gone, from all that its source has said: the newest by incarnation and time, as audit
    has it, of those since it was retired before. What it leaves is the most that this or the last to arrive tells of."""
    newest: Kept | None = None
    last: Kept | None = None
    is_unread = False
    for value in values:
        beat = read_kept(value)
        is_unread = bool(value) and beat is None
        if beat is None:
            continue
        last = beat
        if replaces(beat, newest, latest):
            newest = beat
    if newest is None or last is None:
        return Left(None, 0, 0, is_unread)
    aside, unsent = max(map(how_many_aside, (newest, last))), max(newest.spool_depth, last.spool_depth)
    return Left(structs.replace(newest, retired=True), aside, unsent, is_unread)


class _Reading:
    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "motcua-operators",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )

    def __enter__(self) -> Consumer:
        return self._consumer

    def __exit__(self, *_: object) -> None:
        self._consumer.close()


def _control(record: Any) -> Control | events.Event | None:
    try:
        return events.from_record(record.value(), record.headers())
    except events.RefusedError:
        return None
