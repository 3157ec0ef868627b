"""A Faust transport whose unit is the stretch of log that a fetch brings, and whose positions are the fold's.

Each seam is a subclass of a class of Faust or aiokafka; no module is patched. The one liberty is that a running fetcher is
given another class, since aiokafka names the class of its fetcher in its own constructor. Private attributes are used: the
two packages are pinned, and `tests/unit/test_metrics_transport.py` says which attributes must be there.
"""
# mypy: disable-error-code="no-untyped-call"

import asyncio
import os
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, Protocol

from aiokafka.consumer.fetcher import READ_COMMITTED, Fetcher, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from contracts.face import tracing
from contracts.face.tracing import TRACEPARENT
from contracts.lifecycle import CHAIN_HEADER
from services.metrics.worker.chunks import Chunk, Run

# Small record batches are joined up to this size: each run costs about as much as ten records.
RUN_RECORDS: Final = 500
# Live traffic is a record or two a fetch, and a look costs the same whatever it finds: so at most fifty looks a second.
TRICKLE_RECORDS: Final = 100
TRICKLE_PAUSE_SECONDS: Final = 0.02
FETCH_WAIT_MS: Final = 500
COMMIT_SECONDS: Final = 5.0
STOP_SECONDS: Final = 10.0
STOP_STATUS: Final = 70


class Keeper(Protocol):
    """Who keeps positions: the fold."""

    async def reconcile(self, again: bool = False) -> None:
        """Seeks every partition that is assigned."""

    async def release(self) -> None:
        """Stores what is counted and lets go of all partitions."""


class RunRecords(PartitionRecords):
    """Iterates over runs of record batches instead of over records; batches that carry none only move the end."""

    def __init__(self, plain: PartitionRecords) -> None:
        # Nothing was read from `plain` yet: its iterator has not begun.
        vars(self).update(vars(plain))
        self._records_iterator = self._runs()

    def _runs(self) -> Iterator[Run]:
        start: int = self.next_fetch_offset
        values: list[bytes | None] = []
        chains: list[bytes | None] = []
        traces: tuple[tuple[int, bytes], ...] = ()
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"wrong checksum in {self._tp}")
            expected = start + len(values)
            # The first batch may begin before the offset that was asked for.
            records = [] if self._is_to_be_skipped(batch) else [each for each in batch if each.offset >= expected]
            if tracing.is_on():
                traces += _traces(records)
            if records and records[0].offset == expected and records[-1].offset - expected == len(records) - 1:
                values += [record.value for record in records]
                chains += [_chain(record.headers) for record in records]
                records = []
            for record in records:
                if record.offset != expected:
                    # A hole in the log: the run ends after it, and the next begins behind it.
                    yield Run(start, record.offset, values, chains, _below(record.offset, traces))
                    start, values, chains = record.offset, [], []
                    traces = tuple(each for each in traces if each[0] >= start)
                values.append(record.value)
                chains.append(_chain(record.headers))
                expected = record.offset + 1
            self.next_fetch_offset = batch.next_offset
            if len(values) >= RUN_RECORDS or batch.next_offset != start + len(values):
                yield Run(start, batch.next_offset, values, chains, traces)
                start, values, chains, traces = batch.next_offset, [], [], ()
        if start != self.next_fetch_offset:
            yield Run(start, self.next_fetch_offset, values, chains, traces)

    def _is_to_be_skipped(self, batch: Any) -> bool:
        is_control = bool(batch.is_control_batch)
        if self._isolation_level == READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if is_control and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            return is_control or (batch.is_transactional and batch.producer_id in self._aborted_producers)
        return is_control


def _chain(headers: Any) -> bytes | None:
    if len(headers) == 1 and headers[0][0] == CHAIN_HEADER:
        found: bytes | None = headers[0][1]
        return found
    return next((value for name, value in reversed(headers) if name == CHAIN_HEADER), None)


def _traces(records: Any) -> tuple[tuple[int, bytes], ...]:
    """The records that carry a traceparent; most have the chain alone."""
    return tuple(
        (record.offset, value)
        for record in records
        if len(record.headers) > 1
        for name, value in record.headers
        if name == TRACEPARENT and value is not None
    )


def _below(end: int, traces: tuple[tuple[int, bytes], ...]) -> tuple[tuple[int, bytes], ...]:
    return tuple(each for each in traces if each[0] < end)


class RunFetcher(Fetcher):
    """Turns what was fetched of one topic into runs, before anybody reads it."""

    run_topic = ""

    async def _proc_fetch_request(self, assignment: Any, node_id: Any, request: Any) -> Any:
        needs_wakeup = await super()._proc_fetch_request(assignment, node_id, request)
        # Nothing is awaited between super's stores and these: no reader has been here in between.
        for tp, result in self._records.items():
            if tp.topic != self.run_topic or type(result) is not FetchResult:
                continue
            if type(result._partition_records) is PartitionRecords:
                result._partition_records = RunRecords(result._partition_records)
        return needs_wakeup


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """aiokafka in its own thread, fetching runs."""

    consumer: Any
    _consumer: Any
    _is_trickling = False
    _coordinated = float("inf")

    async def on_start(self) -> None:
        """Gives the fetcher its class; nothing is subscribed yet, so nothing is being fetched."""
        await super().on_start()
        fetcher = self._consumer._fetcher
        fetcher.__class__ = RunFetcher
        fetcher.run_topic = self.consumer.run_topic

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust fixes it at 1,500 ms, and a seek waits for the fetch that is under way.
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def _fetch_records(self, *arguments: Any, **limits: Any) -> Any:
        if self._is_trickling:
            await asyncio.sleep(TRICKLE_PAUSE_SECONDS)
        records = await super()._fetch_records(*arguments, **limits)
        topic = self.consumer.run_topic
        found = {tp: [Chunk(tp.partition, runs)] if tp.topic == topic else runs for tp, runs in records.items() if runs}
        chunks = [each[0] for each in found.values() if type(each[0]) is Chunk]
        self._is_trickling = bool(chunks) and all(each.end - each.runs[0].start < TRICKLE_RECORDS for each in chunks)
        return found

    def away_seconds(self) -> float:
        """Looks, and says for how long no coordinator of the group has been known; 0 while one is, and before the first."""
        consumer, now = self._consumer, time.monotonic()
        if consumer is not None and consumer._coordinator is not None and consumer._coordinator.coordinator_id is not None:
            self._coordinated = now
        return max(0.0, now - self._coordinated)

    def sick(self, patience_seconds: float) -> str | None:
        """What is wrong with aiokafka: its background tasks can die, or wait for ever, and nobody is told."""
        consumer = self._consumer
        if consumer is None or consumer._closed:
            return None
        if consumer._coordinator is None or consumer._fetcher is None:
            # It has not reached a broker yet, which takes as long as the broker is away.
            return None
        for task in (consumer._client._sync_task, consumer._coordinator._coordination_task, consumer._fetcher._fetch_task):
            if task is not None and task.done():
                return f"a task has ended: {task!r}"
        away = self.away_seconds()
        return f"no coordinator for {away:.0f} s" if away > patience_seconds else None

    async def commit_lag(self, offsets: Mapping[int, int]) -> None:
        """Kafka's committed offsets: shown as lag by Kafka's tools, never read by us. May raise."""

        async def commit() -> None:
            present = {tp for tp in self._consumer.assignment() if tp.topic == self.consumer.run_topic}
            at = {tp: OffsetAndMetadata(offsets[tp.partition], "") for tp in present if tp.partition in offsets}
            if at:
                await asyncio.wait_for(self._consumer.commit(at), COMMIT_SECONDS)

        await self.call_thread(commit)

    def log_ends(self) -> dict[int, int]:
        """The log ends that the last fetches told, without asking anybody."""
        consumer, topic = self._consumer, self.consumer.run_topic
        if consumer is None:
            return {}
        ends = {tp.partition: consumer.highwater(tp) for tp in consumer.assignment() if tp.topic == topic}
        return {number: end for number, end in ends.items() if end is not None}


class _NothingRead(dict[Any, Any]):
    """Faust drops what lies below the offset it delivered last, which races with a seek back; the fold knows better."""

    def __missing__(self, tp: object) -> None:
        return None

    def __setitem__(self, tp: object, offset: object) -> None:
        pass

    def update(self, *_: Any, **__: Any) -> None:
        """Remembers nothing."""


class Consumer(driver.Consumer):
    """Faust's consumer as the fold's host."""

    run_topic = ""
    keeper: Keeper

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._read_offset = _NothingRead()
        # From "assigned" to the next "revoked". In between, Faust already asks for seeks.
        self.is_stable = False

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: Any, record: Any) -> Any:
        if type(record) is not Chunk:
            return super()._to_message(tp, record)
        value: Any = record
        return ConsumerMessage(
            tp.topic, tp.partition, record.end - 1, 0.0, 0, [], None, value, None, 0, 0, tp,
            generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    def on_buffer_full(self, tp: Any) -> None:
        """Nothing: a full buffer blocks the putter, which is enough. Faust would sleep a second once all are full."""

    # --- the fold's host -------------------------------------------------------------------------------------

    def mine(self) -> set[int]:
        """The partitions assigned now."""
        return {tp.partition for tp in self.assignment() if tp.topic == self.run_topic} if self.is_stable else set()

    async def earliest(self, partitions: Collection[int]) -> Mapping[int, int]:
        """First offsets of the log."""
        found = await self._thread.earliest_offsets(*self._tps(partitions))
        return {tp.partition: offset for tp, offset in found.items()}

    async def ends(self, partitions: Collection[int]) -> Mapping[int, int]:
        """Ends of the log."""
        found = await self._thread.highwaters(*self._tps(partitions))
        return {tp.partition: offset for tp, offset in found.items()}

    async def seek_all(self, offsets: Mapping[int, int]) -> None:
        """Seeks in aiokafka's own thread; from any other it would race with a fetch."""
        await self._thread.seek_wait({TP(self.run_topic, number): at for number, at in offsets.items()})

    def _tps(self, partitions: Collection[int]) -> list[TP]:
        return [TP(self.run_topic, number) for number in partitions]

    # --- what Faust calls ------------------------------------------------------------------------------------

    async def perform_seek(self) -> None:
        """Seeks to what Redis holds, where Faust would seek to what Kafka has committed."""
        await self.keeper.reconcile(again=True)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stores what is counted before anybody else takes over."""
        await super().on_partitions_revoked(revoked)
        self.is_stable = False
        await self.keeper.release()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """From here on there is something to seek."""
        self.is_stable = True
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_stop(self) -> None:
        """Stores what is counted; then nothing is left to lose, and a thread that hangs must not hold up the end."""
        self.is_stable = False
        await self.keeper.release()
        last = threading.Timer(STOP_SECONDS, os._exit, [STOP_STATUS])
        last.daemon = True
        last.start()
        await super().on_stop()


class MemberHost:
    """The narrow door: Faust's consumer as the fold sees it."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def mine(self) -> set[int]:
        """The partitions assigned now."""
        return self._consumer.mine()

    async def earliest_offsets(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The first offsets that the log still has."""
        return await self._consumer.earliest(partitions)

    async def highwaters(self, partitions: Collection[int]) -> Mapping[int, int]:
        """The offsets that the next records will have."""
        return await self._consumer.ends(partitions)

    async def seek(self, offsets: Mapping[int, int]) -> None:
        """Goes on reading from these offsets."""
        await self._consumer.seek_all(offsets)


def transport_for(keeper: Keeper, topic: str) -> type:
    """The transport whose consumers hand over runs of a topic and ask the keeper for positions."""

    class BoundConsumer(Consumer):
        run_topic = topic

    BoundConsumer.keeper = keeper

    class Transport(driver.Transport):
        Consumer = BoundConsumer

    return Transport
