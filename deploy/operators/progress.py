"""How much processing and metrics have still to work off, how fast they are, how long that takes: for whoever waits."""

import time
from dataclasses import dataclass
from typing import Literal

from deploy.operators.standing import Standing

LOOK_FOR_SECONDS = 1.0


@dataclass(frozen=True)
class Progress:
    """One service: records stored as worked off, records of its log, records a second while somebody looked."""

    service: Literal["processing", "metrics"]
    done: int
    end: int
    rate: float

    @property
    def left(self) -> int:
        """Records to go."""
        return max(0, self.end - self.done)

    @property
    def seconds_left(self) -> float | None:
        """How long that takes at this rate; None while nothing moves."""
        if self.left == 0:
            return 0.0
        return self.left / self.rate if self.rate > 0 else None


def measure(standing: Standing, seconds: float = LOOK_FOR_SECONDS) -> list[Progress]:
    """Both services; when one has something left, a second look after `seconds` tells the rate."""
    began = time.monotonic()
    first = _done(standing)
    ends = tuple(sum(each.values()) for each in standing.ends())
    if all(done >= end for done, end in zip(first, ends, strict=True)):
        return _told(first, ends, (0.0, 0.0))
    time.sleep(seconds)
    second, passed = _done(standing), time.monotonic() - began
    rates = tuple(max(0, after - before) / passed for before, after in zip(first, second, strict=True))
    return _told(second, ends, rates)


def line(of: Progress) -> str:
    """One service in words."""
    if of.left == 0:
        return f"{of.service:<15} at the end of its log, {of.end:,} records"
    if of.seconds_left is None:
        return f"{of.service:<15} {of.left:,} of {of.end:,} records to go, nothing moved within the last second"
    share = 100 * of.done / of.end
    return (
        f"{of.service:<15} {of.left:,} of {of.end:,} records to go ({share:.0f} % done), {of.rate:,.0f} records/s, "
        f"about {_shown(of.seconds_left)} left"
    )


def _done(standing: Standing) -> tuple[int, int]:
    folded, counted = standing.folded(), standing.counted()
    return sum(each.offset for each in folded.values()), sum(each.offset for each in counted.values())


def _told(done: tuple[int, ...], ends: tuple[int, ...], rates: tuple[float, ...]) -> list[Progress]:
    processing, metrics = zip(done, ends, rates, strict=True)
    return [Progress("processing", *processing), Progress("metrics", *metrics)]


def _shown(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
