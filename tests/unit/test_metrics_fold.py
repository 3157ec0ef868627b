"""Taking partitions over, at the seams to Kafka and Redis: what the former owner did until it was fenced."""

import asyncio
from collections.abc import Collection, Mapping
from typing import cast

import pytest

from services.metrics.domain.position import Position, Stop
from services.metrics.instruments import Instruments
from services.metrics.settings import Settings
from services.metrics.store.ledger import Identity, Lease, Ledger
from services.metrics.worker.fold import Fold

HERE = Identity("cluster", "topic")


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


async def _here() -> Identity:
    return HERE
