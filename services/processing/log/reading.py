"""Reads outside the group: ends of partitions, single records, runs of records; every wait is bounded."""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicCollection, TopicPartition

from contracts.asking import Asking, Bounds, cause
from services.processing.errors import UnavailableError
from services.processing.log import records
from services.processing.log.records import Record

_T = TypeVar("_T")
NEAR_RECORDS = 500


class Place(NamedTuple):
    """One record's place."""

    topic: str
    partition: int
    offset: int


class Reader:
    """Reads single places of the logs, each answer within `seconds`; for one thread at a time. Must be closed."""

    def __init__(self, bootstrap: str, call_seconds: float) -> None:
        self._bootstrap = bootstrap
        self.seconds = call_seconds
        self._met: set[str] = set()
        self.asking = Asking(bootstrap)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "processing-reads-never-committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 20,
                "fetch.queue.backoff.ms": 5,
                "queued.max.messages.kbytes": 8192,
                "log_level": 0,
            }
        )

    def close(self) -> None:
        """Ends the clients."""
        self._consumer.close()

    def cluster(self) -> str:
        """Who the cluster says it is."""
        try:
            return self.asking.cluster(self.seconds)
        except KafkaException as error:
            raise self._unanswered(error) from error

    def topic_id(self, topic: str) -> str:
        """The id that tells a topic from another one of the same name."""
        asked = self.asking.client.describe_topics(TopicCollection([topic]), request_timeout=self.seconds)
        return str(self._call(asked[topic]).topic_id)

    def bounds(self, topics: Iterable[str], partitions: Sequence[int]) -> dict[tuple[str, int], Bounds]:
        """Where each partition of each topic begins and ends just now."""
        places = [TopicPartition(topic, number) for topic in topics for number in partitions]
        try:
            found = self.asking.bounds(places, self.seconds)
        except (KafkaException, TimeoutError) as error:
            raise self._unavailable(error) from error
        return {(place.topic, place.partition): bounds for place, bounds in found.items()}

    def ends(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """Where each partition ends just now: half of `bounds`, for those who ask at every answer."""
        places = [TopicPartition(topic, number) for number in partitions]
        return {place.partition: self._call(end) for place, end in self.asking.ends(places, self.seconds).items()}

    def at(self, places: Iterable[Place]) -> dict[Place, Record]:
        """The records at these places, at most one of each topic partition; a place that holds none is left out."""
        wanted = {(place.topic, place.partition): place for place in places}
        found: dict[Place, Record] = {}
        if not wanted:
            return found
        self._meet({topic for topic, _ in wanted})
        self._consumer.assign([TopicPartition(*place) for place in wanted.values()])
        open_still = set(wanted)
        try:
            for message in self._messages(lambda: not open_still):
                key = (str(message.topic()), int(message.partition() or 0))
                if key not in open_still:
                    continue
                open_still.discard(key)
                self._consumer.pause([TopicPartition(*key)])
                if message.error() is None and message.offset() == wanted[key].offset:
                    found[wanted[key]] = records.of(message)
        finally:
            # A pause outlives the assignment: whoever reads the same partition next would wait for ever.
            self._consumer.resume([TopicPartition(*key) for key in wanted])
        return found

    def run(self, topic: str, partition: int, start: int, end: int) -> Iterator[Record]:
        """The records of a partition from `start` up to, without, `end`."""
        if start >= end:
            return
        self._meet({topic})
        self._consumer.assign([TopicPartition(topic, partition, start)])
        done = False
        for message in self._messages(lambda: done):
            if message.error() is not None or (message.offset() or 0) >= end:
                return
            yield records.of(message)
            if done := (message.offset() or 0) + 1 >= end:
                return

    def some(self, topic: str, partition: int, offsets: Iterable[int]) -> dict[int, Record]:
        """The records at these offsets of one partition; near ones in one go. UnavailableError when one is not there."""
        wanted = sorted(set(offsets))
        found: dict[int, Record] = {}
        while wanted:
            near = 1
            while near < len(wanted) and wanted[near] - wanted[near - 1] <= NEAR_RECORDS:
                near += 1
            group, wanted = set(wanted[:near]), wanted[near:]
            for record in self.run(topic, partition, min(group), max(group) + 1):
                if record.offset in group:
                    found[record.offset] = record
            if missing := group - found.keys():
                raise UnavailableError(f"{topic}[{partition}] has no records at {sorted(missing)[:3]} any more")
        return found

    def _meet(self, topics: set[str]) -> None:
        """A topic that the client does not know yet takes it a second to find; asked for it, it knows at once."""
        for topic in topics - self._met:
            try:
                self._consumer.list_topics(topic, timeout=self.seconds)
            except KafkaException as error:
                raise self._unavailable(error) from error
            self._met.add(topic)

    def _messages(self, is_done: Any) -> Iterator[Message]:
        """What comes in, until done; the caller sees ends of partitions as errors."""
        silent_since = time.monotonic()
        while not is_done():
            batch = self._consumer.consume(500, timeout=0.02)
            for message in batch:
                error = message.error()
                if error is None or error.code() in (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET):
                    silent_since = time.monotonic()
                    yield message
                    if is_done():
                        return
                elif error.fatal():
                    raise UnavailableError(f"Kafka at {self._bootstrap}: {error.name()}")
            if time.monotonic() - silent_since > self.seconds:
                raise UnavailableError(f"Kafka at {self._bootstrap} brought nothing for {self.seconds:g} s")

    def _call(self, asked: "Future[_T]") -> _T:
        try:
            return asked.result(self.seconds + 1.0)
        except (KafkaException, TimeoutError) as error:
            raise self._unanswered(error) from error

    def _unanswered(self, error: KafkaException | TimeoutError) -> UnavailableError:
        self.asking.renew()
        return self._unavailable(error)

    def _unavailable(self, error: KafkaException | TimeoutError) -> UnavailableError:
        return UnavailableError(f"Kafka at {self._bootstrap}: {cause(error)}")
