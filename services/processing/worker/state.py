"""What the worker tells of itself: reasons why it is not ready, and its figures; written by the fold, read by its door."""

import time
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from prometheus_client import generate_latest

from contracts import instants
from services.processing.domain.line import Position
from services.processing.instruments import Instruments, Wiped
from services.processing.log.membership import Membership
from services.processing.log.sending import Sender
from services.processing.worker.lane import Lane

STALLED_SECONDS: Final = 30.0
UNACKNOWLEDGED_SECONDS: Final = 5.0
SERVERS: Final = ("kafka", "redis")


class _Reached(NamedTuple):
    """How far a partition is folded: records left, when the last folded one was stored (µs), its log clock (µs), and when
    records were stored at which the fold failed (µs)."""

    left: int
    recorded_at: int | None
    log_clock: int | None
    failed_at: tuple[int, ...]


class _Stop(NamedTuple):
    """Why a partition goes no further, and what somebody can do about it, where that is known."""

    reason: str
    detail: str


class State:
    """Plain values that one thread writes and another reads; each is replaced whole."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._waiting: str | None = "starting"
        self._has_joined = False
        self._away: tuple[str, ...] = ()
        self._redis: str | None = None
        self._resting: tuple[int, ...] = ()
        self._stopped: dict[int, _Stop] = {}
        self._reached: dict[int, _Reached] = {}
        self._ends: Mapping[int, int] = {}
        self._clock_jump = 0
        self._sender: Sender | None = None
        self._kafka_erred = False
        self._turned = time.monotonic()

    # --- told by the fold --------------------------------------------------------------------------------------

    def waits_for(self, what: str | None) -> None:
        """Nothing is folded until this is there; None: it is."""
        self._waiting = what
        self.came_round()

    def sends_by(self, sender: Sender) -> None:
        """Whose outstanding records are told of."""
        self._sender = sender

    def lives_by(self, clock: str) -> None:
        """The clock of the archive, `wall` or `log`."""
        self._instruments.clock.labels(clock).set(1)

    def clock_went(self, jump: int) -> None:
        """By how many microseconds this machine's clock was set; while it is not 0, no time is let pass."""
        self._clock_jump = jump

    def came_round(self) -> None:
        """The loop is alive, even if it only waits."""
        self._turned = time.monotonic()

    def kafka_error(self, name: str) -> None:
        """Kafka or its client has reported an error."""
        self._kafka_erred = True
        self._instruments.kafka_errors.labels(name).inc()

    def kafka_erred(self) -> bool:
        """Whether it has since somebody last asked."""
        erred, self._kafka_erred = self._kafka_erred, False
        return erred

    @property
    def is_unacknowledged(self) -> bool:
        """Whether Kafka has been waited for longer than it should be."""
        return self._waited() > UNACKNOWLEDGED_SECONDS

    def redis_error(self, name: str) -> None:
        """Redis or its client has reported an error."""
        self._instruments.redis_errors.labels(name).inc()

    def redis_says(self, why: str | None) -> None:
        """Why Redis should not be written to as it is set up; None: it may."""
        self._redis = why

    def away(self, who: tuple[str, ...]) -> None:
        """Who of Kafka and Redis does not answer."""
        self._away = who

    def ticked(self) -> None:
        """A tick was appended."""
        self._instruments.ticks.inc()

    def taken(self, number: int) -> None:
        """A partition is folded from now on."""
        self._instruments.takeovers.inc()
        self._goes_on(number)

    def gone(self, number: int) -> None:
        """A partition is somebody else's."""
        self._goes_on(number)
        self._reached = {each: how for each, how in self._reached.items() if each != number}
        self._instruments.rejected_ratio.remove(str(number))

    def stopped(self, number: int, reason: str, detail: str = "") -> None:
        """A partition goes no further."""
        self._goes_on(number)
        self._stopped = {**self._stopped, number: _Stop(reason, detail)}
        self._instruments.stopped.labels(str(number), reason).set(1)

    def _goes_on(self, number: int) -> None:
        if (stop := self._stopped.get(number)) is not None:
            self._stopped = {each: why for each, why in self._stopped.items() if each != number}
            self._instruments.stopped.remove(str(number), stop.reason)

    def wiped(self, why: Wiped) -> None:
        """A partition is folded from the start."""
        self._instruments.wipes.labels(why).inc()

    def fenced(self) -> None:
        """A partition's state was moved by somebody else."""
        self._instruments.fenced.inc()

    def committed(self, number: int, lane: Lane, rejected_ratio: float) -> None:
        """What a lane had pending is stored; so much of its last events was rejected."""
        pending, told = lane.pending, self._instruments
        told.commits.inc()
        told.lifecycle.inc(len(pending.sent))
        for outcome, times in pending.outcomes.items():
            told.records.labels(outcome).inc(times)
        for letter in pending.letters:
            told.letters.labels(letter.code).inc()
        told.rejected_ratio.labels(str(number)).set(rejected_ratio)

    def resting_ends(self, ends: Mapping[int, int]) -> None:
        """Where the logs of owned partitions end from which nothing is read."""
        self._ends = ends

    def looked(
        self, membership: Membership, lanes: Mapping[int, Lane], resting: Iterable[int], stood: Mapping[int, Position]
    ) -> None:
        """A turn has ended: these lanes are folded, those partitions rest, and so far is each."""
        told = self._instruments
        self.came_round()
        self._has_joined = membership.has_joined
        self._resting = tuple(resting)
        told.owned.set(len(membership.owned))
        told.queued.set(sum(len(lane.queue) for lane in lanes.values()))
        told.cached.set(sum(lane.cached for lane in lanes.values()))
        reached = {}
        for number, position in stood.items():
            end = membership.end_of(number)
            if number in lanes:
                left = len(lanes[number].queue) if end is None else max(0, end - position.offset)
            else:
                left = max(0, (end or 0) - position.offset, self._ends.get(number, 0) - position.offset)
            reached[number] = _Reached(left, position.recorded_at, position.log_clock, position.errors)
        self._reached = reached

    # --- asked by the door --------------------------------------------------------------------------------------

    def reasons(self) -> list[str]:
        """Why the worker cannot do its job now; empty when it can."""
        return self._ailments() + [
            f"{reason}: partition {number}{detail and f' ({detail})'}"
            for number, (reason, detail) in sorted(self._stopped.items())
        ]

    def _ailments(self) -> list[str]:
        """Why, beside partitions that stopped."""
        if self._waiting is not None:
            return [self._waiting]
        told = [] if self._has_joined else ["joining: the group has not told which partitions are ours"]
        told += [f"{who.lower()}_unreachable" for who in self._away]
        if self._redis is not None:
            told.append(self._redis)
        if self._has_stalled():
            told.append(f"stalled: the loop has not come round for {time.monotonic() - self._turned:.0f} s")
        if self.is_unacknowledged:
            told.append(f"unacknowledged: Kafka has not taken what was sent for {self._waited():.0f} s")
        if self._clock_jump:
            told.append(
                f"clock_jumped: this machine's clock was set by {self._clock_jump / instants.SECOND:.0f} s; no time passes "
                "until it has been set back, or until somebody who knows it to be right starts this worker anew"
            )
        # One that stopped at a take-over is looked at again, too, and is told of as stopped.
        return told + [f"taken_again: partition {number}" for number in self._resting if number not in self._stopped]

    def exposition(self) -> bytes:
        """Prometheus."""
        told, now = self._instruments, time.time()
        # Written here and nowhere else, each time from nothing: a partition that is given up meanwhile leaves no series.
        for gauge in (told.lag_records, told.lag_seconds, told.log_clock, told.internal_errors):
            gauge.clear()
        for number, how in self._reached.items():
            label = str(number)
            recorded_at = now if how.recorded_at is None else how.recorded_at / instants.SECOND
            told.lag_records.labels(label).set(how.left)
            told.lag_seconds.labels(label).set(max(0.0, now - recorded_at) if how.left else 0.0)
            told.log_clock.labels(label).set((how.log_clock or 0) / instants.SECOND)
            told.internal_errors.labels(label).set(_failed_lately(how, now))
        told.clock_jump_seconds.set(self._clock_jump / instants.SECOND)
        told.outstanding.set(0 if self._sender is None else self._sender.outstanding)
        told.oldest_outstanding_seconds.set(self._waited())
        told.turn_age_seconds.set(time.monotonic() - self._turned)
        ailments = self._ailments()
        # What was found last is no answer once nobody asks any more: it would be told as an outage, or hide one, for good.
        told.unreachable.clear()
        for server in () if self._has_stalled() else SERVERS:
            told.unreachable.labels(server).set(any(why.startswith(f"{server}_unreachable") for why in ailments))
        told.well.set(not ailments)
        told.ready.set(not ailments and not self._stopped)
        return generate_latest(told.registry)

    def _has_stalled(self) -> bool:
        return time.monotonic() - self._turned > STALLED_SECONDS

    def _waited(self) -> float:
        return 0.0 if self._sender is None else self._sender.waiting_seconds


def _failed_lately(how: _Reached, now: float) -> int:
    """Failures of the last hour: a position forgets former ones only when the next one comes. A partition that trails, an
    archive folded anew or one that stopped, stands in the hour of its last record."""
    until = how.recorded_at if how.left else None
    since = (now * instants.SECOND if until is None else until) - instants.HOUR
    return sum(moment > since for moment in how.failed_at)
