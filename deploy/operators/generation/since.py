"""What was reported since two generations were compared: how many records, and whether rules were activated among them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition

from contracts.asking import Asking
from contracts.events import RULES_ACTIVATED
from contracts.topics import PARTITIONS, REPORTED
from deploy.operators.errors import KafkaUnavailableError

CALL_SECONDS = 10.0
SILENT_SECONDS_MAX = 30.0
BATCH_RECORDS = 2000
QUEUED_KIB_MAX = 16 * 1024
# Every partition begins with the opening of the archive, which activates the first rules.
OPENING_RECORDS = 2


@dataclass(frozen=True)
class Since:
    """`records` reported since then, of `end` in all; the partitions in which rules were `activated` among them."""

    records: int
    end: int
    activated: tuple[int, ...] = ()


def look(bootstrap: str, positions: Mapping[int, int], allowed: Callable[[int], int]) -> Since:
    """What came behind these positions; looked through only where it is not more than what is `allowed` of so many."""
    ends = _ends(bootstrap)
    begins = {number: min(max(positions.get(number, -1) + 1, OPENING_RECORDS), ends[number]) for number in ends}
    since = Since(sum(ends[number] - positions.get(number, -1) - 1 for number in ends), sum(ends.values()))
    if any(positions.get(number, -1) >= ends[number] for number in ends):
        return Since(-1, since.end)
    if since.records > allowed(since.end):
        return since
    return Since(since.records, since.end, _activated(bootstrap, begins, ends))


def _ends(bootstrap: str) -> dict[int, int]:
    places = [TopicPartition(REPORTED.name, number) for number in range(PARTITIONS)]
    asking = Asking(bootstrap)  # named: a client that nobody holds is gone before its answers come
    try:
        found = asking.ends(places, CALL_SECONDS)
        return {place.partition: future.result(CALL_SECONDS + 1.0) for place, future in found.items()}
    except (KafkaException, TimeoutError) as error:
        reason = error.args[0].str() if isinstance(error, KafkaException) else "no answer in time"
        raise KafkaUnavailableError(bootstrap, "say where the archive ends", reason) from error


def _activated(bootstrap: str, begins: Mapping[int, int], ends: Mapping[int, int]) -> tuple[int, ...]:
    left = {number: ends[number] for number, begin in begins.items() if begin < ends[number]}
    if not left:
        return ()
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "operators-compare-never-committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 20,
            "queued.max.messages.kbytes": QUEUED_KIB_MAX,
            "log_level": 0,
        }
    )
    try:
        consumer.assign([TopicPartition(REPORTED.name, number, begins[number]) for number in left])
        return tuple(sorted(_looked_through(bootstrap, consumer, left)))
    finally:
        consumer.close()


def _looked_through(bootstrap: str, consumer: Consumer, left: dict[int, int]) -> set[int]:
    found: set[int] = set()
    silent_since = time.monotonic()
    while left:
        for record in consumer.consume(BATCH_RECORDS, timeout=0.1):
            number, offset, error = record.partition(), record.offset(), record.error()
            if error is not None or number is None or offset is None:
                reason = "a record without a place" if error is None else error.str()
                raise KafkaUnavailableError(bootstrap, f"read {REPORTED.name}", reason)
            silent_since = time.monotonic()
            if offset < left.get(number, 0) and dict(record.headers() or ()).get("ce_type") == RULES_ACTIVATED.encode():
                found.add(number)
            if offset + 1 >= left.get(number, offset + 2):
                del left[number]
        if time.monotonic() - silent_since > SILENT_SECONDS_MAX:
            raise KafkaUnavailableError(bootstrap, f"read {REPORTED.name}", f"nothing came for {SILENT_SECONDS_MAX:.0f} s")
    return found
