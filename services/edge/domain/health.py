"""How the line to intake stands, and how far this clock is from intake's."""

from typing import Literal

from msgspec import Struct

LinkState = Literal["up", "slow", "down", "unknown"]
# A whole second has passed on average half when `Date` is written.
DATE_STEP_SECONDS = 1.0


class Line(Struct, frozen=True):
    """What the last requests have shown: failures in a row, why the last one failed, since when (seconds, rising)."""

    answered: bool = False
    failures: int = 0
    trouble: str | None = None


def answered(line: Line) -> Line:
    """Intake has answered and taken what it was sent."""
    return Line(answered=True)


def failed(line: Line, trouble: str) -> Line:
    """A request was not answered, or nothing of it was taken."""
    return Line(line.answered, line.failures + 1, trouble)


def state(line: Line, slow: bool, down_after_failures: int) -> LinkState:
    """`down` only after some failures in a row: one lost packet is no outage."""
    if line.failures >= down_after_failures:
        return "down"
    if not line.answered:
        return "unknown"
    return "slow" if slow or line.failures else "up"


def clock_offset_seconds(asked_at: float, answered_at: float, date: float) -> float:
    """This clock less intake's, from intake's `Date` (whole seconds), taken at the middle of the exchange."""
    return (asked_at + answered_at) / 2 - (date + DATE_STEP_SECONDS / 2)
