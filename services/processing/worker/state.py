"""What the worker tells of itself: reasons why it is not ready, and its figures; written by the fold, read by its door."""

import time
from collections.abc import Mapping
from typing import Final

from prometheus_client import generate_latest

from contracts import instants
from services.processing.instruments import Instruments
from services.processing.log.membership import Membership
from services.processing.worker.lane import Lane

STALLED_SECONDS: Final = 30.0


class State:
    """Plain values that one thread writes and another reads; each is replaced whole."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._waiting: str | None = "starting"
        self._joined = False
        self._stopped: dict[int, str] = {}
        self._waits_since: float | None = None
        self._turned = time.monotonic()

    # --- told by the fold --------------------------------------------------------------------------------------

    def waits_for(self, what: str | None) -> None:
        """Nothing is folded until this is there; None: it is."""
        self._waiting = what
        self._turned = time.monotonic()

    def kafka_error(self, name: str) -> None:
        """Kafka or its client has reported an error."""
        self._instruments.kafka_errors.labels(name).inc()

    def redis_error(self, name: str) -> None:
        """Redis or its client has reported an error."""
        self._instruments.redis_errors.labels(name).inc()

    def ticked(self) -> None:
        """A tick was appended."""
        self._instruments.ticks.inc()

    def taken(self, number: int) -> None:
        """A partition is folded from now on."""
        self._instruments.takeovers.inc()
        self.gone(number)

    def gone(self, number: int) -> None:
        """A partition is somebody else's, or goes on again."""
        if (reason := self._stopped.get(number)) is not None:
            self._stopped = {each: why for each, why in self._stopped.items() if each != number}
            self._instruments.stopped.remove(str(number), reason)
        for gauge in (self._instruments.lag_seconds, self._instruments.lag_records, self._instruments.log_clock):
            gauge.remove(str(number))

    def stopped(self, number: int, reason: str) -> None:
        """A partition goes no further."""
        self.gone(number)
        self._stopped = {**self._stopped, number: reason}
        self._instruments.stopped.labels(str(number), reason).set(1)

    def wiped(self) -> None:
        """A partition is folded from the start."""
        self._instruments.wipes.inc()

    def fenced(self) -> None:
        """A partition's state was moved by somebody else."""
        self._instruments.fenced.inc()

    def committed(self, number: int, lane: Lane) -> None:
        """What a lane had pending is stored."""
        pending, told = lane.pending, self._instruments
        told.commits.inc()
        told.lifecycle.inc(len(pending.sent))
        for outcome, times in pending.outcomes.items():
            told.records.labels(outcome).inc(times)
        for letter in pending.letters:
            told.letters.labels(letter.code).inc()
        told.internal_errors.labels(str(number)).set(len(lane.position.errors))

    def looked(self, membership: Membership, lanes: Mapping[int, Lane], outstanding: int) -> None:
        """A turn has ended."""
        now, told = time.time(), self._instruments
        self._turned = time.monotonic()
        self._joined = membership.has_joined
        self._waits_since = None if not outstanding else self._waits_since or time.monotonic()
        told.owned.set(len(lanes))
        told.outstanding.set(outstanding)
        told.queued.set(sum(len(lane.queue) for lane in lanes.values()))
        told.cached.set(sum(lane.cached for lane in lanes.values()))
        for number, lane in lanes.items():
            position, end = lane.position, membership.end_of(number)
            left = 0 if end is None else max(0, end - position.offset)
            recorded_at = now if position.recorded_at is None else position.recorded_at / instants.SECOND
            told.lag_records.labels(str(number)).set(left)
            told.lag_seconds.labels(str(number)).set(max(0.0, now - recorded_at) if left else 0.0)
            if position.log_clock is not None:
                told.log_clock.labels(str(number)).set(position.log_clock / instants.SECOND)

    # --- asked by the door --------------------------------------------------------------------------------------

    def reasons(self) -> list[str]:
        """Why the worker cannot do its job now; empty when it can."""
        if self._waiting is not None:
            return [self._waiting]
        told = [] if self._joined else ["the group has not told which partitions are ours"]
        if (age := time.monotonic() - self._turned) > STALLED_SECONDS:
            told.append(f"the loop has not come round for {age:.0f} s")
        return told + [f"partition {number}: {reason}" for number, reason in sorted(self._stopped.items())]

    def exposition(self) -> bytes:
        """Prometheus."""
        since = self._waits_since
        self._instruments.oldest_outstanding_seconds.set(0.0 if since is None else time.monotonic() - since)
        self._instruments.turn_age_seconds.set(time.monotonic() - self._turned)
        self._instruments.ready.set(not self.reasons())
        return generate_latest(self._instruments.registry)
