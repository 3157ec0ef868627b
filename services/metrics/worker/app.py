"""The Faust application: one agent on the batch transport, and the tasks around it."""

import asyncio
import logging
import os
import tempfile
import time
from typing import Any, Final

import faust

from contracts.topics import Topic
from services.metrics.instruments import Instruments
from services.metrics.settings import Settings
from services.metrics.store.errors import StoreError
from services.metrics.store.ledger import Memory
from services.metrics.worker.chunks import Chunk
from services.metrics.worker.fold import Fold
from services.metrics.worker.health import Health, Pulse, Seen, judge
from services.metrics.worker.transport import Consumer, ConsumerThread, transport_for

BUFFERED_CHUNKS: Final = 8
REBALANCE_SECONDS: Final = 10.0
REQUEST_SECONDS: Final = 30.0
POLL_SECONDS: Final = 300.0
# Faust commits on its own at this interval; with nothing acknowledged there is nothing to commit.
FAUST_COMMIT_SECONDS: Final = 3600.0
STATUS_OF_A_FAULT: Final = 70
_log = logging.getLogger(__name__)


class App(faust.App):
    """Faust without directories: nothing is kept in files."""

    def _create_directories(self) -> None:
        pass


class Worker(faust.Worker):
    """Faust's worker under its own name: a new process title would overwrite the environment by which a stack knows it."""

    def _setproctitle(self, info: str, *, ident: str = "") -> None:
        pass


class _Untouched(faust.Schema[Any, Any]):
    """Values are chunks already, keys are of no use."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:
        return None

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        return message.value


class CountingApp:
    """The application, its fold, and what there is to know about them."""

    def __init__(self, settings: Settings, topic: Topic, fold: Fold, instruments: Instruments, pulse: Pulse) -> None:
        self.health = Health()
        self.fold = fold
        self.app = _app(settings, topic)
        self._settings = settings
        self._instruments = instruments
        self._pulse = pulse
        self._memory: Memory | None = None
        self._is_joined = False
        transport = transport_for(fold, topic.name)
        self.app.transport = transport(self.app.conf.broker_consumer, self.app)
        channel = self.app.topic(topic.name, partitions=topic.partitions, schema=_Untouched(), acks=False)
        self.app.agent(channel, name="counting", concurrency=1)(self._count)
        self.app.task(self._store)
        self.app.timer(settings.metrics_lag_commit_seconds)(self._tell_lag)
        self.app.timer(settings.metrics_watch_seconds)(self._look)

    @property
    def consumer(self) -> Consumer:
        """Faust's consumer, which is ours."""
        consumer: Any = self.app.consumer
        assert isinstance(consumer, Consumer)
        return consumer

    def ailments(self) -> list[str]:
        """What only a new process cures; asked from the doctor's thread."""
        found = []
        patience = self._settings.metrics_patience_seconds
        if (thread := self._thread()) is not None and (sick := thread.sick(patience)) is not None:
            found.append(f"Kafka client: {sick}")
        if (silent := self._redis_silent()) > patience:
            found.append(f"Redis has not answered for {silent:.0f} s")
        return found

    # --- what runs -------------------------------------------------------------------------------------------

    async def _count(self, stream: Any) -> None:
        async for chunk in stream:
            assert isinstance(chunk, Chunk)
            try:
                await self.fold.take(chunk)
            except Exception:
                # Faust would go on with the next event, and with a hole.
                _log.critical("counting failed, ending", exc_info=True)
                logging.shutdown()
                os._exit(STATUS_OF_A_FAULT)

    async def _store(self) -> None:
        pause = self._settings.metrics_flush_seconds
        while not self.app.should_stop:
            began = time.monotonic()
            self._pulse.beat()
            try:
                await self.fold.tick()
                if not self.app.rebalancing:
                    await self.fold.reconcile()
                self._judge()
            except Exception as error:  # a seek that was lost, a broker that is gone: the next round tries again
                self._instruments.kafka_errors.labels(type(error).__name__).inc()
                _log.warning("tried again: %r", error)
                await asyncio.sleep(self._settings.metrics_watch_seconds)
            await asyncio.sleep(max(0.001, pause - (time.monotonic() - began)))

    async def _tell_lag(self) -> None:
        thread = self._thread()
        if thread is None or self.app.rebalancing:
            return
        try:
            await thread.commit_lag({number: lane.base for number, lane in self.fold.lanes.items()})
        except Exception as error:
            self._instruments.kafka_errors.labels(type(error).__name__).inc()
            _log.info("the lag was not told to Kafka: %r", error)

    async def _look(self) -> None:
        try:
            self._memory = await self.fold.watch()
        except StoreError as error:
            self._instruments.redis_errors.labels(type(error).__name__).inc()
        thread = self._thread()
        ends = {} if thread is None else thread.log_ends()
        self.fold.nudge(ends)
        self._measure(self._judge(), ends)

    def _judge(self) -> Seen:
        consumer, thread = self.consumer, self._thread()
        self._is_joined = self._is_joined or consumer.is_stable
        seen = Seen(
            is_joined=self._is_joined,
            assigned=frozenset(consumer.mine()),
            counted=frozenset(self.fold.lanes),
            stopped=self.fold.stopped,
            behind=frozenset(number for number, lane in self.fold.lanes.items() if lane.base < lane.target),
            kafka_away_seconds=0.0 if thread is None else thread.away_seconds(),
            redis_silent_seconds=self._redis_silent(),
            redis_silent_max_seconds=2 * self._settings.metrics_watch_seconds + self._settings.metrics_call_seconds,
            policy=None if self._memory is None else self._memory.policy,
            differs=self.fold.differs,
        )
        self.health = judge(seen)
        return seen

    def _measure(self, seen: Seen, ends: dict[int, int]) -> None:
        instruments, fold = self._instruments, self.fold
        instruments.ready.set(self.health.is_ready)
        instruments.well.set(self.health.is_well)
        instruments.partitions.set(len(seen.counted))
        instruments.rebuilding.set(bool(seen.behind))
        instruments.pending_records.set(fold.pending)
        if self._memory is not None:
            instruments.redis_used_bytes.set(self._memory.used_bytes)
            instruments.redis_max_bytes.set(self._memory.max_bytes)
        instruments.memo_pieces.set(fold.memo.pieces)
        instruments.memo_resets.set(fold.memo.forgotten)
        instruments.tell_stopped(seen.stopped)
        for gauge in (instruments.lag_records, instruments.lag_seconds):
            gauge.clear()
        for number, lane in fold.lanes.items():
            waiting = max(0, max(ends.get(number, 0), lane.target) - lane.base)
            at = lane.count.position.recorded_at
            instruments.lag_records.labels(str(number)).set(waiting)
            instruments.lag_seconds.labels(str(number)).set(
                max(0.0, time.time() - at / 1_000_000) if waiting and at is not None else 0.0
            )

    def _redis_silent(self) -> float:
        return time.monotonic() - max(self.fold.redis_answered, self._pulse.began)

    def _thread(self) -> ConsumerThread | None:
        thread = self.consumer._thread if self.app.started else None
        return thread if isinstance(thread, ConsumerThread) else None


def _app(settings: Settings, topic: Topic) -> App:
    return App(
        settings.group,
        broker=f"kafka://{settings.bootstrap}",
        broker_client_id="motcua-metrics",
        store="memory://",
        datadir=tempfile.gettempdir(),
        key_serializer="raw",
        value_serializer="raw",
        topic_partitions=topic.partitions,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=settings.metrics_fetch_bytes,
        broker_session_timeout=settings.metrics_session_seconds,
        broker_heartbeat_interval=1.0,
        broker_rebalance_timeout=REBALANCE_SECONDS,
        # At least the session's, as Faust wants it.
        broker_request_timeout=max(REQUEST_SECONDS, settings.metrics_session_seconds),
        broker_max_poll_interval=POLL_SECONDS,
        broker_max_poll_records=None,
        broker_check_crcs=True,
        broker_commit_interval=FAUST_COMMIT_SECONDS,
        stream_buffer_maxsize=BUFFERED_CHUNKS,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        table_standby_replicas=0,
        producer_threaded=False,
    )
