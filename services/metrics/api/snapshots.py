"""What metrics holds in Redis at one instant: positions and any of its hashes, read in one step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from contracts import instants
from contracts.topics import PARTITIONS
from services.metrics.api.problems import not_now
from services.metrics.store import keys

# Reads only, so that no flush falls between two hashes.
_SCRIPT: Final = """
local out = {redis.call('HGET', ARGV[1] .. 'build', 'wiping') or ''}
for n = 0, tonumber(ARGV[2]) - 1 do out[#out + 1] = redis.call('HGETALL', ARGV[1] .. 'p:' .. n) end
for i = 3, #ARGV do out[#out + 1] = redis.call('HGETALL', ARGV[1] .. ARGV[i]) end
return out
"""
_PARTITION: Final = tuple(range(PARTITIONS))

Figures = dict[str, int]


@dataclass(frozen=True)
class Place:
    """How far one lifecycle partition is counted; instants are microseconds since 1970."""

    next: int
    target: int
    closed: int
    recorded_at: int | None
    log_clock: int | None
    stopped: str | None


@dataclass(frozen=True)
class Snapshot:
    """Positions (None: nobody has taken that partition yet) and the hashes asked for, at one instant."""

    places: tuple[Place | None, ...]
    hashes: Mapping[str, Figures]
    is_wiping: bool

    @property
    def is_rebuilding(self) -> bool:
        """Whether a partition trails the end that its log had at take-over; one that has stopped never gets there."""
        return self.is_wiping or any(
            place is None or (place.next < place.target and place.stopped is None) for place in self.places
        )

    @property
    def stopped(self) -> dict[str, str]:
        """Partitions that are counted no further, with the reason."""
        return {str(n): place.stopped for n, place in enumerate(self.places) if place is not None and place.stopped}

    @property
    def closed(self) -> dict[int, int]:
        """The last reported offset of each partition that is counted in with all it did, −1 if none."""
        return {n: -1 if place is None else place.closed for n, place in enumerate(self.places)}

    @property
    def log_clock(self) -> int | None:
        """The smallest log clock, None when a partition has none."""
        clocks = [None if place is None else place.log_clock for place in self.places]
        known = [clock for clock in clocks if clock is not None]
        return min(known) if len(known) == len(clocks) else None

    @property
    def latest_clock(self) -> int | None:
        """The largest log clock, None before the first tick."""
        return max(
            (place.log_clock for place in self.places if place is not None and place.log_clock is not None), default=None
        )


class Snapshots:
    """Reads the primary, whichever replica of the API asks; every call is bounded."""

    def __init__(self, url: str, gen: int, call_seconds: float, on_error: Callable[[str], None]) -> None:
        self._prefix = keys.prefix(gen)
        self._on_error = on_error
        self._redis: Any = Redis.from_url(
            url, decode_responses=True, socket_timeout=call_seconds, socket_connect_timeout=call_seconds,
            retry=Retry(NoBackoff(), 0),
        )  # fmt: skip

    async def read(self, names: Sequence[str] = ()) -> Snapshot:
        """Positions and these hashes; ProblemError 503 `unavailable` when Redis does not answer."""
        try:
            wiping, *rest = await self._redis.eval(_SCRIPT, 0, self._prefix, str(PARTITIONS), *names)
        except (redis.RedisError, OSError, TimeoutError) as error:
            self._on_error(type(error).__name__)
            raise not_now("unavailable", "the stored figures cannot be read now") from error
        places = tuple(_place(_pairs(flat)) for flat in rest[:PARTITIONS])
        hashes = {name: _figures(flat) for name, flat in zip(names, rest[PARTITIONS:], strict=True)}
        return Snapshot(places, hashes, bool(wiping))

    async def close(self) -> None:
        """Ends the connections."""
        await self._redis.aclose()


def as_of(snapshot: Snapshot, now: int) -> dict[str, Any]:
    """What stands beside every figure: up to where the log is counted in."""
    clock = snapshot.log_clock
    return {
        "time": instants.show(now),
        "log_clock": None if clock is None else instants.show(clock),
        "partitions": {str(number): offset for number, offset in snapshot.closed.items()},
    }


def lag_seconds(snapshot: Snapshot, ends: Mapping[int, int] | None, first: Mapping[int, int], now: int) -> float:
    """How far the slowest partition trails dossier.reported: 0 at its end, else the age of the last record counted in.

    While the ends are not known (None) nobody can say that it is 0, so each partition shows that age: an upper bound.
    Where nothing is counted in yet, it is the age of the partition's first record, where that is known (`first`).
    """
    lags = [0]
    for number in _PARTITION:
        if ends is not None and snapshot.closed[number] + 1 >= ends.get(number, 0):
            continue
        place = snapshot.places[number]
        since = None if place is None else place.recorded_at
        since = first.get(number) if since is None else since
        if since is not None:
            lags.append(now - since)
    return round(max(lags) / instants.SECOND, 3)


def _place(held: dict[str, str]) -> Place | None:
    if not held:
        return None
    return Place(
        next=int(held.get("next", "0")),
        target=int(held.get("target", "0")),
        closed=int(held.get("closed", "-1")),
        recorded_at=_optional(held.get("recorded_at")),
        log_clock=_optional(held.get("log_clock")),
        stopped=held.get("stopped") or None,
    )


def _optional(text: str | None) -> int | None:
    return None if text is None else int(text)


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _figures(flat: Sequence[str]) -> Figures:
    return {name: int(number) for name, number in zip(flat[::2], flat[1::2], strict=True)}
