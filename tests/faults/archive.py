"""What the archive holds, read on from where it was read before: each event by its identity."""

import time
from collections import Counter
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from contracts.topics import PARTITIONS, REPORTED
from tests.faults.waiting import NotInTimeError

READ_WITHIN_SECONDS = 60.0
DOSSIER_TYPES = "vn.motcua.dossier."
Identity = tuple[str, str, str]


class Archive:
    """Identities of the events in `dossier.reported`, with how often each lies there."""

    def __init__(self, bootstrap: str) -> None:
        self.found: Counter[Identity] = Counter()
        self._next = dict.fromkeys(range(PARTITIONS), 0)
        self._bootstrap = bootstrap

    def read_on(self) -> None:
        """To the ends of now."""
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap, "group.id": "faults-archive", "enable.auto.commit": False,
                "auto.offset.reset": "error", "log_level": 0,
            }
        )  # fmt: skip
        deadline = time.monotonic() + READ_WITHIN_SECONDS
        try:
            places = [TopicPartition(REPORTED.name, number) for number in self._next]
            ends = {place.partition: consumer.get_watermark_offsets(place, timeout=20)[1] for place in places}
            consumer.assign([TopicPartition(REPORTED.name, number, at) for number, at in self._next.items()])
            while any(self._next[number] < end for number, end in ends.items()):
                if time.monotonic() > deadline:
                    raise NotInTimeError("the archive could not be read to its ends")
                for record in consumer.consume(1000, timeout=0.5):
                    if (error := record.error()) is not None:
                        raise KafkaException(error)
                    number, offset = record.partition(), record.offset()
                    assert number is not None
                    assert offset is not None
                    self._next[number] = offset + 1
                    if (event := _identity(record.headers())) is not None:
                        self.found[event] += 1
        finally:
            consumer.close()


def _identity(headers: Any) -> Identity | None:
    """None for ticks and what else is no event of a dossier."""
    told = {name: value.decode() for name, value in headers or () if value is not None}
    if not told.get("ce_type", "").startswith(DOSSIER_TYPES):
        return None
    return told["ce_source"], told["ce_id"], told["ce_subject"]
