"""What every answer with figures begins with: up to where the log is counted in, how long ago, what has stopped."""

from collections.abc import Callable
from typing import Any

from services.metrics.api.instruments import Instruments
from services.metrics.api.problems import not_now
from services.metrics.api.snapshots import Snapshot, as_of, lag_seconds
from services.metrics.api.units import Units, day_shown
from services.metrics.api.watch import Watch


class Told:
    """The head of answers, from a snapshot and what is known of Kafka."""

    def __init__(self, units: Units, watch: Watch, instruments: Instruments, now: Callable[[], int]) -> None:
        self.units = units
        self._watch = watch
        self._instruments = instruments
        self._now = now

    def head(self, snapshot: Snapshot) -> dict[str, Any]:
        """`as_of` and `lag_seconds`; `stopped` only where a partition has. ProblemError while figures are being rebuilt."""
        if snapshot.is_rebuilding:
            raise not_now("rebuilding", "the figures are being rebuilt from the log: ask again later")
        now = self._now()
        lag = lag_seconds(snapshot, self._watch.ends, self._watch.first_recorded_at, now)
        self._instruments.lag_seconds.set(lag)
        head = {"as_of": as_of(snapshot, now), "lag_seconds": lag}
        return {**head, "stopped": snapshot.stopped} if snapshot.stopped else head

    def day(self, snapshot: Snapshot) -> str:
        """The day on which names and lists of units are looked up."""
        return day_shown(snapshot.latest_clock, self._now())
