"""What every answer with figures begins with: up to where the log is counted in, how long ago, what has stopped."""

from collections.abc import Callable, Mapping
from typing import Any

from contracts import instants
from services.metrics.api.centres import Centres
from services.metrics.api.instruments import Instruments
from services.metrics.api.problems import not_now
from services.metrics.api.snapshots import Snapshot
from services.metrics.api.units import Units
from services.metrics.api.watch import Watch


class Told:
    """The head of answers, from a snapshot and what is known of Kafka."""

    def __init__(
        self, units: Units, centres: Centres, watch: Watch, instruments: Instruments, now: Callable[[], int]
    ) -> None:
        self.units = units
        self.centres = centres
        self._watch = watch
        self._instruments = instruments
        self._now = now

    def head(self, snapshot: Snapshot) -> dict[str, Any]:
        """`as_of` and `lag_seconds`; `stopped` only where a partition has. ProblemError while figures are being rebuilt."""
        if snapshot.is_rebuilding:
            raise not_now("rebuilding", "the figures are being rebuilt from the log: ask again later")
        now = self._now()
        lag = lag_seconds(snapshot, self._watch.ends, self._watch.first_recorded_at, now)
        self._instruments.lag_seconds.set(float("nan") if lag is None else lag)
        head = {"as_of": as_of(snapshot, now), "lag_seconds": lag}
        return {**head, "stopped": snapshot.stopped} if snapshot.stopped else head

    def day(self, snapshot: Snapshot) -> str:
        """The day on which names and lists of units are looked up: that of the largest log clock; before the first tick
        and while the log is counted anew, when that is a day of years ago, that of the wall."""
        clock = None if snapshot.is_rebuilding else snapshot.latest_clock
        return instants.day_of(self._now() if clock is None else clock)


def as_of(snapshot: Snapshot, now: int) -> dict[str, Any]:
    """What stands beside every figure: up to where the log is counted in."""
    clock = snapshot.log_clock
    return {
        "time": instants.show(now),
        "log_clock": None if clock is None else instants.show(clock),
        "partitions": {str(number): offset for number, offset in snapshot.closed.items()},
    }


def lag_seconds(snapshot: Snapshot, ends: Mapping[int, int] | None, first: Mapping[int, int], now: int) -> float | None:
    """How far the slowest partition trails dossier.reported: 0 at its end, else the age of the last record counted in.

    While the ends are not known (`ends` is None: Kafka does not answer) nobody can say that it is 0, so each partition
    shows that age, an upper bound that grows. Where nothing is counted in yet, it is the age of the partition's first
    record; None, not known, where that is not known either.
    """
    lags = [0]
    for number, place in enumerate(snapshot.places):
        if ends is not None and snapshot.closed[number] + 1 >= ends.get(number, 0):
            continue
        since = None if place is None else place.recorded_at
        since = first.get(number) if since is None else since
        if since is None:
            return None
        lags.append(now - since)
    return round(max(lags) / instants.SECOND, 3)
