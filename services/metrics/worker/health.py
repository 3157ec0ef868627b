"""What the worker says of itself, for its door: written by the fold's loop, read from other threads."""

import time
from dataclasses import dataclass

from services.metrics.domain.position import Stop

# A coordinator changes within a second or two; what lasts longer is a Kafka that is away.
KAFKA_AWAY_SECONDS_MAX = 10.0


@dataclass(frozen=True)
class Health:
    """A picture of one moment; replaced whole, never changed."""

    reasons: tuple[str, ...] = ("starting",)
    notes: tuple[str, ...] = ()

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
    reasons = []
    if not seen.is_joined:
        reasons.append("not a member of the group yet")
    if missing := sorted(seen.assigned - seen.counted):
        reasons.append(f"partitions not taken over yet: {_list(missing)}")
        if seen.differs is not None:
            reasons.append(seen.differs)
    for reason in sorted(set(seen.stopped.values())):
        stopped = sorted(number for number, why in seen.stopped.items() if why == reason)
        reasons.append(f"partitions stopped ({reason}): {_list(stopped)}")
    if seen.kafka_away_seconds > KAFKA_AWAY_SECONDS_MAX:
        reasons.append(f"Kafka has told no coordinator of the group for {seen.kafka_away_seconds:.0f} s")
    if seen.redis_silent_seconds > seen.redis_silent_max_seconds:
        reasons.append(f"Redis has not answered for {seen.redis_silent_seconds:.0f} s")
    if seen.policy not in (None, "noeviction"):
        reasons.append(f"Redis evicts keys (maxmemory-policy {seen.policy}): set it to noeviction")
    notes = [f"rebuilding partitions {_list(sorted(seen.behind))}"] if seen.behind else []
    return Health(tuple(reasons), tuple(notes))


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
