"""The fold on a real Valkey, with what it reads given by hand: errors nobody foresaw lose no count, stopped ones rest."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence

import pytest

from contracts.topics import PARTITIONS
from services.metrics.domain.deltas import Deltas
from services.metrics.instruments import Instruments
from services.metrics.settings import Settings
from services.metrics.store.errors import StoreError
from services.metrics.store.ledger import Identity, Ledger, Move
from services.metrics.worker.chunks import Chunk, Run
from services.metrics.worker.fold import HEAL_SECONDS, Fold
from tests.integration.metrics_logs import Log, a_log, held, positions
from tests.province import Province

pytestmark = pytest.mark.kafka

LOG = a_log(60)
HERE = Identity("cluster", "topic")
STOPPED = 3


class Reading:
    """A member that owns every partition of a log in memory, and reads where it was told to."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._at: dict[int, int] = {}

    def mine(self) -> set[int]:
        return set(range(PARTITIONS))

    async def earliest_offsets(self, partitions: Collection[int]) -> Mapping[int, int]:
        return dict.fromkeys(partitions, 0)

    async def highwaters(self, partitions: Collection[int]) -> Mapping[int, int]:
        return {number: len(self.log.partitions[number]) for number in partitions}

    async def seek(self, offsets: Mapping[int, int]) -> None:
        self._at |= offsets

    def chunks(self) -> Iterator[Chunk]:
        """What has come in since, partition by partition."""
        for number, line in enumerate(self.log.partitions):
            if sent := line[self._at[number] :]:
                start, self._at[number] = self._at[number], len(line)
                run = Run(start, len(line), [each.value for each in sent], [each.chain.encode() for each in sent])
                yield Chunk(number, [run])


class Broken(Ledger):
    """A ledger that fails, when told to, as nobody has foreseen: before it has stored anything, or behind it."""

    fails = ""

    async def flush(self, moves: Sequence[Move], deltas: Deltas) -> dict[int, StoreError]:
        fails, self.fails = self.fails, ""
        if fails == "before":
            raise RuntimeError(fails)
        told = await super().flush(moves, deltas)
        if fails == "behind":
            raise RuntimeError(fails)
        return told


class Scene:
    """A fold, what it reads and what it writes to."""

    def __init__(self, province: Province, log: Log) -> None:
        self.reading = Reading(log)
        self.ledger = Broken(province.redis_url, 1, 5.0)
        self.instruments = Instruments()
        self.fold = Fold(Settings(), self.ledger, lambda: self.reading, _here, self.instruments)

    async def come_round(self) -> None:
        """What the worker does again and again."""
        await self.fold.reconcile()
        for chunk in self.reading.chunks():
            await self.fold.take(chunk)
        await self.fold.flush()

    def acquisitions(self) -> float | None:
        return self.instruments.registry.get_sample_value("motcua_metrics_acquisitions_total")


async def _here() -> Identity:
    return HERE


def play(province: Province, log: Log, act: Callable[[Scene], Awaitable[None]]) -> None:
    async def run() -> None:
        scene = Scene(province, log)
        try:
            await act(scene)
        finally:
            await scene.ledger.close()

    asyncio.run(run())


@pytest.mark.parametrize("where", ["before", "behind"])
def test_an_error_that_nobody_foresaw_loses_nothing_and_counts_nothing_twice(province: Province, where: str) -> None:
    """Whether the step was stored or not, nobody knows: the count begins anew at what Redis holds."""

    async def act(scene: Scene) -> None:
        await scene.come_round()
        scene.reading.log = LOG.part(0, 0.7)
        scene.ledger.fails = where
        with pytest.raises(RuntimeError):
            await scene.come_round()
        scene.reading.log = LOG
        await scene.come_round()
        await scene.come_round()

    play(province, LOG.part(0, 0.3), act)
    assert held(province) == LOG.figures()
    assert [position["next"] for position in positions(province)] == [str(len(line)) for line in LOG.partitions]


def test_one_partition_that_somebody_else_has_taken_keeps_the_others_from_nothing(province: Province) -> None:
    """Its count is not stored and theirs is, in the same round; where its new owner goes on, nothing is counted twice."""

    async def act(scene: Scene) -> None:
        other = Ledger(province.redis_url, 1, 5.0)
        try:
            await scene.fold.reconcile()
            await other.acquire(STOPPED, 1)
        finally:
            await other.close()
        for chunk in scene.reading.chunks():
            await scene.fold.take(chunk)
        await scene.fold.flush()
        assert scene.instruments.registry.get_sample_value("motcua_metrics_refused_flushes_total") == 1
        assert set(scene.fold.lanes) == set(range(PARTITIONS)) - {STOPPED}
        counted = [[] if number == STOPPED else line for number, line in enumerate(LOG.partitions)]
        assert held(province) == Log(counted).figures()

    play(province, LOG, act)
    play(province, LOG, lambda scene: scene.come_round())
    assert held(province) == LOG.figures()


def test_an_error_that_nobody_foresaw_does_not_keep_partitions_that_are_somebody_else_s(province: Province) -> None:
    """They are let go of, and their next owner counts what was not stored."""

    async def give_up(scene: Scene) -> None:
        await scene.fold.reconcile()
        for chunk in scene.reading.chunks():
            await scene.fold.take(chunk)
        scene.ledger.fails = "before"
        await scene.fold.release()
        assert scene.fold.lanes == {}

    play(province, LOG, give_up)
    play(province, LOG, lambda scene: scene.come_round())
    assert held(province) == LOG.figures()


def test_a_partition_that_was_stopped_before_a_new_start_rests_while_records_come(province: Province) -> None:
    """Taken over once and left alone: taking it again and again would read its log and ask Redis for nothing."""
    damaged = Log([list(line) for line in LOG.part(0, 0.5).partitions])
    del damaged.partitions[STOPPED][1]
    longer = Log([line + LOG.partitions[number][len(line) :] for number, line in enumerate(damaged.partitions)])
    play(province, damaged, lambda scene: scene.come_round())
    assert positions(province)[STOPPED]["stopped"] == "gap"

    async def act(scene: Scene) -> None:
        await scene.fold.reconcile()
        scene.reading.log = longer
        for lane in scene.fold.lanes.values():
            lane.sought -= HEAL_SECONDS + 1
        await scene.come_round()
        assert scene.fold.stopped == {STOPPED: "gap"}
        assert scene.acquisitions() == PARTITIONS

    play(province, damaged, act)
    assert [position.get("stopped") for position in positions(province)].count(None) == PARTITIONS - 1
    counted = [line[:1] if number == STOPPED else line for number, line in enumerate(LOG.partitions)]
    assert held(province) == Log(counted).figures()
