"""Taking partitions over, at the seams to Kafka and Redis: what the former owner did until it was fenced."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import cast

import pytest
from prometheus_client import generate_latest

from benchmarks.lifecycle_lines import lines
from services.metrics.domain.deltas import Deltas
from services.metrics.domain.position import Position, Stop
from services.metrics.instruments import Instruments
from services.metrics.settings import Settings
from services.metrics.store.errors import StoreError
from services.metrics.store.ledger import Identity, Lease, Ledger, Move
from services.metrics.worker import fold as folds
from services.metrics.worker.chunks import Chunk, Run
from services.metrics.worker.fold import PAUSE_SECONDS, Fold
from services.metrics.worker.identity import NotThereError, TopicDiffersError

HERE = Identity("cluster", "topic")
SENT = lines(100, 1)[0][:60]


class Kafka:
    """Two partitions of ten records each."""

    def __init__(self) -> None:
        self.ends = {0: 10, 1: 10}

    def mine(self) -> set[int]:
        return set(self.ends)

    async def earliest_offsets(self, partitions: Collection[int]) -> Mapping[int, int]:
        return dict.fromkeys(partitions, 0)

    async def highwaters(self, partitions: Collection[int]) -> Mapping[int, int]:
        return {number: self.ends[number] for number in partitions}

    async def seek(self, offsets: Mapping[int, int]) -> None:
        pass


class Store:
    """A ledger in which the former owner stores up to a place before it is fenced, while the log grows."""

    def __init__(self, kafka: Kafka, end: int, stored: int) -> None:
        self._kafka, self._end, self._stored = kafka, end, stored

    async def memory(self) -> None:
        return None

    async def acquire(self, partition: int, target: int) -> Lease:
        assert target == 10
        self._kafka.ends[1] = self._end
        return Lease(partition, "b", 2, Position(next=self._stored if partition else 10, read="c"), HERE)


class Fresh(Store):
    """A ledger that holds nothing yet, and keeps in mind up to where it was told to store."""

    def __init__(self) -> None:
        self.stored: list[int] = []

    async def acquire(self, partition: int, target: int) -> Lease:
        return Lease(partition, "b", 1, Position(), None)

    async def flush(self, moves: Sequence[Move], deltas: Deltas) -> dict[int, StoreError]:
        self.stored += [move.to.next for move in moves]
        return {}


@pytest.mark.parametrize(
    ("end", "stored", "stopped"), [(14, 12, {}), (12, 12, {}), (10, 10, {}), (10, 12, {1: "log_changed"})]
)
def test_what_the_former_owner_stored_last_is_no_other_log(end: int, stored: int, stopped: dict[int, Stop]) -> None:
    """Beyond the end that was asked for before: the end is asked for once more. Beyond that, too, the log is another."""

    async def reconcile() -> Fold:
        kafka = Kafka()
        ledger = cast(Ledger, Store(kafka, end, stored))
        fold = Fold(Settings(), ledger, lambda: kafka, _here, Instruments())
        await fold.reconcile()
        return fold

    fold = asyncio.run(reconcile())
    assert {number: lane.base for number, lane in fold.lanes.items()} == {0: 10, 1: stored}
    assert fold.stopped == stopped


def test_a_topic_that_is_not_as_was_agreed_is_not_taken_over_until_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ends by it, not even in the middle of a change of the group: the next round looks again."""
    monkeypatch.setattr(folds, "CORRECTED_SECONDS", 0.0)
    told = iter([TopicDiffersError("log_changed: by its settings"), NotThereError("no such topic"), None])

    async def identify() -> Identity:
        if (differs := next(told)) is not None:
            raise differs
        return HERE

    async def play() -> None:
        kafka = Kafka()
        fold = Fold(Settings(), cast(Ledger, Fresh()), lambda: kafka, identify, Instruments())
        await fold.reconcile(again=True)
        assert (fold.lanes, fold.differs) == ({}, "log_changed: by its settings")
        with pytest.raises(NotThereError):
            await fold.reconcile()
        assert (fold.lanes, fold.differs) == ({}, None), "of what is not there nobody knows its settings"
        await fold.reconcile()
        assert ([*fold.lanes], fold.differs) == ([0, 1], None)

    asyncio.run(play())


def chunk(start: int, end: int) -> Chunk:
    """A stretch of partition 0's log."""
    part = SENT[start:end]
    return Chunk(0, [Run(start, end, [each.value for each in part], [each.chain.encode() for each in part])])


def test_records_that_come_once_more_before_new_ones_keep_those_from_nobody() -> None:
    """A seek back that was asked for a moment too late brings both in one run, and perhaps nothing more for long."""

    async def play() -> list[int]:
        ledger, kafka = Fresh(), Kafka()
        fold = Fold(Settings(), cast(Ledger, ledger), lambda: kafka, _here, Instruments())
        await fold.reconcile()
        for first, end in ((0, 4), (2, 6), (3, 5), (0, 9)):
            await fold.take(chunk(first, end))
            await fold.flush()
        return ledger.stored

    assert asyncio.run(play()) == [4, 6, 9]


def test_what_lies_behind_a_hole_of_the_log_has_no_records_before_it() -> None:
    run = Run(3, 9, [b"3", b"4"], [b"c", b"d"], ((3, b"t"), (4, b"u")))
    assert run.behind(4) == Run(4, 9, [b"4"], [b"d"], [(4, b"u")])
    assert run.behind(7) == Run(7, 9, [], [], [])


def test_the_end_of_a_backlog_is_stored_at_once() -> None:
    """While records come they gather; when no more come, the board does not wait for what would have come."""

    async def play() -> list[list[int]]:
        ledger, kafka = Fresh(), Kafka()
        settings = Settings(metrics_backlog_records=5, metrics_backlog_seconds=60.0)
        fold = Fold(settings, cast(Ledger, ledger), lambda: kafka, _here, Instruments())
        await fold.reconcile()
        await fold.take(chunk(0, 1))
        await fold.tick()
        seen = [list(ledger.stored)]
        for end in (30, 60):
            await fold.take(chunk(fold.lanes[0].at, end))
            await fold.tick()
            seen.append(list(ledger.stored))
        await asyncio.sleep(PAUSE_SECONDS)
        await fold.tick()
        return [*seen, list(ledger.stored)]

    assert asyncio.run(play()) == [[1], [1], [1], [1, 60]]


def test_a_worker_tells_which_partitions_count_no_further() -> None:
    """By number, as their lag is: whoever leaves them out of it asks nobody else; one that is given up leaves nothing."""
    instruments = Instruments()
    for stopped in ({3: "gap", 5: "gap"}, {5: "gap"}):
        instruments.tell_stopped(stopped)
        told = generate_latest(instruments.registry).decode()
        assert f'motcua_metrics_stopped_partitions{{reason="gap"}} {len(stopped)}.0' in told
        named = [number for number in range(12) if f'_worker_stopped{{partition="{number}",reason="gap"}} 1.0' in told]
        assert named == [*stopped]


async def _here() -> Identity:
    return HERE
