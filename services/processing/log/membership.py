"""Membership in the group: which partitions are ours, and the reported records that come in from them.

The group decides on ownership alone. Where to begin is read from Redis; offsets are committed only to show the lag.
"""

import logging
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from contracts.topics import REPORTED
from services.processing.errors import UnavailableError
from services.processing.settings import MIB, Settings

_log = logging.getLogger(__name__)


class Membership:
    """One member of the group. `take_over(partitions)` gives the offset to begin at for each, None to leave it alone;
    `let_go(partitions)` is told of those that are no longer ours. Both are called from within `gather` or `linger`."""

    def __init__(
        self,
        settings: Settings,
        take_over: Callable[[list[int]], dict[int, int | None]],
        let_go: Callable[[list[int]], None],
        on_error: Callable[[str], None],
    ) -> None:
        self.has_joined = False
        self.owned: set[int] = set()
        self.out_of_range: set[int] = set()
        self._take_over, self._let_go, self._on_error = take_over, let_go, on_error
        self._early: list[Message] = []
        self._paused: set[int] = set()
        self._gather_seconds = settings.processing_gather_ms / 1000
        self._failure: Exception | None = None
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.bootstrap,
                "group.id": f"processing.g{settings.generation}",
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": int(settings.processing_session_seconds * 1000),
                "heartbeat.interval.ms": int(settings.processing_session_seconds * 1000 / 5),
                "max.poll.interval.ms": 300_000,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",
                "fetch.queue.backoff.ms": 5,
                "fetch.wait.max.ms": 100,
                "queued.min.messages": 50_000,
                "queued.max.messages.kbytes": settings.processing_queue_mib * MIB // 1024,
                "error_cb": self._heard,
                "log_level": 3,
            },
            logger=_log,
        )
        self._consumer.subscribe([REPORTED.name], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)

    def gather(self, count: int, wait_seconds: float) -> list[Message]:
        """Reported records of owned partitions, each partition's in order; waits for the first, gathers a moment more."""
        batch, self._early = self._early, []
        if not batch:
            first = self._consumer.poll(wait_seconds)
            self._raise_failure()
            if first is None:
                return []
            batch = [first]
        batch += self._consumer.consume(count, timeout=self._gather_seconds)
        self._raise_failure()
        return self._readable(batch)

    def linger(self, wait_seconds: float) -> None:
        """Stay in the group without reading on: owned partitions are paused, what still comes in is kept for `gather`."""
        resting = [TopicPartition(REPORTED.name, number) for number in self.owned - self._paused]
        self._consumer.pause(resting)
        if (found := self._consumer.poll(wait_seconds)) is not None:
            self._early.append(found)
        self._consumer.resume([place for place in resting if place.partition in self.owned - self._paused])
        self._raise_failure()

    def seek(self, partition: int, offset: int) -> None:
        """Go on reading a partition at an offset."""
        if partition in self.owned:
            self._early = [found for found in self._early if found.partition() != partition]
            self._consumer.seek(TopicPartition(REPORTED.name, partition, offset))

    def rest(self, partition: int) -> None:
        """Read no more from a partition that has stopped, and keep it."""
        if partition in self.owned and partition not in self._paused:
            self._paused.add(partition)
            self._consumer.pause([TopicPartition(REPORTED.name, partition)])

    def wake(self, partition: int) -> None:
        """Read again from a partition that rested."""
        if partition in self._paused:
            self._paused.discard(partition)
            self._consumer.resume([TopicPartition(REPORTED.name, partition)])

    def end_of(self, partition: int) -> int | None:
        """The end of a partition as of the last fetch; None when nothing was fetched yet."""
        try:
            _, end = self._consumer.get_watermark_offsets(TopicPartition(REPORTED.name, partition), cached=True)
        except KafkaException:
            return None
        return end if end >= 0 else None

    def show_lag(self, offsets: dict[int, int]) -> None:
        """Tell the group how far the partitions are; nobody ever begins from it."""
        places = [TopicPartition(REPORTED.name, number, offset) for number, offset in offsets.items()]
        if places:
            try:
                self._consumer.commit(offsets=places, asynchronous=True)
            except KafkaException as error:
                self._on_error(error.args[0].name())

    def answers(self, timeout_seconds: float) -> bool:
        """Whether a broker answers just now."""
        try:
            return bool(self._consumer.list_topics(REPORTED.name, timeout=timeout_seconds).brokers)
        except KafkaException:
            return False

    def close(self) -> None:
        """Leave the group."""
        began = time.monotonic()
        self._consumer.close()
        _log.info("left the group after %.1f s", time.monotonic() - began)

    def _readable(self, batch: list[Message]) -> list[Message]:
        if not any(found.error() is not None for found in batch):
            return batch
        readable = []
        for found in batch:
            error = found.error()
            if error is None:
                readable.append(found)
            elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                self.out_of_range.add(int(found.partition() or 0))
            else:
                self._heard(error)
        return readable

    def _assigned(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        self.has_joined = True
        numbers = sorted(place.partition for place in places)
        if not numbers:
            return
        try:
            begin_at = self._take_over(numbers)
        except Exception as error:  # raised on once the client's callback has returned
            self._failure = error
            begin_at = dict.fromkeys(numbers)
        self.owned |= set(numbers)
        resting = [number for number in numbers if begin_at[number] is None]
        self._consumer.incremental_assign(
            [TopicPartition(REPORTED.name, number, begin_at[number] or 0) for number in numbers]
        )
        # A pause outlives the loss of a partition: what was lost while it was paused would never be read again.
        self._consumer.resume([TopicPartition(REPORTED.name, number) for number in numbers])
        for number in resting:
            self.rest(number)
        _log.info(
            "owner of partitions %s%s", numbers, f", of which {resting} rest" if resting else "", extra=_extra(numbers)
        )

    def _revoked(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        numbers = [place.partition for place in places]
        self.owned -= set(numbers)
        self._paused -= set(numbers)
        self._early = [found for found in self._early if found.partition() not in numbers]
        self._let_go(numbers)
        try:
            self._consumer.incremental_unassign(places)
        except KafkaException as error:
            self._on_error(error.args[0].name())
        _log.info("gave up partitions %s", sorted(numbers), extra=_extra(numbers))

    def _heard(self, error: KafkaError) -> None:
        self._on_error(error.name())
        if error.fatal():
            self._failure = UnavailableError(f"the consumer gave up: {error.name()}")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


def _extra(numbers: list[int]) -> dict[str, list[int]]:
    return {"partitions": sorted(numbers)}
