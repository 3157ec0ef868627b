"""The lifecycle records of a generation, read partition by partition up to a reported record; every wait is bounded."""

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, TopicPartition

from contracts import lifecycle, topics
from contracts.lifecycle import CHAIN_HEADER, Countable
from deploy.operators.errors import KafkaUnavailableError, NotThereYetError

BATCH_RECORDS = 2000
QUEUED_KIB_MAX = 16 * 1024


class Record(NamedTuple):
    """A lifecycle record with its bytes and its chain header, as whoever counts wants them."""

    value: bytes
    chain: bytes | None
    says: Countable


class Lifecycles:
    """Reads one generation's lifecycle. To be closed; for one thread."""

    def __init__(self, bootstrap: str, gen: int) -> None:
        self.gen = gen
        self.read_records = 0
        self._bootstrap = bootstrap
        self._topic = topics.lifecycle(gen).name
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "operators-compare-never-committed",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 20,
                "queued.max.messages.kbytes": QUEUED_KIB_MAX,
                "log_level": 0,
            }
        )

    def __enter__(self) -> "Lifecycles":
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None) -> None:
        self._consumer.close()

    def through(self, partition: int, start: int, reported: int, within_seconds: float) -> Iterator[Record]:
        """The records from an offset on, up to and with the last one of a reported record. NotThereYetError when that one is
        not there and nothing has come for `within_seconds`."""
        if reported < 0:
            return
        self._consumer.assign([TopicPartition(self._topic, partition, start)])
        for message in self._messages(partition, within_seconds):
            value, headers = message.value() or b"", message.headers() or []
            says = lifecycle.decode_countable(value)
            if says.src[0] > reported:
                return
            self.read_records += 1
            yield Record(value, _chain(headers), says)
            if says.src[0] == reported and says.last:
                return

    def _messages(self, partition: int, within_seconds: float) -> Iterator[Any]:
        silent_since = time.monotonic()
        while True:
            batch = self._consumer.consume(BATCH_RECORDS, timeout=0.1)
            for message in batch:
                error = message.error()
                if error is None:
                    silent_since = time.monotonic()
                    yield message
                elif error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaUnavailableError(self._bootstrap, f"read {self._topic}[{partition}]", error.str())
            if time.monotonic() - silent_since > within_seconds:
                raise NotThereYetError(self.gen, partition)


def _chain(headers: Any) -> bytes | None:
    return next((text for name, text in headers if name == CHAIN_HEADER), None)
