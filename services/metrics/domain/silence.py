"""Silence: whether a unit that reports nothing is at rest, or should have been heard of by its own calendar."""

from typing import Literal

from msgspec import Struct

from services.metrics.domain.hours import Hours, is_at_work

# `heard`: within its rhythm and at work; `resting`: within its rhythm and closed now; `silent`: past its rhythm, also when
# it has closed since; `never`: not a single event; `unknown`: reference data has no hours for it.
State = Literal["heard", "resting", "silent", "never", "unknown"]


class Silence(Struct, frozen=True):
    """`expected_by`: the instant at which enough of its working time has passed for the unit to be silent."""

    state: State
    last_event: int | None = None
    expected_by: int | None = None
    is_at_work: bool | None = True


def judge(last_event: int | None, now: int, hours: Hours | None, patience: int) -> Silence:
    """How the silence of a unit since its last event is to be taken; `patience` is working time (µs)."""
    if last_event is None:
        return Silence("never")
    expected_by = None if hours is None else hours.advance(last_event, patience)
    if hours is None or expected_by is None:
        return Silence("unknown", last_event, is_at_work=is_at_work(hours, now))
    state: State = "silent" if now >= expected_by else "heard" if hours.is_open(now) else "resting"
    return Silence(state, last_event, expected_by, is_at_work(hours, now))
