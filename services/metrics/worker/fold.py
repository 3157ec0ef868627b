"""The fold: which partitions are counted here, and their agreement with Redis, which alone decides how far each has come."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from services.metrics.domain.contributions import Memo
from services.metrics.domain.deltas import deltas
from services.metrics.domain.position import Stop
from services.metrics.domain.tally import Tally, together
from services.metrics.instruments import Instruments
from services.metrics.settings import Settings
from services.metrics.store.errors import RefusedError, StoreError, TornError, UnavailableError, WipingError
from services.metrics.store.ledger import Identity, Lease, Ledger, Memory, Move
from services.metrics.worker.chunks import Chunk
from services.metrics.worker.host import Host
from services.metrics.worker.identity import TopicDiffersError
from services.metrics.worker.lane import Lane
from services.metrics.worker.traces import Traces

# Between two turns for heartbeats and answers.
SLICE_RECORDS: Final = 2_000
# Records fetched before a seek may still be on their way; after that long a chunk that does not join up is no such record.
HEAL_SECONDS: Final = 3.0
# A partition that somebody newer has taken is not taken back before the group has had time to say whose it is.
FENCED_SECONDS: Final = 3.0
RETRY_SECONDS: Final = 0.5
# A topic that is not as was agreed is corrected by people.
CORRECTED_SECONDS: Final = 2.0
# Longer than a fetch in a backlog takes: after that long without one, the backlog is at its end.
PAUSE_SECONDS: Final = 0.25
STALLED_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)


class Fold:
    """Takes chunks, counts, stores. Whatever goes wrong, a lane is dropped and begun anew at what Redis holds."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        host: Callable[[], Host],
        identify: Callable[[], Awaitable[Identity]],
        instruments: Instruments,
    ) -> None:
        self.lanes: dict[int, Lane] = {}
        self.memo = Memo(settings.metrics_memo_pieces)
        self.redis_answered = time.monotonic()
        # Why nothing can be taken over: the topic is not as was agreed.
        self.differs: str | None = None
        self._settings = settings
        self._ledger = ledger
        self._host = host
        self._identify = identify
        self._instruments = instruments
        self._traces = Traces()
        self._not_before: dict[int, float] = {}
        self._retry_at = self._flushed = 0.0
        self._flushing, self._owning = asyncio.Lock(), asyncio.Lock()
        self._flushes = 0
        self._exit_before = int(settings.fault.partition(":")[2] or 0)

    # --- from Kafka ------------------------------------------------------------------------------------------

    async def take(self, chunk: Chunk) -> None:
        """Counts what joins up with what has been counted; everything else is dropped and read again."""
        lane = self.lanes.get(chunk.partition)
        # What comes of a stopped partition begins behind where it stands, and is counted by nobody.
        if lane is None or lane.is_dead or lane.stopped is not None or chunk.end <= lane.at:
            self._instruments.stale_chunks.inc()
            return
        since = 0
        for run in chunk.runs:
            if run.end <= lane.at:
                continue
            if run.start < lane.at:
                # A seek that was asked for before the records in front of it were counted. Nothing more may come for long.
                run = run.behind(lane.at)
            if run.start != lane.at:
                self._instruments.stale_chunks.inc()
                if time.monotonic() - lane.sought > HEAL_SECONDS:
                    self._drop(lane, "what came does not join up with what is counted")
                return
            if run.traces:
                self._traces.take(lane, run)
            else:
                lane.take(run)
            since += len(run.values)
            if since >= SLICE_RECORDS:
                since = 0
                await asyncio.sleep(0)
                if lane.is_dead:
                    return
        if self.pending > self._settings.metrics_pending_records_max:
            await self.flush()

    @property
    def pending(self) -> int:
        """Records that are counted and not stored."""
        return sum(lane.pending for lane in self.lanes.values())

    @property
    def stopped(self) -> dict[int, Stop]:
        """Partitions that count no further, with the reason."""
        return {number: lane.stopped for number, lane in self.lanes.items() if lane.stopped is not None}

    # --- to Redis --------------------------------------------------------------------------------------------

    async def tick(self) -> None:
        """Stores what waits; in a backlog seldom and much, which costs Redis less, and at its end at once."""
        settings, now = self._settings, time.monotonic()
        is_gathering = settings.metrics_backlog_records < self.pending < settings.metrics_gather_records
        is_coming = any(now - lane.moved < PAUSE_SECONDS for lane in self.lanes.values())
        if not (is_gathering and is_coming) or now - self._flushed > settings.metrics_backlog_seconds:
            await self.flush()

    async def flush(self) -> None:
        """Stores what all lanes have counted, in one step."""
        async with self._flushing:
            self._flushed = time.monotonic()
            moved = [lane for lane in self.lanes.values() if not lane.is_dead and lane.is_moved]
            if not moved:
                return
            self._flushes += 1
            if self._flushes == self._exit_before:
                os.kill(os.getpid(), signal.SIGKILL)
            torn: TornError | None = None
            try:
                for build in {lane.lease.build for lane in moved}:
                    torn = await self._store([lane for lane in moved if lane.lease.build == build]) or torn
            except BaseException as error:
                for lane in moved:
                    self._drop(lane, f"nobody knows whether its count was stored ({type(error).__name__})")
                raise
        if torn is not None:
            await self._wipe(torn)

    async def _store(self, lanes: Sequence[Lane]) -> TornError | None:
        """Of lanes of one build. Where one of them is in the way, nothing is stored: then the others without it."""
        # From here on the counts have handed over what they added: a lane that went on without knowing whether that was
        # stored would store a position beyond what it never told.
        steps = [(lane, *lane.step()) for lane in lanes]
        while steps:
            tally = together(each for _, _, each in steps)
            problems = await self._ledger.flush([move for _, move, _ in steps], deltas(tally))
            if not problems:
                self._stored([(lane, move) for lane, move, _ in steps], tally)
                return None
            for lane, _, _ in steps:
                if (problem := problems.get(lane.partition)) is not None:
                    self._give_up(lane, problem)
            steps = [step for step in steps if not step[0].is_dead]
            if torn := next((problem for problem in problems.values() if isinstance(problem, TornError)), None):
                return torn
        return None

    def _stored(self, moves: Sequence[tuple[Lane, Move]], tally: Tally) -> None:
        self.redis_answered = time.monotonic()
        self._instruments.flushes.inc()
        self._instruments.records.labels("counted").inc(tally.counted)
        self._instruments.records.labels("redelivered").inc(tally.dropped)
        for lane, move in moves:
            lane.base = move.to.next
            self._traces.stored(lane.partition, lane.base)
            if move.to.stopped is not None:
                lane.is_stop_stored = True
                extra = {"partition": lane.partition, "offset": move.to.next, "code": move.to.stopped}
                _log.error("partition %d stopped: %s", lane.partition, move.to.stopped, extra=extra)

    async def watch(self) -> Memory | None:
        """Looks whether Redis holds what was left there, and tells of its memory."""
        torn: TornError | None = None
        async with self._flushing:
            for build in {lane.lease.build for lane in self.lanes.values()}:
                lanes = [lane for lane in self.lanes.values() if lane.lease.build == build]
                try:
                    lost = await self._ledger.verify(
                        build, [(each.partition, each.base, each.lease.epoch) for each in lanes]
                    )
                except TornError as error:
                    torn = error
                else:
                    self.redis_answered = time.monotonic()
                    for number, problem in lost.items():
                        if (lane := self.lanes.get(number)) is not None:
                            self._give_up(lane, problem)
        if torn is not None:
            await self._wipe(torn)
        memory = await self._ledger.memory()
        self.redis_answered = time.monotonic()
        return memory

    def nudge(self, ends: Mapping[int, int]) -> None:
        """Begins those lanes anew to which nothing has come for long, although the log goes on: a seek was lost."""
        now = time.monotonic()
        for lane in list(self.lanes.values()):
            if lane.is_waiting(ends.get(lane.partition, 0), now, STALLED_SECONDS):
                self._drop(lane, "nothing came for long, although the log goes on")

    def _give_up(self, lane: Lane, problem: StoreError) -> None:
        """Drops a lane whose step was not stored, or nobody knows."""
        self._drop(lane, str(problem))
        if isinstance(problem, RefusedError):
            self._instruments.refused_flushes.inc()
            if problem.is_fenced:
                self._not_before[lane.partition] = time.monotonic() + FENCED_SECONDS
        elif isinstance(problem, UnavailableError):
            self._count_error(problem)

    def _count_error(self, problem: StoreError) -> None:
        # The first word is a name; what follows may be anything.
        self._instruments.redis_errors.labels(str(problem).split(" ", 1)[0][:40]).inc()

    async def _wipe(self, torn: TornError | WipingError) -> None:
        """Everything is counted anew, by all workers: the figures of all partitions lie together."""
        for lane in list(self.lanes.values()):
            self._drop(lane, str(torn))
        try:
            if isinstance(torn, TornError):
                _log.error("the figures are torn (%s): wiping them, counting from the beginning", torn)
                await self._ledger.wipe(torn.build)
            else:
                await self._ledger.wipe(torn.build, is_begun=True)
        except StoreError as error:
            _log.warning("wiping was interrupted and goes on later: %s", error)
            self._retry_at = time.monotonic() + RETRY_SECONDS

    def _drop(self, lane: Lane, why: str) -> None:
        lane.is_dead = True
        self._traces.dropped(lane.partition)
        if self.lanes.get(lane.partition) is lane:
            del self.lanes[lane.partition]
            place = {"partition": lane.partition, "offset": lane.base}
            _log.warning("partition %d is begun anew: %s", lane.partition, why, extra=place)

    # --- ownership -------------------------------------------------------------------------------------------

    async def reconcile(self, again: bool = False) -> None:
        """Takes every assigned partition that is not counted yet; `again`: the others are sought once more, too."""
        async with self._owning:
            now = time.monotonic()
            live = {number: lane for number, lane in self.lanes.items() if again and not lane.is_dead}
            missing = {n for n in self._host().mine() - set(self.lanes) if self._not_before.get(n, 0.0) <= now}
            fresh = await self._acquire(missing) if missing and now >= self._retry_at else {}
            mine = self._host().mine()
            chosen = {n: lane for n, lane in {**live, **fresh}.items() if n in mine and not lane.is_dead}
            for number, lane in chosen.items():
                lane.sought = time.monotonic()
                if number in fresh:
                    self.lanes[number] = lane
                    self._instruments.acquisitions.inc()
            if fresh:
                for number in sorted(chosen.keys() & fresh.keys()):
                    place = {"partition": number, "offset": chosen[number].at}
                    _log.info("counting partition %d", number, extra=place)
            if chosen:
                # Of a stopped partition nothing is wanted but that it does not hold up the others.
                try:
                    await self._host().seek({n: lane.target if lane.stopped else lane.at for n, lane in chosen.items()})
                except BaseException:
                    for lane in chosen.values():
                        self._drop(lane, "the seek was lost")
                    raise

    async def _acquire(self, numbers: set[int]) -> dict[int, Lane]:
        lanes: dict[int, Lane] = {}
        try:
            # Without Redis there is nothing to ask Kafka for.
            await self._ledger.memory()
        except StoreError as error:
            self._not_now(error)
            return lanes
        # What differed before may be gone, whatever comes in the way of asking.
        before, self.differs = self.differs, None
        try:
            identity = await self._identify()
        except TopicDiffersError as error:
            self.differs = str(error)
            if before != self.differs:
                _log.error("partitions are not taken over: %s", error)
            self._retry_at = time.monotonic() + CORRECTED_SECONDS
            return lanes
        first = await self._host().earliest_offsets(numbers)
        last = await self._host().highwaters(numbers)
        try:
            for number in sorted(numbers):
                lease: Lease = await self._ledger.acquire(number, last[number])
                self.redis_answered = time.monotonic()
                end = last[number]
                if lease.position.next > end:
                    # Until it was fenced, the former owner may have stored what had come in since the end was asked for.
                    end = (await self._host().highwaters({number}))[number]
                if lease.is_first and end:
                    self._instruments.wipes.inc()
                    place = {"partition": number, "offset": 0}
                    _log.warning("of partition %d nothing is stored: all of its log is counted", number, extra=place)
                lanes[number] = Lane(lease, identity, self.memo, first[number], end)
        except (TornError, WipingError) as error:
            await self._wipe(error)
            return {}
        except StoreError as error:
            self._not_now(error)
        return lanes

    def _not_now(self, error: StoreError) -> None:
        self._count_error(error)
        _log.warning("partitions are not taken over: Redis: %s", error)
        self._retry_at = time.monotonic() + RETRY_SECONDS

    async def release(self) -> None:
        """Stores what is counted and lets go of every partition."""
        try:
            await asyncio.wait_for(self.flush(), self._settings.metrics_call_seconds)
        except Exception as error:  # whatever it was: a partition that is somebody else's must not be kept for it
            _log.warning("what was counted last is left to the next owner: %r", error)
        for lane in list(self.lanes.values()):
            lane.is_dead = True
        self.lanes.clear()
        self._not_before.clear()
