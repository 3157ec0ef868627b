"""What metrics holds in Redis at one instant: positions and any figures, read in one step."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import redis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from contracts.topics import PARTITIONS
from services.metrics.api.problems import BUSY, not_now
from services.metrics.store import keys

# Reads only, so that no flush falls between two hashes. The answer is one packed string: half a million fields reach
# Python five times as fast as they would one by one. Sums stay far below 2^53, where Lua's numbers are exact.
_SCRIPT: Final = """
local wanted = cmsgpack.unpack(ARGV[3])
local function all(name) return redis.call('HGETALL', ARGV[1] .. name) end
local function sum(names, pattern)
  local sums, out = {}, {}
  for _, name in ipairs(names) do
    local cursor = '0'
    repeat
      local found = redis.call('HSCAN', ARGV[1] .. name, cursor, 'MATCH', pattern, 'COUNT', 100000)
      local once = {}
      for i = 1, #found[2], 2 do once[found[2][i]] = found[2][i + 1] end
      for field, number in pairs(once) do sums[field] = (sums[field] or 0) + number end
      cursor = found[1]
    until cursor == '0'
  end
  for field, number in pairs(sums) do
    out[#out + 1] = field
    out[#out + 1] = string.format('%.0f', number)
  end
  return out
end
local function some(names, fields)
  local out = {}
  for _, name in ipairs(names) do out[#out + 1] = redis.call('HMGET', ARGV[1] .. name, unpack(fields)) end
  return out
end
local build = redis.call('HMGET', ARGV[1] .. 'build', 'wiping', 'id')
local out = {build[1] or '', build[2] or ''}
for n = 0, tonumber(ARGV[2]) - 1 do out[#out + 1] = all('p:' .. n) end
for _, each in ipairs(wanted) do
  if each[1] == 'all' then out[#out + 1] = all(each[2])
  elseif each[1] == 'sum' then out[#out + 1] = sum(each[2], each[3])
  else out[#out + 1] = some(each[2], each[3]) end
end
return cmsgpack.pack(out)
"""

Figures = dict[str, int]

CONNECTIONS_MAX: Final = 32
# Adding up a year of days takes Redis a good part of a second, in which the worker waits: one such read at a time.
LONG_HASHES: Final = 62
LONG_WAIT_SECONDS: Final = 2.0
# Whoever asks for long ranges again and again has Redis for a fifth of its time at most, and for no two of them at once.
LONG_REST_PER_READ: Final = 4
LONG_REST_SECONDS_MAX: Final = 4.0
# A script that took too long for us still runs: Redis says so by answering nobody.
LONG_OVER_LOOKS_MAX: Final = 30


@dataclass(frozen=True)
class All:
    """Every field of a hash."""

    name: str


@dataclass(frozen=True)
class Sum:
    """The fields that begin with `start`, added up over hashes."""

    names: tuple[str, ...]
    start: str


@dataclass(frozen=True)
class Some:
    """These fields of each of the hashes."""

    names: tuple[str, ...]
    fields: tuple[str, ...]


Wanted = All | Sum | Some


@dataclass(frozen=True)
class Place:
    """How far one lifecycle partition is counted; instants are microseconds since 1970."""

    next: int
    target: int
    closed: int
    recorded_at: int | None
    log_clock: int | None
    stopped: str | None
    digest: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """Positions (None: nobody has taken that partition yet) and what was wanted, at one instant; `found` has for each
    thing wanted its hashes: one, or for `Some` one for each name. `build` is the id of the count that they come from."""

    places: tuple[Place | None, ...]
    found: tuple[tuple[Figures, ...], ...]
    is_wiping: bool
    build: str = ""

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
    def digest(self) -> str | None:
        """The reference data in force; None before there are any, while they are being activated, and while figures are
        rebuilt, since positions are then where those of long ago were in force."""
        if self.is_rebuilding:
            return None
        found = {place.digest for place in self.places if place is not None}
        return found.pop() if len(found) == 1 else None

    @property
    def latest_clock(self) -> int | None:
        """The largest log clock, None before the first tick."""
        return max(
            (place.log_clock for place in self.places if place is not None and place.log_clock is not None), default=None
        )


class Snapshots:
    """Reads the primary, whichever replica of the API asks; every call is bounded."""

    def __init__(
        self, url: str, gen: int, call_seconds: float, on_error: Callable[[str], None],
        follow: Callable[[str | None], Awaitable[None]],
    ) -> None:  # fmt: skip
        """`follow` is told the reference data in force before a snapshot is handed out."""
        self.gen = gen
        self._prefix = keys.prefix(gen)
        self._on_error = on_error
        self._follow = follow
        # Whoever finds no free connection waits for one as long as for an answer.
        pool: Any = BlockingConnectionPool.from_url(
            url, max_connections=CONNECTIONS_MAX, timeout=call_seconds, socket_timeout=call_seconds,
            socket_connect_timeout=call_seconds, retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        self._redis: Any = Redis.from_pool(pool)
        self._long = asyncio.Semaphore(1)
        self._resting: asyncio.Task[None] | None = None

    async def read(self, *wanted: Wanted) -> Snapshot:
        """Positions and what is wanted; ProblemError 503 `unavailable` when Redis does not answer, or not with figures,
        `busy` when others are reading long ranges."""
        if sum(len(each.names) for each in wanted if isinstance(each, Sum)) <= LONG_HASHES:
            return await self._read(wanted)
        try:
            await asyncio.wait_for(self._long.acquire(), LONG_WAIT_SECONDS)
        except TimeoutError as error:
            raise not_now(BUSY, "others are reading long ranges of days: ask again later, or for fewer days") from error
        began = time.monotonic()
        try:
            return await self._read(wanted)
        finally:
            self._resting = asyncio.create_task(self._rest(began), name="rest after a long read")

    async def close(self) -> None:
        """Ends the connections."""
        if self._resting is not None:
            self._resting.cancel()
        await self._redis.aclose()

    async def _rest(self, began: float) -> None:
        """Lets others in before the next long read: when Redis answers again, and a while after that."""
        try:
            for _ in range(LONG_OVER_LOOKS_MAX):
                with suppress(redis.RedisError, OSError, TimeoutError):
                    await self._redis.ping()
                    break
            await asyncio.sleep(min(LONG_REST_PER_READ * (time.monotonic() - began), LONG_REST_SECONDS_MAX))
        finally:
            self._long.release()

    async def _read(self, wanted: Sequence[Wanted]) -> Snapshot:
        asked = msgspec.msgpack.encode([_asked(each) for each in wanted])
        try:
            packed = await self._redis.eval(_SCRIPT, 0, self._prefix, str(PARTITIONS), asked)
            wiping, build, *rest = msgspec.msgpack.decode(packed)
            places = tuple(_place(_pairs(flat)) for flat in rest[:PARTITIONS])
            found = tuple(_found(each, told) for each, told in zip(wanted, rest[PARTITIONS:], strict=True))
        except (redis.RedisError, OSError, TimeoutError, ValueError) as error:
            # ValueError: what lies there is no figure; the worker sees it too, and counts anew.
            self._on_error(type(error).__name__)
            raise not_now("unavailable", "the stored figures cannot be read now") from error
        snapshot = Snapshot(places, found, bool(wiping), build)
        await self._follow(snapshot.digest)
        return snapshot


def _asked(wanted: Wanted) -> list[Any]:
    match wanted:
        case All(name):
            return ["all", name]
        case Sum(names, start):
            # The name of a unit comes out of a request: it is no pattern.
            return ["sum", names, "".join(f"\\{sign}" if sign in r"\*?[]^-" else sign for sign in start) + "*"]
        case Some(names, fields):
            return ["some", names, fields]


def _found(wanted: Wanted, told: list[Any]) -> tuple[Figures, ...]:
    if isinstance(wanted, Some):
        return tuple(
            {name: int(number) for name, number in zip(wanted.fields, numbers, strict=True) if number is not False}
            for numbers in told
        )
    return ({name: int(number) for name, number in zip(told[::2], told[1::2], strict=True)},)


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
        digest=held.get("digest") or None,
    )


def _optional(text: str | None) -> int | None:
    return None if text is None else int(text)


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
