"""What becomes of partitions: taken over, let go, fenced off, torn, stopped, by what is stored and what was sent."""

import logging
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from contracts import deadletters, lifecycle, topics
from contracts.lifecycle import CHAIN_HEADER
from contracts.topics import REPORTED
from services.processing.domain import takeover
from services.processing.domain.generation import GEN
from services.processing.domain.line import Position
from services.processing.domain.takeover import Tail
from services.processing.errors import TornError
from services.processing.log.membership import Membership
from services.processing.log.reading import Bounds, Place, Reader
from services.processing.log.records import Record
from services.processing.store.store import Held, Identity, Store
from services.processing.worker.lane import Lane
from services.processing.worker.state import State

AGAIN_SECONDS: Final = 1.0
NOTHING_READ: Final = -1
LIFECYCLE: Final = topics.lifecycle(GEN).name
REJECTED: Final = topics.rejected(GEN).name
_log = logging.getLogger(__name__)

MakeLane = Callable[[int, Position, Tail], Lane]


class Log(NamedTuple):
    """The log as it is just now: who it is, where its partitions end, what was sent."""

    cluster: str
    topic: str
    bounds: dict[tuple[str, int], Bounds]
    last: dict[Place, Record]


class Ownership:
    """The lanes of the partitions that this worker owns, and why others of them rest."""

    def __init__(self, store: Store, reader: Reader, make_lane: MakeLane, state: State) -> None:
        self.lanes: dict[int, Lane] = {}
        self.epochs: dict[int, str] = {}
        self._store = store
        self._reader = reader
        self._make_lane = make_lane
        self._state = state
        self._identities: dict[int, Identity] = {}
        self._again_at: dict[int, float] = {}
        self._torn: set[int] = set()
        self._cluster = self._topic = ""

    def take_over(self, partitions: list[int]) -> dict[int, int | None]:
        """Where to begin in each of these partitions; None for one that must rest."""
        log = self._look(partitions)
        return {number: self._take(number, log) for number in partitions}

    def let_go(self, partitions: list[int]) -> None:
        """These belong to somebody else now."""
        for number in partitions:
            self._forget(number)
            self._again_at.pop(number, None)
            self._state.gone(number)

    def add(self, number: int, record: Record) -> None:
        """A record that came in; what is not the next one of its lane is left out, and the lane comes back for it."""
        if (lane := self.lanes.get(number)) is None:
            return
        if record.offset == lane.next_offset:
            lane.add((record,))
        elif record.offset > lane.next_offset:
            self._again_at[number] = time.monotonic()
            self._forget(number)
            _log.warning("partition %d: %d came where %d was next", number, record.offset, lane.next_offset)

    def come_back(self, membership: Membership) -> None:
        """Takes fenced and torn partitions again that are still ours after a poll, each at most once a second."""
        now = time.monotonic()
        due = sorted(number for number, at in self._again_at.items() if at <= now and number in membership.owned)
        if not due:
            return
        for number in due:
            del self._again_at[number]
        for number, begin in self.take_over(due).items():
            if begin is None:
                membership.rest(number)
            else:
                membership.seek(number, begin)
                membership.wake(number)

    def lost_ends(self, membership: Membership) -> None:
        """Partitions whose log does not reach where we stand: it is not the log that we folded."""
        while membership.out_of_range:
            self.stop(membership, membership.out_of_range.pop(), "log_changed", "the log does not hold the next offset")

    def fenced(self, membership: Membership, number: int, why: str) -> None:
        """Somebody or something moved the stored state: forget what is known of it, look again a little later."""
        _log.warning("partition %d: %s", number, why)
        self._state.fenced()
        self._forget(number)
        membership.rest(number)
        self._again_at[number] = time.monotonic() + AGAIN_SECONDS

    def torn(self, membership: Membership, error: TornError) -> None:
        """What is stored cannot be trusted: the partition is wiped and folded from the start."""
        _log.error("%s", error)
        number = error.partition
        self._forget(number)
        membership.rest(number)
        self._torn.add(number)
        self._again_at[number] = time.monotonic() + AGAIN_SECONDS

    def stop(self, membership: Membership, number: int, reason: str, detail: str) -> None:
        """The partition goes no further, and says so until somebody has looked."""
        self._forget(number)
        membership.rest(number)
        self._state.stopped(number, reason)
        _log.error("partition %d stopped, %s: %s", number, reason, detail)

    def identity(self, number: int, lane: Lane) -> Identity:
        """By what the log will be known again after this commit."""
        if lane.last is not None:
            return Identity(self._cluster, self._topic, lane.last.offset, lane.last.digest())
        return self._identities.get(number) or Identity(self._cluster, self._topic, NOTHING_READ, b"")

    # --- taking ----------------------------------------------------------------------------------------------

    def _look(self, partitions: list[int]) -> Log:
        bounds = self._reader.bounds((REPORTED.name, LIFECYCLE, REJECTED), partitions)
        ends = [
            Place(topic, number, bounds[topic, number].end - 1)
            for topic in (LIFECYCLE, REJECTED)
            for number in partitions
            if bounds[topic, number].end > bounds[topic, number].first
        ]
        self._cluster, self._topic = self._reader.cluster(), self._reader.topic_id(REPORTED.name)
        return Log(self._cluster, self._topic, bounds, self._reader.at(ends))

    def _take(self, number: int, log: Log) -> int | None:
        self._forget(number)
        held = self._store.acquire(number)
        self.epochs[number] = held.epoch
        tail = self._tail(number, log)
        position = held.position
        is_torn = held.is_unclean or number in self._torn
        verdict: takeover.Verdict = "wipe" if is_torn else self._judge(held, tail, log)
        if verdict == "wipe":
            self._state.wiped()
            _log.warning("partition %d: folded from the start", number)
            if not self._store.wipe(held):
                self._again_at[number] = time.monotonic() + AGAIN_SECONDS
                return None
            self._torn.discard(number)
            position, held = Position(), Held(number, held.epoch, "0.0", Position(), None)
            verdict = self._judge(held, tail, log)
        if verdict != "go_on":
            del self.epochs[number]
            self._state.stopped(number, verdict)
            _log.error("partition %d stopped at take-over: %s", number, verdict)
            return None
        if held.identity is not None:
            self._identities[number] = held.identity
        self.lanes[number] = self._make_lane(number, position, tail)
        self._state.taken(number)
        return position.offset

    def _judge(self, held: Held, tail: Tail, log: Log) -> takeover.Verdict:
        end = log.bounds[REPORTED.name, held.partition].end
        return takeover.judge(held.position, tail, log_is_same=self._is_same(held, log), reported_end=end)

    def _is_same(self, held: Held, log: Log) -> bool:
        """The record that was read last is read again: another cluster, topic or record is another log."""
        known = held.identity
        if known is None:
            return held.position.offset == 0
        if (known.cluster, known.topic) != (log.cluster, log.topic):
            return False
        if known.offset == NOTHING_READ:
            return True
        if known.offset >= log.bounds[REPORTED.name, held.partition].end:
            return False
        place = Place(REPORTED.name, held.partition, known.offset)
        found = self._reader.at((place,)).get(place)
        return found is not None and found.digest() == known.digest

    def _tail(self, number: int, log: Log) -> Tail:
        last = {place.topic: record for place, record in log.last.items() if place.partition == number}
        src = chain = letter_src = None
        if (record := last.get(LIFECYCLE)) is not None:
            src = lifecycle.decode(record.value or b"").src
            chain = bytes.fromhex((dict(record.headers).get(CHAIN_HEADER) or b"").decode())
        if (record := last.get(REJECTED)) is not None:
            letter_src = deadletters.from_record(record.key, record.value, record.headers).src
        return Tail(src, chain, letter_src)

    def _forget(self, number: int) -> None:
        self.lanes.pop(number, None)
        self.epochs.pop(number, None)
        self._identities.pop(number, None)
