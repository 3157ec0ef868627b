"""What the archive holds, read on from where it was read before: how each event came to lie there."""

import json
import time
from datetime import datetime
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from contracts.topics import PARTITIONS, REPORTED
from tests.faults.coming import Arrival, Identity
from tests.faults.waiting import NotInTimeError

READ_WITHIN_SECONDS = 60.0
DOSSIER_TYPES, TICK_TYPE = "vn.motcua.dossier.", "vn.motcua.clock.ticked.v1"


class Archive:
    """The events in `dossier.reported`, each where it came first, with how often it lies there."""

    def __init__(self, bootstrap: str) -> None:
        self.found: dict[Identity, Arrival] = {}
        self._clocks: dict[int, datetime] = {}
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
                    self._take(number, record)
        finally:
            consumer.close()

    def _take(self, number: int, record: Message) -> None:
        """A record of a partition, in its order; a tick moves that partition's log clock, never backwards."""
        headers: Any = record.headers() or ()
        told = {name: value.decode() for name, value in headers if value is not None}
        kind = told.get("ce_type", "")
        if kind == TICK_TYPE:
            at = datetime.fromisoformat(json.loads(record.value() or b"")["at"])
            self._clocks[number] = max(at, self._clocks.get(number, at))
        elif kind.startswith(DOSSIER_TYPES):
            event = told["ce_source"], told["ce_id"], told["ce_subject"]
            if (first := self.found.get(event)) is not None:
                self.found[event] = first._replace(records=first.records + 1)
                return
            entered = told.get("ce_recordedtime")
            self.found[event] = Arrival(
                1, self._clocks.get(number), None if entered is None else datetime.fromisoformat(entered)
            )
