"""How large a batch the line bears: grows while answers come quickly, shrinks until even the slowest line makes progress."""

from msgspec import Struct

GROWTH = 2.0
SHRINK = 0.5


class Bounds(Struct, frozen=True):
    """A batch has 1 to `events_max` events; a request should take about `target_seconds`."""

    events_max: int
    target_seconds: float
    in_flight_max: int


class Pace(Struct, frozen=True):
    """The batch to try next; `seconds` is what the last full one took, None before the first."""

    events: int
    seconds: float | None = None


def first_pace(bounds: Bounds) -> Pace:
    """Small enough for a thin line, and a few requests away from the largest."""
    return Pace(min(50, bounds.events_max))


def after_answer(pace: Pace, bounds: Bounds, sent_events: int, seconds: float) -> Pace:
    """A request was answered. What a batch says counts for its own size: a single event proves nothing about fifty."""
    if seconds > bounds.target_seconds:
        fitting = int(sent_events * max(bounds.target_seconds / seconds, SHRINK))
        return Pace(max(1, min(pace.events, fitting)), seconds)
    if sent_events < pace.events:
        return Pace(pace.events, seconds)
    if seconds <= bounds.target_seconds / GROWTH:
        return Pace(min(bounds.events_max, int(pace.events * GROWTH)), seconds)
    return Pace(pace.events, seconds)


def after_break(pace: Pace, sent_events: int) -> Pace:
    """A request broke off or ran out of time: half of it next, down to one event."""
    return Pace(max(1, min(pace.events, int(sent_events * SHRINK))), pace.seconds)


def is_slow(pace: Pace, bounds: Bounds) -> bool:
    """Whether the line is a thin one, where every byte counts more than the time to pack it."""
    return pace.seconds is not None and pace.seconds > bounds.target_seconds / GROWTH


def in_flight_max(pace: Pace, bounds: Bounds, failures: int) -> int:
    """How many requests may be under way: one on a line that is slow or failing, since they would share what it bears."""
    return 1 if failures or pace.seconds is None or is_slow(pace, bounds) else bounds.in_flight_max
