"""The ledger: figures and positions in Redis, moved together in one guarded step."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from contracts.lifecycle import CHAIN_START
from contracts.topics import PARTITIONS
from services.metrics.domain.deltas import Deltas
from services.metrics.domain.position import STOPS, Position, Src, Stop
from services.metrics.store import keys, scripts
from services.metrics.store.errors import RefusedError, StoreError, TornError, UnavailableError, WipingError

WIPE_NAMES_PER_CALL: Final = 500
SCAN_COUNT: Final = 5_000
# Replies of a Redis that has not begun with a script: nothing was written, so nothing is torn.
NOT_NOW: Final = (
    "LOADING", "BUSY", "READONLY", "OOM", "MISCONF", "MASTERDOWN", "CLUSTERDOWN", "NOREPLICAS", "TRYAGAIN", "NOAUTH",
    "NOPERM", "WRONGPASS", "ERR max number of clients",
)  # fmt: skip
_NOT_NOW_TYPES: Final = (
    redis.BusyLoadingError, redis.ReadOnlyError, redis.OutOfMemoryError, redis.AuthenticationError,
    redis.ConnectionError, redis.TimeoutError, OSError, TimeoutError,
)  # fmt: skip
_pack = msgspec.msgpack.encode


@dataclass(frozen=True)
class Identity:
    """Which log was counted: the cluster's and the topic's id."""

    cluster: str
    topic: str


@dataclass(frozen=True)
class Lease:
    """A partition taken over: the right to move its position until somebody else takes it."""

    partition: int
    build: str
    epoch: int
    position: Position
    identity: Identity | None

    @property
    def is_first(self) -> bool:
        """Whether nobody has had it since the figures began, or were emptied or wiped."""
        return self.epoch == 1


@dataclass(frozen=True)
class Memory:
    """Redis' memory: what it does when it is full, how much it has taken, and its bound (0: none)."""

    policy: str | None
    used_bytes: int
    max_bytes: int


@dataclass(frozen=True)
class Move:
    """A partition's part of a flush: from the stored `next` to a position."""

    lease: Lease
    since: int
    to: Position
    identity: Identity


class Ledger:
    """Speaks to one Redis primary as one owner."""

    def __init__(self, redis_url: str, gen: int, call_seconds: float, place: keys.Place = "live") -> None:
        self.owner = uuid.uuid4().hex
        self._prefix = keys.prefix(gen, place)
        self._redis: Any = Redis.from_url(
            redis_url, socket_timeout=call_seconds, socket_connect_timeout=call_seconds, retry=Retry(NoBackoff(), 0)
        )

    async def acquire(self, partition: int, target: int) -> Lease:
        """Takes a partition over; every earlier owner is fenced."""
        reply = await self._run(scripts.ACQUIRE, str(partition), self.owner, uuid.uuid4().hex, str(target), str(PARTITIONS))
        match reply:
            case [b"ok", build, epoch, flat]:
                try:
                    stored = _pairs(flat)
                    return Lease(partition, build.decode(), int(epoch), _position(stored), _identity(stored))
                except (ValueError, KeyError) as error:
                    raise TornError(f"the position of partition {partition} is not whole", build.decode()) from error
            case [b"torn", build, reason]:
                raise TornError(reason.decode(), build.decode())
            case [b"wiping", build]:
                raise WipingError(build.decode())
        raise UnavailableError("an answer of another form")

    async def flush(self, moves: Sequence[Move], deltas: Deltas) -> dict[int, StoreError]:
        """Moves these positions of one build and adds what lies between, in one script; {} when it is done.

        Else each partition that stood in the way has its reason, and of what was sent nothing is stored, or nobody knows.
        """
        builds = {move.lease.build for move in moves}
        if len(builds) != 1:
            raise ValueError(f"positions of {len(builds)} builds cannot be moved together")
        [build] = builds
        try:
            reply: Any = await self._redis.eval(scripts.FLUSH, 0, self._prefix, _packed(moves, deltas, build, self.owner))
        except (redis.RedisError, OSError, TimeoutError) as error:
            reply = error
        numbers = {move.lease.partition for move in moves}
        match reply:
            case [b"ok"]:
                return {}
            case [b"refused", *words]:
                found = {int(n): RefusedError(word == b"fenced") for n, word in zip(words[::2], words[1::2], strict=True)}
                if found and found.keys() <= numbers:
                    return dict(found)
        problem = _problem(reply, build)
        return dict.fromkeys(numbers, problem)

    async def verify(self, build: str, held: Sequence[tuple[int, int, int]]) -> dict[int, RefusedError]:
        """Those of (partition, next, epoch) that are not so in Redis; TornError when figures or positions are torn."""
        flat = [text for number, at, epoch in held for text in (str(number), str(at), str(epoch), self.owner)]
        match await self._run(scripts.VERIFY, build, *flat):
            case [b"ok", *lost]:
                return {int(n): RefusedError(word == b"fenced") for n, word in zip(lost[::2], lost[1::2], strict=True)}
            case [b"torn", reason]:
                raise TornError(reason.decode(), build)
            case [b"refused", *_]:
                return {number: RefusedError(is_fenced=False) for number, _, _ in held}
        raise UnavailableError("an answer of another form")

    async def wipe(self, torn: str, is_begun: bool = False) -> None:
        """Deletes all figures and positions of the build `torn`; whoever counts on it is fenced before. Several may help."""
        build = torn
        if not is_begun:
            build = uuid.uuid4().hex
            if await self._run(scripts.BEGIN_WIPE, torn, build, str(PARTITIONS)) != [b"ok"]:
                return
        for names in [found async for found in self._names()]:
            if await self._run(scripts.WIPE, build, *names) != [b"ok"]:
                return
        await self._run(scripts.END_WIPE, build)

    async def memory(self) -> Memory | None:
        """Redis' memory, None when it does not say."""
        try:
            found: dict[str, Any] = await self._redis.info("memory")
        except redis.ResponseError:
            return None
        except _NOT_NOW_TYPES as error:
            raise UnavailableError(type(error).__name__) from error
        policy = found.get("maxmemory_policy")
        used, most = int(found.get("used_memory", 0)), int(found.get("maxmemory", 0))
        return Memory(None if policy is None else str(policy), used, most)

    async def close(self) -> None:
        """Ends the connections."""
        await self._redis.aclose()

    async def _names(self) -> Any:
        """Names of ours behind the prefix but `build`, some at a time."""
        start, cursor = len(self._prefix), 0
        while True:
            try:
                cursor, found = await self._redis.scan(cursor, match=f"{self._prefix}*", count=SCAN_COUNT)
            except (redis.RedisError, OSError, TimeoutError) as error:
                raise UnavailableError(type(error).__name__) from error
            names = [name for key in found if keys.is_ours(name := key.decode()[start:]) and name != keys.BUILD]
            for at in range(0, len(names), WIPE_NAMES_PER_CALL):
                yield names[at : at + WIPE_NAMES_PER_CALL]
            if not cursor:
                return

    async def _run(self, script: str, *arguments: str) -> Any:
        try:
            return await self._redis.eval(script, 0, self._prefix, *arguments)
        except (redis.RedisError, OSError, TimeoutError) as error:
            if isinstance(error, redis.ReadOnlyError):
                # The primary's name may lead elsewhere by now: a connection that is kept would never find out.
                await self._redis.connection_pool.disconnect()
            raise _problem(error, "") from error


def _problem(reply: Any, build: str) -> StoreError:
    """What an answer that is none of the expected means for what was sent."""
    match reply:
        case [b"torn", reason]:
            return TornError(reason.decode(), build)
    if isinstance(reply, redis.ResponseError) and not isinstance(reply, _NOT_NOW_TYPES):
        # A script that failed on its way has written a part of what it should.
        return UnavailableError(str(reply)) if str(reply).startswith(NOT_NOW) else TornError(str(reply), build)
    return UnavailableError(type(reply).__name__)


def _packed(moves: Sequence[Move], deltas: Deltas, build: str, owner: str) -> bytes:
    return _pack(
        {
            "build": build,
            "owner": owner,
            "moves": [_moved(move) for move in moves],
            "add": deltas.add,
            # Microseconds fit a double, and travel as text all the same, as offsets do.
            "rise": {name: {field: str(at) for field, at in found.items()} for name, found in deltas.rise.items()},
            "days": deltas.days,
        }
    )


def _moved(move: Move) -> dict[str, object]:
    members = _members(move)
    return {
        "partition": str(move.lease.partition),
        "next": str(move.since),
        "to": str(move.to.next),
        "epoch": str(move.lease.epoch),
        "set": [text for name, value in members.items() if value is not None for text in (name, value)],
        "drop": [name for name, value in members.items() if value is None],
    }


def _members(move: Move) -> dict[str, str | None]:
    to = move.to
    return {
        "src": None if to.src is None else f"{to.src[0]}.{to.src[1]}",
        "chain": None if to.src is None else to.chain.hex(),
        "read": to.read,
        "closed": str(to.closed),
        "recorded_at": None if to.recorded_at is None else str(to.recorded_at),
        "log_clock": None if to.log_clock is None else str(to.log_clock),
        "digest": to.digest,
        "stopped": to.stopped,
        "cluster": move.identity.cluster,
        "topic": move.identity.topic,
        "next": str(to.next),
    }


def _pairs(flat: list[bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _position(stored: dict[str, str]) -> Position:
    return Position(
        next=int(stored["next"]),
        src=_src(stored.get("src")),
        chain=bytes.fromhex(stored["chain"]) if "chain" in stored else CHAIN_START,
        read=stored.get("read"),
        closed=int(stored.get("closed", "-1")),
        recorded_at=int(stored["recorded_at"]) if "recorded_at" in stored else None,
        log_clock=int(stored["log_clock"]) if "log_clock" in stored else None,
        digest=stored.get("digest"),
        stopped=_stop(stored.get("stopped")),
    )


def _src(text: str | None) -> Src | None:
    if text is None:
        return None
    offset, index = text.split(".")
    return int(offset), int(index)


def _stop(text: str | None) -> Stop | None:
    if text is None:
        return None
    return next(reason for reason in STOPS if reason == text)


def _identity(stored: dict[str, str]) -> Identity | None:
    return Identity(stored["cluster"], stored["topic"]) if "cluster" in stored and "topic" in stored else None
