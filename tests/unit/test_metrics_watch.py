"""What metrics' API says of centres while it cannot hear of them itself."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from confluent_kafka import KafkaError, TopicPartition

from contracts import instants
from contracts.reference import Calendar, Reference
from contracts.topics import CENTRE_STATUS, PARTITIONS
from services.metrics.api import watch as watching
from services.metrics.api.beats import Beats
from services.metrics.api.centres import Centres
from services.metrics.api.units import Units
from services.metrics.api.watch import Watch

# Long enough for a busy machine; where it is to run out, short enough to be waited for.
LONG_HOLD_SECONDS, SHORT_HOLD_SECONDS = 60.0, 3.0
WAIT_SECONDS = 20
OLD_AFTER = 3600 * instants.SECOND
UNIT = "19753"
NOBODY = Units(
    Reference(units=[], departments=[], procedures=[], calendar=Calendar(profiles={}, days_off={}, make_up_days={}))
)


class Record:
    """A record of centre.status, or the word that partition 0 or another has been read to its end."""

    def __init__(self, partition: int, value: bytes | None = None) -> None:
        self._partition, self._value = partition, value

    def error(self) -> KafkaError | None:
        return KafkaError(KafkaError._PARTITION_EOF) if self._value is None else None

    def partition(self) -> int:
        return self._partition

    def key(self) -> bytes:
        return f"/units/{UNIT}".encode()

    def value(self) -> bytes | None:
        return self._value

    def timestamp(self) -> tuple[int, int]:
        return 1, time.time_ns() // 1_000_000


class Kafka:
    """Answers, or is away; partition 0 of centre.status holds heartbeats of one edge."""

    def __init__(self) -> None:
        self.is_away = False
        self.has_more = False
        self.beats: list[bytes] = []

    def beat(self, spool_depth: int) -> None:
        said = {
            "source": f"/units/{UNIT}", "incarnation": "0197c0de-0000-7000-8000-000000000001",
            "at": instants.show(time.time_ns() // 1000), "spool_depth": spool_depth, "oldest_unsent_age_seconds": 0.0,
            "link": "up",
        }  # fmt: skip
        self.beats.append(msgspec.json.encode(said))

    def asking(self, bootstrap: str) -> "Kafka":
        return self

    def renew(self) -> None:
        pass

    def ends(self, places: list[TopicPartition], seconds: float) -> "dict[TopicPartition, Future[int]]":
        if self.is_away:
            raise TimeoutError
        found = {place: Future[int]() for place in places}
        for future in found.values():
            future.set_result(0)
        return found

    def consumer(self, settings: dict[str, Any]) -> "Reader":
        return Reader(self)


class Reader:
    """A consumer: what is kept once, then the end of each partition once, then what is new."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._next = 0
        self._ended = True

    def assign(self, places: list[TopicPartition]) -> None:
        assert {place.topic for place in places} == {CENTRE_STATUS.name}
        self._next, self._ended = 0, False

    def consume(self, number: int, timeout: float) -> list[Record]:
        found = [Record(0, beat) for beat in self._kafka.beats[self._next :]]
        self._next += len(found)
        if not found and not self._ended and not self._kafka.has_more:
            self._ended = True
            return [Record(each) for each in range(PARTITIONS)]
        if not found:
            time.sleep(timeout)
        return found

    def close(self) -> None:
        pass


@contextmanager
def begun(monkeypatch: pytest.MonkeyPatch, kafka: Kafka, hold: float = LONG_HOLD_SECONDS) -> Iterator[tuple[Watch, Centres]]:
    """A watch over it, and what is said by it."""
    monkeypatch.setattr(watching, "Asking", kafka.asking)
    monkeypatch.setattr(watching, "Consumer", kafka.consumer)
    monkeypatch.setattr(watching, "LOOK_EVERY_SECONDS", 0.01)
    watch = Watch("nowhere", 0.1, hold, lambda _: None)
    watch.start()
    try:
        yield watch, Centres(NOBODY, watch, lambda: time.time_ns() // 1000, OLD_AFTER, OLD_AFTER, {})
    finally:
        watch.close()


def wait(until: Callable[[], bool]) -> None:
    """For some seconds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.slow
def test_who_has_not_read_heartbeats_does_not_call_centres_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka is lost by this API alone: soon nothing is told of any edge; back again, nothing until all that came meanwhile
    has been read."""
    kafka = Kafka()
    kafka.beat(0)
    with begun(monkeypatch, kafka, SHORT_HOLD_SECONDS) as (watch, centres):
        wait(lambda: watch.has_read_beats)
        assert centres.overall(centres.heard())["provisional"] is False
        assert (centres.deliveries() or {})[UNIT].link == "up"

        kafka.is_away = True
        wait(lambda: not watch.has_read_beats)
        assert centres.deliveries() is None
        assert centres.overall(centres.heard()) == {"complete_until": None, "provisional": None}
        [row] = centres.marked([{"unit": UNIT}], {}, centres.heard())
        assert (row["provisional"], row["centre"]["link"], row["centre"]["heard_at"]) == (None, "unknown", None)

        kafka.beat(7)
        kafka.is_away = False
        wait(lambda: watch.has_read_beats)
        assert (centres.deliveries() or {})[UNIT].spool_events == 7
        assert centres.overall(centres.heard())["provisional"] is True


def test_a_look_that_fails_once_takes_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read a moment ago still stands, and is not read anew."""
    kafka = Kafka()
    kafka.beat(0)
    with begun(monkeypatch, kafka) as (watch, centres):
        wait(lambda: watch.has_read_beats)
        beats = watch.beats
        kafka.is_away = True
        wait(lambda: watch.fault is not None)
        assert (centres.deliveries() or {})[UNIT].link == "up"
        kafka.is_away = False
        wait(lambda: watch.fault is None)
        assert watch.beats is beats


def test_of_what_was_kept_nothing_is_told_before_all_of_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog of a former heartbeat is not told as that of today, though its heartbeat has been taken."""
    kafka = Kafka()
    kafka.beat(7)
    kafka.has_more = True
    take, taken = Beats.take, threading.Event()

    def told(beats: Beats, *record: Any) -> None:
        take(beats, *record)
        taken.set()

    monkeypatch.setattr(Beats, "take", told)
    with begun(monkeypatch, kafka) as (watch, centres):
        assert taken.wait(WAIT_SECONDS)
        assert (watch.has_read_beats, centres.deliveries()) == (False, None)
        assert centres.overall(centres.heard()) == {"complete_until": None, "provisional": None}
        kafka.beat(0)
        kafka.has_more = False
        wait(lambda: watch.has_read_beats)
        assert (centres.deliveries() or {})[UNIT].spool_events == 0
        assert centres.overall(centres.heard())["provisional"] is False
