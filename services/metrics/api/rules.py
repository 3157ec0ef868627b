"""The reference data in force: the body that the log has activated, read from `reference.data`, by which units are shown."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from contracts import reference
from contracts.topics import REFERENCE
from services.metrics.api.units import Units

# A body that could not be read is asked for again no sooner; until then units are shown as before.
AGAIN_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.2
BATCH_RECORDS: Final = 100
_log = logging.getLogger(__name__)


class Rules:
    """Gives `units` the body of a digest that comes into force; whoever asks for figures waits for it, and no longer
    than `seconds`."""

    def __init__(self, bootstrap: str, units: Units, seconds: float, on_error: Callable[[str], None]) -> None:
        self.fault: str | None = None
        self._bootstrap = bootstrap
        self._units = units
        self._seconds = seconds
        self._on_error = on_error
        self._reading = asyncio.Lock()
        self._again_at = float("-inf")

    async def follow(self, digest: str | None) -> None:
        """Shows units as this body says; None while partitions differ, or none has a rule yet: as before.

        A body that is missing or cannot be read stops processing and nothing here: units keep the names at hand, and `fault`
        says so.
        """
        if not self._is_due(digest):
            return
        async with self._reading:
            if digest is None or not self._is_due(digest):
                return
            try:
                body = await asyncio.to_thread(self._body, digest)
                await asyncio.to_thread(self._units.take, reference.decode(body), digest)
            except (KafkaException, LookupError, ValueError) as error:
                self._again_at = time.monotonic() + AGAIN_SECONDS
                name = error.args[0].name() if isinstance(error, KafkaException) else type(error).__name__
                self._on_error(name)
                self.fault = f"the reference data in force, {digest}, cannot be read ({name}): units are shown as before"
                _log.warning("%s", self.fault)
            else:
                self.fault = None
                _log.info("units are shown by reference data %s", digest)

    def _is_due(self, digest: str | None) -> bool:
        return digest not in (None, self._units.digest) and time.monotonic() >= self._again_at

    def _body(self, digest: str) -> bytes:
        """The newest body under this digest; LookupError when there is none, or another one, or Kafka brings nothing."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "metrics-api-rules-never-committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "log_level": 0,
            }
        )
        found: bytes | None = None
        until = time.monotonic() + self._seconds
        try:
            consumer.assign([TopicPartition(REFERENCE.name, 0, 0)])
            while time.monotonic() < until:
                for record in consumer.consume(BATCH_RECORDS, timeout=POLL_SECONDS):
                    if (error := record.error()) is None:
                        found = record.value() if record.key() == digest.encode() else found
                    elif error.code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(error)
                    elif found is None or reference.digest(found) != digest:
                        raise LookupError(digest)
                    else:
                        return found
        finally:
            consumer.close()
        raise LookupError(digest)
