"""What goes out: lifecycle records, dead letters, ticks; in order, without gaps, acknowledged before anything is stored."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from contracts import deadletters, topics
from contracts.deadletters import DeadLetter
from contracts.events import Ticked, control_record
from contracts.face.tracing import TRACEPARENT
from contracts.lifecycle import CHAIN_HEADER
from services.processing.domain.line import Sent, SentLetter
from services.processing.errors import UnavailableError
from services.processing.log.records import Record

PATIENT_SECONDS = 0.5
QUEUE_RECORDS_MAX = 200_000
_log = logging.getLogger(__name__)


class Sender:
    """The one producer of a worker. Records of a partition leave in the order given; losing one is fatal."""

    def __init__(self, bootstrap: str, gen: int, delivery_seconds: float, on_error: Callable[[str], None]) -> None:
        self._delivery_seconds = delivery_seconds
        self._on_error = on_error
        self._failure: str | None = None
        self._since: float | None = None
        self._lifecycle = topics.lifecycle(gen).name
        self._rejected = topics.rejected(gen).name
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "enable.idempotence": True,
                # Together: no record is ever given up while later ones go on.
                "enable.gapless.guarantee": True,
                "message.timeout.ms": 0,
                "delivery.report.only.error": True,
                "linger.ms": 5,
                "compression.type": "lz4",
                "batch.num.messages": 10_000,
                "queue.buffering.max.messages": QUEUE_RECORDS_MAX,
                "message.max.bytes": 4_000_000,
                "error_cb": self._heard,
                "log_level": 3,
            },
            logger=_log,
        )

    @property
    def outstanding(self) -> int:
        """Records that Kafka has not acknowledged yet."""
        return len(self._producer)

    @property
    def waiting_seconds(self) -> float:
        """An upper bound of the time for which the oldest of them has waited, 0 when none waits."""
        since = self._since
        return 0.0 if since is None or not self.outstanding else time.monotonic() - since

    def lifecycle(self, partition: int, sent: Iterable[Sent], traceparents: Mapping[int, str] = {}) -> None:
        """Lifecycle records of one partition; those of followed events, by offset, carry a traceparent beside the chain."""
        topic = self._lifecycle
        for each in sent:
            key = None if each.dossier is None else each.dossier.encode()
            headers = [(CHAIN_HEADER, each.chain.hex().encode())]
            if traceparents and not each.src[1] and (traceparent := traceparents.get(each.src[0])) is not None:
                headers.append((TRACEPARENT, traceparent.encode()))
            self._produce(topic, partition, key, each.value, headers)

    def letter(self, partition: int, letter: SentLetter, original: Record) -> None:
        """A dead letter: the original bytes and headers, with its cause beside."""
        headers = deadletters.to_headers(
            DeadLetter(
                code=letter.code, detail=letter.detail, src=letter.src, prev=letter.prev,
                key=original.key, value=original.value, headers=tuple(original.headers),
            )
        )  # fmt: skip
        self._produce(self._rejected, partition, original.key, original.value, headers)

    def tick(self, partition: int, at: int, record_id: str) -> None:
        """Time passes in one partition of the archive."""
        value, headers = control_record(Ticked(at), record_id, "/processing")
        self._produce(topics.REPORTED.name, partition, None, value, headers)

    def wait(self, meanwhile: Callable[[], None]) -> None:
        """Returns when all is acknowledged; `meanwhile` is called while that takes long. UnavailableError at the bound."""
        began = time.monotonic()
        while self._producer.flush(PATIENT_SECONDS):
            self._raise_failure()
            if time.monotonic() - began > self._delivery_seconds:
                raise UnavailableError(f"Kafka acknowledged nothing for {self._delivery_seconds:g} s: leaving uncommitted")
            meanwhile()
        self._since = None
        self._raise_failure()

    def settle(self, wait_seconds: float) -> None:
        """Waits a little for what is outstanding, and no longer; nothing depends on it."""
        self._producer.flush(wait_seconds)

    def poll(self) -> None:
        """Serves the client's callbacks; UnavailableError when it has given up."""
        self._producer.poll(0)
        if not self.outstanding:
            self._since = None
        self._raise_failure()

    def _produce(self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: list[Any]) -> None:
        began = time.monotonic()
        while True:
            try:
                self._producer.produce(
                    topic, value=value, key=key, partition=partition, headers=headers, on_delivery=self._reported
                )
                self._since = self._since or began
                return
            except BufferError:
                if time.monotonic() - began > self._delivery_seconds:
                    raise UnavailableError("Kafka takes no records: leaving uncommitted") from None
                self._producer.poll(0.1)
            except KafkaException as error:
                raise UnavailableError(f"Kafka refuses to take a record: {error.args[0].name()}") from error

    def _reported(self, error: KafkaError | None, _record: object) -> None:
        if error is not None:
            self._failure = f"a record was not stored: {error.name()}"

    def _heard(self, error: KafkaError) -> None:
        self._on_error(error.name())
        if error.fatal():
            self._failure = f"the producer gave up: {error.name()}"

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise UnavailableError(self._failure)
