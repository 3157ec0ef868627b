"""How much processing and metrics have still to work off, how fast they are, how long that takes: for whoever waits."""

import time
from dataclasses import dataclass
from typing import Literal

from deploy.operators.standing import Standing

Name = Literal["processing", "metrics"]
LOOK_FOR_SECONDS = 1.0
LOOK_FOR_MOST_SECONDS = 5.0


@dataclass(frozen=True)
class Progress:
    """One service: records stored as worked off, records of its log, records a second while somebody looked."""

    service: Name
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
    """Both services; when one has something left, further looks tell the rate: services store some thousand records at
    a time, so one that has not moved yet is looked at for a little longer."""
    began = time.monotonic()
    first = second = _done(standing)
    ends = _ends(standing)
    while (
        any(done < end for done, end in zip(second, ends, strict=True)) and time.monotonic() - began < LOOK_FOR_MOST_SECONDS
    ):
        time.sleep(seconds)
        second = _done(standing)
        if all(now > before or before >= end for before, now, end in zip(first, second, ends, strict=True)):
            break
    passed = max(time.monotonic() - began, 0.001)
    rates = tuple(max(0, after - before) / passed for before, after in zip(first, second, strict=True))
    return [
        Progress("processing", second[0], ends[0], rates[0]),
        Progress("metrics", second[1], ends[1], rates[1]),
    ]


def look(standing: Standing) -> list[Progress]:
    """Both services as they are, without a rate."""
    names: tuple[Name, Name] = ("processing", "metrics")
    # The ends first: who has come to them has come to what was there.
    ends, done = _ends(standing), _done(standing)
    return [Progress(name, at, end, 0.0) for name, at, end in zip(names, done, ends, strict=True)]


def line(of: Progress) -> str:
    """One service in words."""
    if of.left == 0:
        return f"{of.service:<15} at the end of its log, {of.end:,} records"
    if of.seconds_left is None:
        return f"{of.service:<15} {of.left:,} of {of.end:,} records to go, nothing moved for {LOOK_FOR_MOST_SECONDS:.0f} s"
    share = 100 * of.done / of.end
    return (
        f"{of.service:<15} {of.left:,} of {of.end:,} records to go ({share:.0f} % done), {of.rate:,.0f} records/s, "
        f"about {_shown(of.seconds_left)} left"
    )


def _done(standing: Standing) -> tuple[int, int]:
    folded, counted = standing.folded(), standing.counted()
    return sum(each.offset for each in folded.values()), sum(each.offset for each in counted.values())


def _ends(standing: Standing) -> tuple[int, int]:
    reported, lifecycle = standing.ends()
    return sum(reported.values()), sum(lifecycle.values())


def _shown(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
