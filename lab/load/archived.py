"""How often each planned event stands in the archive, by what it says: who tries again under a new id knows of no other."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from confluent_kafka import Consumer, KafkaException, TopicPartition
from msgspec import Struct

from contracts.events import TYPE_PREFIX, Headers
from contracts.topics import REPORTED
from lab.errors import UnreachableError
from lab.load.centre import members
from lab.load.paper import dossier_of
from lab.load.plan import Plan

BATCH_RECORDS = 1_000
SILENT_SECONDS_MAX = 30.0
# Beside what audit counts: repeats that came under another id.
RENAMED = "standing_renamed"
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
    try:
        return Counter(key(each) for each in records(bootstrap, ends))
    except UnreachableError:
        return None


def read_again(bootstrap: str, counts: dict[str, int]) -> dict[str, int]:
    """What audit counted, and RENAMED; without it when Kafka does not tell, which is no reason to lose a run."""
    try:
        return renamed(counts, records(bootstrap))
    except UnreachableError:
        return counts


def renamed(counts: Mapping[str, int], found: Iterable[Headers]) -> dict[str, int]:
    """What audit counted of these records, with repeats told apart: what came again under its own id stays duplicate; what
    repeats another one under an id of its own stands renamed, and somebody must have sent it."""
    ids: set[int] = set()
    again = 0
    for headers in found:
        told = {name: text or b"" for name, text in headers}
        if told.get("ce_type", b"").startswith(TYPE_PREFIX.encode()):
            one = hash((told.get("ce_source"), told.get("ce_id")))
            again += one in ids
            ids.add(one)
    repeats = counts.get("standing_duplicate", 0)
    under_others = max(0, repeats - again)
    return {**counts, "standing_duplicate": repeats - under_others, RENAMED: under_others}


def records(bootstrap: str, ends: Mapping[str, int] | None = None) -> Iterator[Headers]:
    """The headers of all up to these offsets, else of all that are there; UnreachableError when Kafka does not tell."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "load-lab-never-committed", "enable.auto.commit": False,
        "auto.offset.reset": "error", "log_level": 0,
    })  # fmt: skip
    try:
        left = _ends(consumer) if ends is None else {int(number): end for number, end in ends.items()}
        consumer.assign([TopicPartition(REPORTED.name, number, 0) for number in left])
        heard = time.monotonic()
        while left:
            if time.monotonic() - heard > SILENT_SECONDS_MAX:
                raise UnreachableError(f"Kafka did not tell the archive's records for {SILENT_SECONDS_MAX:.0f} s")
            for record in consumer.consume(BATCH_RECORDS, timeout=0.2):
                number, offset = record.partition(), record.offset()
                if record.error() is not None or number is None or offset is None:
                    raise UnreachableError(f"Kafka did not tell the archive's records: {record.error()}")
                heard = time.monotonic()
                if offset <= left.get(number, -1):
                    yield cast("Headers", record.headers() or ())
                if offset >= left.get(number, offset + 1):
                    del left[number]
    except KafkaException as error:
        raise UnreachableError(f"Kafka did not tell the archive's records: {error.args[0]}") from error
    finally:
        consumer.close()


def _ends(consumer: Consumer) -> dict[int, int]:
    """The last offset of each partition that has one."""
    told = {}
    for number in range(REPORTED.partitions):
        _, end = consumer.get_watermark_offsets(TopicPartition(REPORTED.name, number), timeout=SILENT_SECONDS_MAX)
        if end:
            told[number] = end - 1
    return told


def key(headers: Headers) -> Key:
    """Of a record, whichever attempt it was."""
    told = {name: text or b"" for name, text in headers}
    return dossier_of(told.get("ce_subject", b"").decode()), told.get("ce_type", b"").decode()
