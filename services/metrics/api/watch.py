"""What the API knows of Kafka: the ends of dossier.reported, and the newest heartbeat of each source."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from contracts.asking import Asking, Offsets, cause
from contracts.topics import CENTRE_STATUS, PARTITIONS, REPORTED
from services.metrics.api.beats import Beats

LOOK_EVERY_SECONDS: Final = 0.5
# Ends that were asked for longer ago say nothing about now.
ENDS_HOLD_SECONDS: Final = 3.0
# Longer than this no answer waits to know the ends; it then says no lag of 0.
LOOK_NOW_SECONDS_MAX: Final = 0.5
CLOSE_SECONDS_MAX: Final = 1.0
BEATS_PER_CALL_MAX: Final = 2000
BEATS_WAIT_SECONDS: Final = 0.01
# While those that were kept are read, a call waits so long for them; between two looks at the ends they are read so long.
KEPT_WAIT_SECONDS: Final = 0.1
BEATS_SECONDS_MAX: Final = 1.0
FETCH_BYTES: Final = 16 * 1024
QUEUED_KIB_MAX: Final = 1024
_log = logging.getLogger(__name__)


class Watch:
    """A thread that looks again and again; an answer waits a moment for the ends of now, and for nothing else."""

    def __init__(
        self, bootstrap: str, call_seconds: float, beats_hold_seconds: float, on_error: Callable[[str], None]
    ) -> None:
        self.fault: str | None = "starting: Kafka has not been asked yet"
        self.first_recorded_at: dict[int, int] = {}
        self.beats = _no_beats()
        self._beats_hold = beats_hold_seconds
        self._beats_read_at = float("-inf")
        self._bootstrap = bootstrap
        self._asking = Asking(bootstrap)
        self._seconds = call_seconds
        self._on_error = on_error
        self._ends: dict[int, int] | None = None
        self._ends_at = float("-inf")
        self._unread = set(range(PARTITIONS))
        self._asking_now = asyncio.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kafka", daemon=True)

    @property
    def ends(self) -> Mapping[int, int] | None:
        """The end of each partition of dossier.reported, None while it is not known."""
        return self._ends if time.monotonic() - self._ends_at < ENDS_HOLD_SECONDS else None

    async def look_now(self) -> None:
        """Makes `ends` those of a moment after this was called; None where Kafka does not say so at once.

        Who was told `stored` and asks right afterwards must not read a lag of 0 from ends that were older than his event.
        """
        called_at = time.monotonic()
        async with self._asking_now:
            if self._ends_at >= called_at:
                return
            asked_at = time.monotonic()
            try:
                # Whoever has yet to hear of leaders waits for it: the thread's turn, not this loop's.
                if self.fault is not None or not self._asking.knows(REPORTED.name):
                    raise TimeoutError
                asked = self._ask_ends()
                found = await asyncio.wait_for(
                    asyncio.gather(*(asyncio.wrap_future(future) for future in asked.values())), LOOK_NOW_SECONDS_MAX
                )
            except (KafkaException, TimeoutError):
                self._ends = None
            else:
                ends = {place.partition: end for place, end in zip(asked, found, strict=True)}
                self._ends, self._ends_at = ends, asked_at

    @property
    def has_read_beats(self) -> bool:
        """Whether the heartbeats that were kept when this began have all been read, and those since until a moment ago."""
        return not self._unread and self._is_reading

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def close(self) -> None:
        """Ends after the look that it is at, unless that takes longer than anybody should wait: nothing is lost by it."""
        self._stop.set()
        self._thread.join(CLOSE_SECONDS_MAX)

    def _run(self) -> None:
        asking, beating = self._consumer("firsts"), self._consumer("heartbeats")
        while not self._stop.is_set():
            is_behind = False
            try:
                self._look(asking)
                if not self._is_reading:
                    self._begin(beating)
                is_behind = self._read(beating)
                self.fault = None
            except (KafkaException, TimeoutError) as error:
                self.fault = f"Kafka does not answer: {cause(error)}"
                self._on_error(cause(error))
                self._asking.renew()
            except Exception as error:  # the next look may go well; without looks nobody knows the lag
                _log.exception("the look at Kafka failed")
                self.fault = f"the look at Kafka failed: {type(error).__name__}"
            if not is_behind:
                self._stop.wait(LOOK_EVERY_SECONDS)
        for consumer in (asking, beating):
            consumer.close()

    def _consumer(self, what: str) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": f"metrics-api-{what}-never-committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                # Heartbeats are short, and of a reported partition one record is wanted.
                "max.partition.fetch.bytes": FETCH_BYTES,
                "queued.max.messages.kbytes": QUEUED_KIB_MAX,
                "enable.partition.eof": what == "heartbeats",
                "log_level": 0,
            }
        )

    def _look(self, asking: Consumer) -> None:
        asked_at, asked = time.monotonic(), self._ask_ends()
        ends = {place.partition: future.result(self._seconds + 1.0) for place, future in asked.items()}
        if asked_at > self._ends_at:
            self._ends, self._ends_at = ends, asked_at
        if missing := [number for number, end in ends.items() if end > 0 and number not in self.first_recorded_at]:
            asking.assign([TopicPartition(REPORTED.name, number, 0) for number in missing])
            for found in asking.consume(len(missing), timeout=self._seconds):
                if found.error() is None and found.offset() == 0:
                    self.first_recorded_at[int(found.partition() or 0)] = found.timestamp()[1] * 1000
            asking.unassign()

    def _ask_ends(self) -> Offsets:
        return self._asking.ends([TopicPartition(REPORTED.name, number) for number in range(PARTITIONS)], self._seconds)

    @property
    def _is_reading(self) -> bool:
        return time.monotonic() - self._beats_read_at < self._beats_hold

    def _begin(self, beating: Consumer) -> None:
        """Reads all that is kept, anew after an outage: what came meanwhile is there before anything is told of centres."""
        beating.assign([TopicPartition(CENTRE_STATUS.name, number, 0) for number in range(PARTITIONS)])
        self._unread = set(range(PARTITIONS))
        self.beats = _no_beats()

    def _read(self, beating: Consumer) -> bool:
        """Takes heartbeats for a while; whether there are more."""
        until, is_behind = time.monotonic() + BEATS_SECONDS_MAX, True
        while is_behind and time.monotonic() < until and not self._stop.is_set():
            wait = KEPT_WAIT_SECONDS if self._unread else BEATS_WAIT_SECONDS
            found = beating.consume(BEATS_PER_CALL_MAX, timeout=wait)
            self._take(found)
            is_behind = bool(self._unread) or len(found) == BEATS_PER_CALL_MAX
            self._beats_read_at = time.monotonic()
        return is_behind

    def _take(self, found: Sequence[Message]) -> None:
        ended = set()
        for record in found:
            if (error := record.error()) is None:
                self.beats.take(record.key(), record.value(), record.timestamp()[1] * 1000)
            elif error.code() == KafkaError._PARTITION_EOF:
                ended.add(record.partition())
            else:
                self._on_error(error.name())
        unread = self._unread - ended
        # Of what was kept nothing is told before all of it is read: half of it would be how centres stood days ago.
        if found and not unread:
            self.beats.publish()
        self._unread = unread


def _no_beats() -> Beats:
    return Beats(lambda: time.time_ns() // 1000)
