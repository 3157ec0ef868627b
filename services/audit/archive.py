"""The reader of the logs: partitions from one offset to another, without a consumer group, every wait bounded."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from contracts import topics
from contracts.asking import Asking, cause
from services.audit.domain.reading import Stored
from services.audit.settings import Settings

POLL_SECONDS = 1.0


class CouldNotRunError(Exception):
    """Audit lacks something that it needs to reach a verdict; the sentence says what to mend."""


@dataclass(frozen=True)
class Ends:
    """First and next offset of each partition of a topic."""

    first: tuple[int, ...]
    next: tuple[int, ...]


class Log:
    """One topic, read partition by partition."""

    def __init__(self, settings: Settings, topic: str, partitions: int = topics.PARTITIONS) -> None:
        self.topic = topic
        self.partitions = partitions
        self.read_records = 0
        self._settings = settings
        self._asking = Asking(settings.bootstrap)
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap,
                "group.id": "motcua-audit-never-committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "queued.max.messages.kbytes": settings.audit_queue_kib,
                "fetch.wait.max.ms": 50,
                "fetch.queue.backoff.ms": 5,
                "log_level": 0,
            }
        )

    def ends(self) -> Ends:
        """Where each partition begins and ends just now; CouldNotRunError when nobody says."""
        seconds = self._settings.audit_answer_seconds
        places = [TopicPartition(self.topic, number) for number in range(self.partitions)]
        try:
            known = self._consumer.list_topics(self.topic, timeout=seconds).topics[self.topic]
            if known.error is not None or len(known.partitions) != self.partitions:
                raise CouldNotRunError(f"{self.topic} is not there with {self.partitions} partitions: was the stack opened?")
            bounds = self._asking.bounds(places, seconds)
        except (KafkaException, TimeoutError) as error:
            where = f"Kafka at {self._settings.bootstrap}"
            raise CouldNotRunError(f"{where} did not answer within {seconds:g} s ({cause(error)}): is it up?") from error
        return Ends(tuple(bounds[place].first for place in places), tuple(bounds[place].end for place in places))

    def read(self, partition: int, start: int, end: int) -> Iterator[Stored]:
        """The records of a partition from `start` up to, without, `end`."""
        if start >= end:
            return
        self._consumer.assign([TopicPartition(self.topic, partition, start)])
        heard, place = time.monotonic(), start
        while True:
            # A batch waits until it is full: the last one asks for no more than there is.
            wanted = min(self._settings.audit_batch_records, end - place)
            batch = self._consumer.consume(wanted, timeout=POLL_SECONDS)
            if batch:
                heard = time.monotonic()
            elif time.monotonic() - heard > self._settings.audit_silence_seconds:
                raise CouldNotRunError(
                    f"{self.topic}, partition {partition}: nothing came for {self._settings.audit_silence_seconds:g} s "
                    f"before offset {end}: is Kafka at {self._settings.bootstrap} up?"
                )
            for message in batch:
                if message.error() is not None:
                    self._failed(message, partition)
                offset = message.offset() or 0
                if offset >= end:
                    return
                if message.error() is not None:
                    continue
                self.read_records += 1
                place = offset + 1
                yield Stored(
                    offset,
                    message.timestamp()[1],
                    message.key(),
                    message.value(),
                    message.headers() or (),  # type: ignore[arg-type]
                )
                if place >= end:
                    return

    def close(self) -> None:
        """Ends the client."""
        self._consumer.close()

    def _failed(self, message: Message, partition: int) -> None:
        """The end of a partition and a broker that is away are waited out; anything else ends the audit."""
        error = message.error()
        if error is None or error.code() == KafkaError._PARTITION_EOF:
            return
        if error.retriable() or error.code() in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
            return
        raise CouldNotRunError(f"{self.topic}, partition {partition} cannot be read: {error.name()}")
