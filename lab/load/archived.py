"""How often each planned event stands in the archive, by what it says: who tries again under a new id knows of no other."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import cast

from confluent_kafka import Consumer, KafkaException, TopicPartition
from msgspec import Struct

from contracts.events import Headers
from contracts.topics import REPORTED
from lab.load.centre import members
from lab.load.paper import dossier_of
from lab.load.plan import Plan

BATCH_RECORDS = 1_000
SILENT_SECONDS_MAX = 30.0
# A dossier and what happened to it, as a CloudEvent's type.
Key = tuple[str, str]


class Standing(Struct, frozen=True):
    """Planned events that stand more often than they happened, by how many records, and those that do not stand at all."""

    double: int
    absent: int

    def and_(self, other: "Standing") -> "Standing":
        """Those of two plans."""
        return Standing(self.double + other.double, self.absent + other.absent)


def planned(plan: Plan) -> Counter[Key]:
    """How often the plan has each."""
    told: Counter[Key] = Counter()
    for centre in plan.centres:
        for event in centre.events:
            told[event.subject, members(event.body)["type"]] += 1
    return told


def standing(plan: Counter[Key], found: Counter[Key]) -> Standing:
    """The plan beside the archive; what the plan does not have is no event of this run."""
    more = {key: found[key] - count for key, count in plan.items()}
    return Standing(sum(max(0, each) for each in more.values()), sum(max(0, -each) for each in more.values()))


def read(bootstrap: str, ends: Mapping[str, int]) -> Counter[Key] | None:
    """All records up to these; None when Kafka does not tell."""
    left = {int(number): end for number, end in ends.items()}
    told: Counter[Key] = Counter()
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "load-lab-never-committed", "enable.auto.commit": False,
        "auto.offset.reset": "error", "log_level": 0,
    })  # fmt: skip
    try:
        consumer.assign([TopicPartition(REPORTED.name, number, 0) for number in left])
        heard = time.monotonic()
        while left and time.monotonic() - heard < SILENT_SECONDS_MAX:
            for record in consumer.consume(BATCH_RECORDS, timeout=0.2):
                number, offset = record.partition(), record.offset()
                if record.error() is not None or number is None or offset is None:
                    return None
                heard = time.monotonic()
                if offset <= left.get(number, -1):
                    told[key(cast("Headers", record.headers() or ()))] += 1
                if offset >= left.get(number, offset + 1):
                    del left[number]
    except KafkaException:
        return None
    finally:
        consumer.close()
    return None if left else told


def key(headers: Headers) -> Key:
    """Of a record, whichever attempt it was."""
    told = {name: text or b"" for name, text in headers}
    return dossier_of(told.get("ce_subject", b"").decode()), told.get("ce_type", b"").decode()
