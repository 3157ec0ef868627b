"""What stands beside every figure: up to where the log is counted in, and how long ago that was."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts import instants
from services.processing.domain.line import Position


class NothingKnownError(Exception):
    """Neither Redis nor Kafka has ever said anything about a partition."""


def as_of(positions: Sequence[Position | None], now: int) -> dict[str, Any]:
    """`as_of` of an answer; a record counts as counted in with the last of what it did, not with a slice of it."""
    clocks = [None if position is None else position.log_clock for position in positions]
    known = [clock for clock in clocks if clock is not None]
    return {
        "time": instants.show(now),
        "log_clock": instants.show(min(known)) if known and len(known) == len(clocks) else None,
        "partitions": {str(number): counted(position) for number, position in enumerate(positions)},
    }


def counted(position: Position | None) -> int:
    """The last offset of dossier.reported that is counted in, −1 if none."""
    return -1 if position is None else position.offset - 1


def lag_seconds(
    positions: Sequence[Position | None], ends: Mapping[int, int] | None, first_recorded_at: Mapping[int, int], now: int
) -> float:
    """How far the slowest partition trails: 0 at its end, else the age of the last record counted in.

    While the ends are not known (None) nobody can say that it is 0, so each partition shows that age. Where nothing is
    counted in, it is the age of the first record; NothingKnownError when not even that is known.
    """
    lags = [0]
    for number, position in enumerate(positions):
        if ends is not None and counted(position) + 1 >= ends[number]:
            continue
        since = None if position is None else position.recorded_at
        if since is None:
            since = first_recorded_at.get(number)
        if since is None:
            raise NothingKnownError
        lags.append(now - since)
    return round(max(lags) / instants.SECOND, 3)
