"""How full the outbox is, and whether it may take more."""

from typing import Literal

from msgspec import Struct

Reason = Literal["events", "bytes", "age", "sources"]


class Limits(Struct, frozen=True):
    """What the outbox may hold; `alarm_share` of any of it raises the alarm."""

    events_max: int
    bytes_max: int
    age_max_seconds: float
    sources_max: int
    alarm_share: float = 0.8


class Load(Struct, frozen=True):
    """What the outbox holds, quarantine included: it takes the same place on the same disk. What was released from there
    has waited since then: that it is old says nothing of the line."""

    events: int = 0
    bytes: int = 0
    first_waits_seconds: float = 0.0
    sources: int = 0


def waited(since: int, now: int, began_at: int, running: int) -> int:
    """How long something has waited at most, in microseconds: by the clock, which may have been set, and by a steady one,
    that has been `running` since this process began, when the other showed `began_at`. The less of the two holds: a clock
    that jumps ahead must shut no door."""
    return max(0, min(now - since, max(0, began_at - since) + running))


def fill(load: Load, limits: Limits) -> float:
    """The largest share of a limit that is used up: 0 empty, 1 full."""
    return max(
        load.events / limits.events_max,
        load.bytes / limits.bytes_max,
        load.first_waits_seconds / limits.age_max_seconds,
        0.0,
    )


def alarms(load: Load, limits: Limits) -> bool:
    """Whether somebody should look before it is full."""
    return fill(load, limits) >= limits.alarm_share


def refuses(load: Load, limits: Limits, events: int = 1, size_bytes: int = 0, new_sources: int = 0) -> Reason | None:
    """The limit that would be passed by so much more; None when it fits. Nothing old is ever dropped to make room."""
    if load.events + events > limits.events_max:
        return "events"
    if load.bytes + size_bytes > limits.bytes_max:
        return "bytes"
    if load.first_waits_seconds >= limits.age_max_seconds:
        return "age"
    if new_sources and load.sources + new_sources > limits.sources_max:
        return "sources"
    return None
