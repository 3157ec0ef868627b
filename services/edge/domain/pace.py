"""How large a batch the line bears: grows while that pays, shrinks until even the slowest line makes progress."""

from math import sqrt

from msgspec import Struct

GROWTH = 2.0
SHRINK = 0.5
# Sizes closer than this say nothing about what size is worth.
TELLING = 1.2


class Bounds(Struct, frozen=True):
    """A batch has 1 to `events_max` events; a request should take about `target_seconds`, and never `most_seconds`."""

    events_max: int
    target_seconds: float
    most_seconds: float
    in_flight_max: int


class Pace(Struct, frozen=True):
    """The batch to try next, and what the last answered ones were like.

    `by_latency`: larger batches came through at a higher rate, so the line costs by the request and not by the byte, and
    a batch that takes longer than wanted is no reason for a smaller one.
    """

    events: int
    seconds: float | None = None
    sent_events: int = 0
    by_latency: bool = False


def first_pace(bounds: Bounds) -> Pace:
    """Small enough for a thin line, and a few requests away from the largest."""
    return Pace(min(50, bounds.events_max))


def after_answer(pace: Pace, bounds: Bounds, sent_events: int, seconds: float) -> Pace:
    """A request was answered. A batch speaks for its own size: that one event was quick proves nothing about fifty."""
    by_latency = _is_by_latency(pace, sent_events, seconds)
    if seconds <= bounds.target_seconds or (by_latency and seconds <= bounds.most_seconds):
        quick = by_latency or seconds <= bounds.target_seconds / GROWTH
        grown = max(pace.events + 1, int(pace.events * (GROWTH if quick else TELLING)))
        events = pace.events if sent_events < pace.events else min(bounds.events_max, grown)
    else:
        events = min(pace.events, max(1, int(sent_events * max(bounds.target_seconds / seconds, SHRINK))))
        if events == sent_events == 1 and seconds <= bounds.most_seconds:
            # Nothing smaller to compare with: try whether two are any slower.
            events = min(2, bounds.events_max)
    return Pace(events, seconds, sent_events, by_latency)


def after_break(pace: Pace, sent_events: int) -> Pace:
    """A request broke off or ran out of time: half of it next, down to one event."""
    return Pace(max(1, min(pace.events, int(sent_events * SHRINK))), pace.seconds)


def is_slow(pace: Pace, bounds: Bounds) -> bool:
    """Whether the line is a thin one, where every byte counts more than the time to pack it."""
    return pace.seconds is not None and pace.seconds > bounds.target_seconds / GROWTH


def in_flight_max(pace: Pace, bounds: Bounds, failures: int) -> int:
    """How many requests may be under way: one on a line that is slow or failing, since they would share what it bears."""
    return 1 if failures or pace.seconds is None or is_slow(pace, bounds) else bounds.in_flight_max


def _is_by_latency(pace: Pace, sent_events: int, seconds: float) -> bool:
    if pace.seconds is None or pace.sent_events == 0:
        return False
    small, large = sorted(((pace.sent_events, pace.seconds), (sent_events, seconds)))
    if large[0] < small[0] * TELLING:
        return pace.by_latency
    # Four times as many events in less than twice the time, and so on: time grows slower than the root of the size.
    return large[1] / small[1] < sqrt(large[0] / small[0])
