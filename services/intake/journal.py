"""The journal: records go in, and only Kafka's own acknowledgement by all in-sync replicas comes out as a position."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from msgspec import Struct

from services.intake.domain.answers import Position
from services.intake.instruments import Instruments
from services.intake.settings import Settings

POLL_SECONDS = 0.1
FLUSH_SECONDS = 5.0
BY_KEY = -1
_log = logging.getLogger(__name__)


class OverloadedError(Exception):
    """Too much waits for Kafka already: the sender must wait and send again; nothing of it was sent on."""


class Record(Struct, frozen=True):
    """A record to append; `partition` is `BY_KEY` where the key decides."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    partition: int = BY_KEY


class Appends(Protocol):
    """What a door asks of a journal."""

    async def append(self, records: Sequence[Record], within_seconds: float) -> list[Position | None]:
        """Positions of acknowledged records, None where the outcome is not known in time; OverloadedError: none sent."""
        ...


class Journal:
    """One idempotent producer with one thread that polls it; `append` is called from one event loop alone."""

    def __init__(self, settings: Settings, instruments: Instruments) -> None:
        self._instruments = instruments
        self._records_max = settings.intake_events_in_flight_max
        self._on_trouble: Callable[[bool], None] = lambda fatal: None
        self._open: dict[_Batch, None] = {}
        self._records = 0
        self._stop = threading.Event()
        self._producer = Producer(producer_settings(settings) | {"error_cb": self._error}, logger=_log)
        self._thread = threading.Thread(target=self._poll, name="kafka-poll", daemon=True)
        instruments.produce_queue_events.set_function(lambda: self._records)
        instruments.oldest_unacknowledged_seconds.set_function(self.oldest_seconds)

    def open(self, on_trouble: Callable[[bool], None]) -> None:
        """Begin to deliver; `on_trouble(fatal)` is called from the poll thread and must not block."""
        self._on_trouble = on_trouble
        self._thread.start()

    async def append(self, records: Sequence[Record], within_seconds: float) -> list[Position | None]:
        if self._records + len(records) > self._records_max:
            raise OverloadedError
        batch = _Batch(len(records), asyncio.get_running_loop(), self._close)
        self._open[batch] = None
        self._records += batch.size
        for index, record in enumerate(records):
            try:
                self._producer.produce(
                    record.topic,
                    value=record.value,
                    key=record.key,
                    partition=record.partition,
                    headers=list(record.headers),
                    on_delivery=partial(self._delivered, batch, index),
                )
            except (BufferError, KafkaException) as error:
                self._count(error.args[0] if isinstance(error, KafkaException) else KafkaError(KafkaError._QUEUE_FULL))
                batch.report(index, None)
        # wait() leaves the batch alone when time is up: what is acknowledged later is still seen, by nobody but the gauges.
        await asyncio.wait((batch.done,), timeout=within_seconds)
        return list(batch.positions)

    def oldest_seconds(self) -> float:
        """Age of the oldest record whose outcome is not known yet."""
        first = next(iter(self._open), None)
        return 0.0 if first is None else monotonic() - first.since

    def close(self) -> None:
        """Wait for what is under way, at most `FLUSH_SECONDS`; nothing may be appended afterwards."""
        left = self._producer.flush(FLUSH_SECONDS)
        self._stop.set()
        self._thread.join(FLUSH_SECONDS)
        if left:
            _log.warning("%d records were still unacknowledged at the end; their senders were told to send again", left)

    def _poll(self) -> None:
        while not self._stop.is_set():
            self._producer.poll(POLL_SECONDS)

    def _delivered(self, batch: "_Batch", index: int, error: KafkaError | None, kept: Message) -> None:
        if error is None:
            partition, offset = kept.partition(), kept.offset()
            if partition is not None and offset is not None and offset >= 0:
                batch.report(index, Position(partition, offset))
                return
        else:
            self._count(error)
        batch.report(index, None)

    def _error(self, error: KafkaError) -> None:
        self._count(error)
        if error.fatal():
            _log.critical("Kafka's client gave up (%s): this process must be started anew", error.name())
        self._on_trouble(error.fatal())

    def _count(self, error: KafkaError) -> None:
        self._instruments.kafka_errors.labels(error.name()).inc()

    def _close(self, batch: "_Batch") -> None:
        if self._open.pop(batch, batch) is None:
            self._records -= batch.size


class _Batch:
    """Records that one request waits for; reported from the poll thread, finished on the event loop."""

    __slots__ = ("_finish", "_loop", "_reports", "done", "positions", "since", "size")

    def __init__(self, size: int, loop: asyncio.AbstractEventLoop, on_finish: Callable[["_Batch"], None]) -> None:
        self.size = size
        self.since = monotonic()
        self.positions: list[Position | None] = [None] * size
        self.done: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._finish = on_finish
        self._reports: list[None] = []

    def report(self, index: int, position: Position | None) -> None:
        """Each record is reported exactly once, by either thread; appending is atomic, so the last one sees all."""
        self.positions[index] = position
        self._reports.append(None)
        if len(self._reports) >= self.size:
            self._loop.call_soon_threadsafe(self._finished)

    def _finished(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self._finish(self)


def producer_settings(settings: Settings) -> dict[str, object]:
    """What makes an acknowledgement a promise: all replicas, no duplicates of our own making, an end to waiting."""
    return {
        "bootstrap.servers": settings.bootstrap,
        "client.id": "motcua-intake",
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",
        "linger.ms": settings.intake_linger_ms,
        # gzip alone can be read by every client there is; the archive is kept for ever.
        "compression.type": "gzip",
        "compression.level": 1,
        "message.timeout.ms": round(settings.intake_delivery_seconds * 1000),
        "queue.buffering.max.messages": settings.intake_events_in_flight_max + 1000,
        "queue.buffering.max.kbytes": 256 * 1024,
        "reconnect.backoff.ms": 200,
        "reconnect.backoff.max.ms": 1000,
        "socket.keepalive.enable": True,
        # Errors come through error_cb: counted, and said once by the gate instead of at every attempt.
        "log_level": 2,
    }
