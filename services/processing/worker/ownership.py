"""What becomes of partitions: taken over, let go, fenced off, torn, stopped, by what is stored and what was sent."""

import logging
import time
from collections.abc import Callable
from typing import Final

from services.processing.domain import takeover
from services.processing.domain.line import Position
from services.processing.domain.takeover import Tail
from services.processing.errors import TornError
from services.processing.instruments import Wiped
from services.processing.log import archive
from services.processing.log.archive import NotOpenedError, TopicDiffersError
from services.processing.log.membership import Membership
from services.processing.log.reading import Reader
from services.processing.log.records import Record
from services.processing.store.store import Held, Identity, Store
from services.processing.worker.lane import Lane
from services.processing.worker.looking import Found, look
from services.processing.worker.state import State

AGAIN_SECONDS: Final = 1.0
# A topic that is not as it must be stops its partitions; whoever corrects it need start nobody anew.
CORRECTED_SECONDS: Final = 30.0
NOTHING_READ: Final = -1
_log = logging.getLogger(__name__)

MakeLane = Callable[[int, Position, Tail], Lane]


class Ownership:
    """The lanes of the partitions that this worker owns, and why others of them rest.

    `settle` waits, within a bound, until what was sent has arrived: a successor should find it.
    """

    def __init__(
        self,
        store: Store,
        reader: Reader,
        gen: int,
        make_lane: MakeLane,
        settle: Callable[[], None],
        state: State,
        cache_dossiers: int,
    ) -> None:
        self.lanes: dict[int, Lane] = {}
        self.epochs: dict[int, str] = {}
        self._store = store
        self._reader = reader
        self._gen = gen
        self._make_lane = make_lane
        self._settle = settle
        self._state = state
        self._cache_dossiers = cache_dossiers
        # Where partitions stood when they were last folded or taken over, whether they are folded now or not.
        self._stood: dict[int, Position] = {}
        self._identities: dict[int, Identity] = {}
        self._again_at: dict[int, float] = {}
        self._torn: set[int] = set()
        self._cluster = self._topic = ""

    @property
    def resting(self) -> list[int]:
        """Partitions of ours that are taken again as soon as they may be."""
        return sorted(self._again_at)

    @property
    def stood(self) -> dict[int, Position]:
        """How far each partition of ours is folded, also one that rests or has stopped."""
        return self._stood | {number: lane.position for number, lane in self.lanes.items()}

    def take_over(self, partitions: list[int]) -> dict[int, int | None]:
        """Where to begin in each of these partitions; None for one that must rest."""
        for number in partitions:
            self._forget(number)
        held = {number: self._store.acquire(number) for number in partitions}
        self._stood |= {number: each.position for number, each in held.items()}
        try:
            archive.check_topics(self._gen, self._reader)
        except (TopicDiffersError, NotOpenedError) as error:
            for number in partitions:
                self._stop_at_take_over(number, "log_changed", str(error))
                self._again_at[number] = time.monotonic() + CORRECTED_SECONDS
            return dict.fromkeys(partitions)
        logs = look(self._reader, self._gen, held.values())
        self._cluster, self._topic = logs.cluster, logs.topic
        begin = {number: self._take(each, logs.of[number]) for number, each in held.items()}
        self._share_memory()
        return begin

    def let_go(self, partitions: list[int]) -> None:
        """These belong to somebody else now."""
        self._settle()
        for number in partitions:
            self._forget(number)
            self._again_at.pop(number, None)
            self._torn.discard(number)
            self._stood.pop(number, None)
            self._state.gone(number)
        self._share_memory()

    def add(self, number: int, record: Record) -> None:
        """A record that came in; what is not the next one of its lane is left out, and the lane comes back for it."""
        if (lane := self.lanes.get(number)) is None:
            return
        if record.offset == lane.next_offset:
            lane.add((record,))
        elif record.offset > lane.next_offset:
            place = {"partition": number, "offset": lane.next_offset}
            _log.warning("partition %d: another record came than the next one", number, extra=place)
            self._forget(number)
            self._again_at[number] = time.monotonic() + AGAIN_SECONDS

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
        _log.warning("partition %d: %s", number, why, extra={"partition": number})
        self._state.fenced()
        self._rest(membership, number)

    def torn(self, membership: Membership, error: TornError) -> None:
        """What is stored cannot be trusted: the partition is wiped and folded from the start."""
        _log.error("%s", error, extra={"partition": error.partition})
        self._torn.add(error.partition)
        self._rest(membership, error.partition)

    def stop(self, membership: Membership, number: int, reason: str, detail: str) -> None:
        """The partition goes no further, and says so until somebody has looked."""
        self._forget(number)
        membership.rest(number)
        self._state.stopped(number, reason)
        _log.error("partition %d stopped, %s: %s", number, reason, detail, extra={"partition": number, "code": reason})

    def identity(self, number: int, lane: Lane) -> Identity:
        """By what the log will be known again after this commit."""
        if lane.last is not None:
            return Identity(self._cluster, self._topic, lane.last.offset, lane.last.digest())
        return self._identities.get(number) or Identity(self._cluster, self._topic, NOTHING_READ, b"")

    # --- taking ----------------------------------------------------------------------------------------------

    def _take(self, held: Held, found: Found) -> int | None:
        number, verdict = held.partition, _judge(held, found)
        if verdict != "log_changed" and (held.is_unclean or number in self._torn):
            verdict = "wipe"
        if verdict == "wipe":
            _log.warning("partition %d: wiped, folded from the start", number, extra={"partition": number})
            why = self._why_wiped(held, found)
            if not self._store.wipe(held):
                self._again_at[number] = time.monotonic() + AGAIN_SECONDS
                return None
            self._state.wiped(why)
            self._torn.discard(number)
            held = Held(number, held.epoch, "", Position(), None)
            self._stood[number] = held.position
            verdict = _judge(held, found._replace(is_same=True))
        if verdict != "go_on" or found.tail is None:
            self._stop_at_take_over(number, verdict)
            return None
        if held.identity is not None:
            self._identities[number] = held.identity
        self.epochs[number] = held.epoch
        self.lanes[number] = self._make_lane(number, held.position, found.tail)
        self._state.taken(number)
        return held.position.offset

    def _why_wiped(self, held: Held, found: Found) -> Wiped:
        if held.is_torn or held.partition in self._torn:
            return "torn"
        if not held.is_unclean:
            return "log_behind"
        if not held.is_first:
            return "unclean"
        tail = found.tail
        return "new" if tail is not None and tail.src is None and tail.letter_src is None else "gone"

    def _stop_at_take_over(self, number: int, reason: str, detail: str = "") -> None:
        self._state.stopped(number, reason, detail)
        told = {"partition": number, "code": reason}
        _log.error("partition %d stopped at take-over: %s", number, detail or reason, extra=told)

    def _rest(self, membership: Membership, number: int) -> None:
        self._forget(number)
        membership.rest(number)
        self._again_at[number] = time.monotonic() + AGAIN_SECONDS

    def _forget(self, number: int) -> None:
        if (lane := self.lanes.pop(number, None)) is not None:
            self._stood[number] = lane.pending.begin
        self.epochs.pop(number, None)
        self._identities.pop(number, None)

    def _share_memory(self) -> None:
        for lane in self.lanes.values():
            lane.cache_dossiers = self._cache_dossiers // len(self.lanes)


def _judge(held: Held, found: Found) -> takeover.Verdict:
    if found.tail is None:
        return "diverged" if found.is_same else "log_changed"
    return takeover.judge(held.position, found.tail, log_is_same=found.is_same, reported_end=found.reported_end)
