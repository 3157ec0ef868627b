"""What the worker says of itself, for its door: written by the fold's loop, read from other threads."""

import time
from dataclasses import dataclass

from services.metrics.domain.position import Stop

# A coordinator changes within a second or two; what lasts longer is a Kafka that is away.
KAFKA_AWAY_SECONDS_MAX = 10.0


@dataclass(frozen=True)
class Health:
    """A picture of one moment; replaced whole, never changed."""

    ailments: tuple[str, ...] = ("starting",)
    notes: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why not all records can be counted."""
        return self.ailments + self.stops

    @property
    def is_well(self) -> bool:
        """Whether nothing ails it but partitions that stopped."""
        return not self.ailments

    @property
    def is_ready(self) -> bool:
        """Whether records can be counted."""
        return not self.reasons


@dataclass(frozen=True)
class Seen:
    """What readiness is judged by."""

    is_joined: bool
    assigned: frozenset[int]
    counted: frozenset[int]
    stopped: dict[int, Stop]
    behind: frozenset[int]
    kafka_away_seconds: float
    redis_silent_seconds: float
    redis_silent_max_seconds: float
    policy: str | None
    differs: str | None


def judge(seen: Seen) -> Health:
    """Ready: a member of the group, all its partitions taken over, none stopped, Kafka and Redis answering, none evicted."""
    ailments = []
    if not seen.is_joined:
        ailments.append("not a member of the group yet")
    if missing := sorted(seen.assigned - seen.counted):
        ailments.append(f"partitions not taken over yet: {_list(missing)}")
        if seen.differs is not None:
            ailments.append(seen.differs)
    if seen.kafka_away_seconds > KAFKA_AWAY_SECONDS_MAX:
        ailments.append(f"Kafka has told no coordinator of the group for {seen.kafka_away_seconds:.0f} s")
    if seen.redis_silent_seconds > seen.redis_silent_max_seconds:
        ailments.append(f"Redis has not answered for {seen.redis_silent_seconds:.0f} s")
    if seen.policy not in (None, "noeviction"):
        ailments.append(f"Redis evicts keys (maxmemory-policy {seen.policy}): set it to noeviction")
    notes = [f"rebuilding partitions {_list(sorted(seen.behind))}"] if seen.behind else []
    return Health(tuple(ailments), tuple(notes), tuple(_stops(seen.stopped)))


def _stops(stopped: dict[int, Stop]) -> list[str]:
    numbers = {why: sorted(number for number, each in stopped.items() if each == why) for why in stopped.values()}
    return [f"partitions stopped ({why}): {_list(numbers[why])}" for why in sorted(numbers)]


def _list(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


class Pulse:
    """Beats of the fold's loop, counted and not timed: a machine that slept is no reason to end."""

    def __init__(self) -> None:
        self.beats = 0
        self.began = time.monotonic()

    def beat(self) -> None:
        """The loop has come round."""
        self.beats += 1
