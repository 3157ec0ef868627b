"""State and position of partitions in Redis: taken over, read, moved in one guarded step, wiped."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import msgspec
import redis
from msgspec import Struct

from services.processing.domain import dossier as states
from services.processing.domain.dossier import Dossier, Retired
from services.processing.domain.generation import GEN
from services.processing.domain.line import Position
from services.processing.errors import MisconfiguredError, TornError, UnavailableError
from services.processing.store import keys, scripts

UNCLEAN = "unclean"
SCAN_COUNT = 2000
UNLINK_COUNT = 1000
PAUSE_SECONDS = 0.1
PAUSE_SECONDS_MAX = 1.0
# A hiccup is waited out in silence; from here on somebody is told, however long the call goes on being tried.
SAID_AFTER_SECONDS = 2.0
# Replies that refuse a write before anything is written: the state is whole, Redis is not at our service.
_UNTOUCHED = (
    redis.exceptions.OutOfMemoryError, redis.exceptions.ReadOnlyError, redis.exceptions.AuthenticationError,
    redis.exceptions.MasterDownError, redis.exceptions.ClusterDownError, redis.exceptions.TryAgainError,
)  # fmt: skip
# The same, of those for which the client has no class of their own.
_UNTOUCHED_WORDS = ("MISCONF", "BUSY", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN")
# What a key of another kind than ours is answered with: then even the position is not what it should be.
_ANOTHER_KIND = ("TORN", "WRONGTYPE")
_GONE = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)
_PLACE = ("epoch", "owner", "at")
_T = TypeVar("_T")


class Identity(Struct, frozen=True):
    """By what the log is known again: cluster, topic, and the digest of the last record that was worked off."""

    cluster: str
    topic: str
    offset: int
    digest: bytes


class Held(Struct, frozen=True):
    """A partition as it was found when it was taken over."""

    partition: int
    epoch: str
    at: str
    position: Position
    identity: Identity | None
    # It is unclean, and neither half wiped nor of another release.
    is_torn: bool = False

    @property
    def is_unclean(self) -> bool:
        """Whether nobody knows what lies there: it must be wiped before use."""
        return self.at == UNCLEAN

    @property
    def is_first(self) -> bool:
        """Whether nobody has had it since the archive began, or since its state was emptied."""
        return self.epoch == "1"


class Commit(Struct, frozen=True, kw_only=True):
    """What one commit moves. Indexes, and the sets of worklists by name, hold the new score of a code, None to take it
    out."""

    partition: int
    epoch: str
    begin: Position
    position: Position
    identity: Identity
    dossiers: Mapping[str, Dossier | Retired]
    due: Mapping[str, int | None]
    kept: Mapping[str, bool]
    parked: Mapping[str, bool]
    lists: Mapping[str, Mapping[str, int | None]]


class Store:
    """The Redis that this worker writes to. `owner` is its name while it lives, `gen` the generation whose keys it moves."""

    def __init__(
        self, client: "redis.Redis", owner: str, patience_seconds: float, on_error: Callable[[str], None], gen: int = GEN,
        on_away: Callable[[str], None] = lambda why: None,
    ) -> None:  # fmt: skip
        self._client = client
        self._owner = owner
        self._gen = gen
        self._writer = keys.written_by(gen)
        self._patience_seconds = patience_seconds
        self._on_error = on_error
        self._on_away = on_away

    def check(self) -> str | None:
        """None when Redis may be written to; else why not."""
        try:
            policy = self._client.info("memory").get("maxmemory_policy")
        except redis.exceptions.RedisError as error:
            self._on_error(type(error).__name__)
            return f"redis_unreachable: {type(error).__name__}"
        return None if policy == "noeviction" else f"redis_evicts: maxmemory-policy is {policy}, it must be noeviction"

    def acquire(self, partition: int) -> Held:
        """Takes a partition; whoever held it before can store nothing more."""
        found = self._patiently(lambda: self._acquire(partition))
        epoch, at, position, identity, gen, lists = found
        if gen is not None and gen.decode() != self._writer:
            raise MisconfiguredError(
                f"partition {partition} was written by generation {gen.decode()}, this is {self._writer}"
            )
        is_torn = at.decode() != UNCLEAN
        with suppress(msgspec.MsgspecError):
            stored = Position() if position is None else _POSITION.decode(position)
            known = None if identity is None else _IDENTITY.decode(identity)
            # What was stored by a version that knows no worklists, or others, has to be worked out anew with them.
            has_lists = position is None or lists == keys.lists_at(keys.place(stored)).encode()
            if at.decode() == keys.place(stored):
                if has_lists:
                    return Held(partition, epoch.decode(), keys.place(stored), stored, known)
                is_torn = False
        return Held(partition, epoch.decode(), UNCLEAN, Position(), None, is_torn)

    def moved(self, owned: Mapping[int, tuple[str, Position]]) -> list[int] | None:
        """Of partitions with epoch and position: those that are not as this owner left them; None while Redis is away."""
        pipeline = self._client.pipeline(transaction=False)
        for partition in owned:
            pipeline.hmget(keys.position(partition, self._gen), *_PLACE)
        try:
            found = pipeline.execute(raise_on_error=False)
        except _GONE as error:
            self._on_error(type(error).__name__)
            return None
        return [
            number
            for (number, (epoch, position)), row in zip(owned.items(), found, strict=True)
            # An error instead of a row: not even the hash is one.
            if row != self._place(epoch, position)
        ]

    def stands_at(self, partition: int, epoch: str, position: Position) -> bool:
        """Whether a partition is still this owner's and still at that position. Asked after its state was read and before
        anything is sent: what was read of a Redis that was emptied or rolled back meanwhile is no state to send from."""
        key = keys.position(partition, self._gen)
        found: list[bytes | None] = self._read(partition, lambda: self._client.hmget(key, *_PLACE))
        return found == self._place(epoch, position)

    def load(self, wanted: Mapping[int, Iterable[str]]) -> dict[int, dict[str, Dossier | Retired | None]]:
        """Dossiers by partition and code; None for one that nothing is kept of."""
        asked = {partition: list(codes) for partition, codes in wanted.items()}
        asked = {partition: codes for partition, codes in asked.items() if codes}

        def read() -> list[Any]:
            pipeline = self._client.pipeline(transaction=False)
            for partition, codes in asked.items():
                pipeline.mget([keys.dossier(partition, code, self._gen) for code in codes])
                pipeline.zmscore(keys.index(partition, keys.KEPT, self._gen), codes)
            rows: list[Any] = pipeline.execute(raise_on_error=False)
            # What Redis cannot answer now tells nothing of what it holds; any other error is its partition's.
            _raise_first(row for row in rows if _is_untouched(row))
            return rows

        rows = self._patiently(read) if asked else []
        return {
            partition: self._loaded(partition, codes, rows[2 * place], rows[2 * place + 1])
            for place, (partition, codes) in enumerate(asked.items())
        }

    def due(self, partition: int, after: int, clock: int, count: int) -> tuple[list[tuple[int, str]], int | None]:
        """The first (score, code) pairs of the due index after one instant up to the clock, and the first score beyond."""
        key, begin = keys.index(partition, keys.DUE, self._gen), f"({after}"

        def read() -> list[list[tuple[bytes, float]]]:
            pipeline = self._client.pipeline(transaction=False)
            pipeline.zrange(key, begin, str(clock), byscore=True, offset=0, num=count, withscores=True)
            pipeline.zrange(key, f"({clock}", "+inf", byscore=True, offset=0, num=1, withscores=True)
            found: list[list[tuple[bytes, float]]] = pipeline.execute(raise_on_error=False)
            # As Redis said it: raised by the pipeline its words would stand behind those of the client.
            _raise_first(found)
            return found

        rows, beyond = self._read(partition, read)
        return [(int(score), code.decode()) for code, score in rows], int(beyond[0][1]) if beyond else None

    def next_kept(self, partition: int, after: str | None, count: int) -> list[str]:
        """The first codes after `after` in the index of kept dossiers."""
        key, begin = keys.index(partition, keys.KEPT, self._gen), "-" if after is None else f"({after}"
        rows: list[bytes] = self._read(partition, lambda: self._client.zrangebylex(key, begin, "+", start=0, num=count))
        return [code.decode() for code in rows]

    def commit(self, commits: list[Commit]) -> list[bool | TornError]:
        """Each in one step, or not at all: False where somebody or something else has moved the partition meanwhile.

        After a lost connection nobody knows which of them were stored: all are False, and taking over again tells.
        """
        pipeline = self._client.pipeline(transaction=False)
        for each in commits:
            names = _keys(each, self._gen)
            pipeline.eval(scripts.COMMIT, len(names), *names, *self._arguments(each))
        try:
            replies = pipeline.execute(raise_on_error=False)
        except _GONE as error:
            self._on_error(type(error).__name__)
            return [False] * len(commits)
        return [self._outcome(each.partition, reply) for each, reply in zip(commits, replies, strict=True)]

    def wipe(self, held: Held) -> bool:
        """Removes everything of a partition but its owner; False when it is not this owner's any more.

        Each step asks whose it is: one that was held up for long must not take away what the next owner has stored.
        """
        if not self._mark(held, "", UNCLEAN):
            return False
        pattern, own = keys.prefix(held.partition, self._gen) + "*", keys.position(held.partition, self._gen).encode()
        found = self._patiently(lambda: set(self._client.scan_iter(match=pattern, count=SCAN_COUNT)))
        names = sorted(found - {own})
        for first in range(0, len(names), UNLINK_COUNT):
            some = [own, *names[first : first + UNLINK_COUNT]]
            wiped = partial(self._client.eval, scripts.WIPE, len(some), *some, held.epoch, self._owner, UNCLEAN)
            if not self._patiently(wiped):
                return False
        return self._mark(held, UNCLEAN, keys.place(Position()))

    def _place(self, epoch: str, position: Position) -> list[bytes]:
        """What stands in a position's hash, in the order of `_PLACE`, while it is as this owner left it."""
        return [epoch.encode(), self._owner.encode(), keys.place(position).encode()]

    def _acquire(self, partition: int) -> list[Any]:
        key = keys.position(partition, self._gen)
        try:
            found: list[Any] = self._client.eval(scripts.ACQUIRE, 1, key, self._owner, self._writer)
        except redis.exceptions.ResponseError as error:
            if not str(error).startswith(_ANOTHER_KIND):
                raise
            # Not even the position is what it should be: without it the partition is unclean, and is wiped.
            self._client.unlink(key)
            found = self._client.eval(scripts.ACQUIRE, 1, key, self._owner, self._writer)
        return found

    def _mark(self, held: Held, begin: str, end: str) -> bool:
        key = keys.position(held.partition, self._gen)
        marked = self._patiently(lambda: self._client.eval(scripts.MARK, 1, key, held.epoch, self._owner, begin, end))
        return bool(marked)

    def _arguments(self, commit: Commit) -> tuple[Any, ...]:
        put: list[str | msgspec.Raw] = []
        for code, dossier in commit.dossiers.items():
            put += (keys.dossier(commit.partition, code, self._gen), _text(states.encode(dossier)))
        indexes: tuple[Mapping[str, int | None], ...] = (
            commit.due, _flagged(commit.kept), _flagged(commit.parked), *commit.lists.values(),
        )  # fmt: skip
        clock = commit.position.log_clock
        moved = {
            "position": _text(_PACK.encode(commit.position)),
            "identity": _text(_PACK.encode(commit.identity)),
            "clock": "" if clock is None else str(clock),
            "lists": keys.lists_at(keys.place(commit.position)),
            "put": put,
            "drop": [],
            "add": [_added(each) for each in indexes],
            "remove": [[code for code, score in each.items() if score is None] for each in indexes],
        }
        return keys.place(commit.begin), keys.place(commit.position), commit.epoch, self._owner, _PACK.encode(moved)

    def _outcome(self, partition: int, reply: Any) -> bool | TornError:
        if _is_untouched(reply):
            raise UnavailableError(f"Redis takes no writes: {type(reply).__name__}")
        if isinstance(reply, Exception):
            self._on_error(type(reply).__name__)
            return TornError(partition, f"Redis answered a commit with an error: {str(reply)[:200]}")
        return bool(reply[0] == 1)

    def _loaded(self, partition: int, codes: Sequence[str], found: Any, kept: Any) -> dict[str, Dossier | Retired | None]:
        for reply in (found, kept):
            if isinstance(reply, Exception):
                raise TornError(partition, f"dossiers cannot be read: {str(reply)[:200]}")
        if any(state is None and is_kept is not None for state, is_kept in zip(found, kept, strict=True)):
            raise TornError(partition, "a dossier that is kept is not there")
        return {code: self._decode(partition, code, state) for code, state in zip(codes, found, strict=True)}

    def _decode(self, partition: int, code: str, state: bytes | None) -> Dossier | Retired | None:
        if state is None:
            return None
        try:
            return states.decode(code, state)
        except (msgspec.MsgspecError, KeyError) as error:
            raise TornError(partition, "the state of a dossier cannot be read") from error

    def _read(self, partition: int, asked: Callable[[], Any]) -> Any:
        try:
            return self._patiently(asked)
        except redis.exceptions.ResponseError as error:
            raise TornError(partition, f"an index cannot be read: {str(error)[:200]}") from error

    def _patiently(self, asked: Callable[[], _T]) -> _T:
        """The answer, asked again while Redis is away; UnavailableError at the bound."""
        began, pause = time.monotonic(), PAUSE_SECONDS
        while True:
            try:
                return asked()
            except redis.exceptions.RedisError as error:
                if not isinstance(error, _GONE) and not _is_untouched(error):
                    raise
                self._on_error(type(error).__name__)
                waited = time.monotonic() - began
                if waited > self._patience_seconds:
                    raise UnavailableError(
                        f"Redis did not answer for {self._patience_seconds:g} s: {type(error).__name__}"
                    ) from error
                if waited >= SAID_AFTER_SECONDS:
                    self._on_away(f"redis_unreachable: {type(error).__name__}")
                time.sleep(pause)
                pause = min(2 * pause, PAUSE_SECONDS_MAX)


def connect(url: str, call_seconds: float) -> "redis.Redis":
    """A client whose calls are bounded; retries are the caller's."""
    no_retries = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    return redis.Redis.from_url(
        url, socket_timeout=call_seconds, socket_connect_timeout=call_seconds, retry=no_retries, protocol=2
    )


def _raise_first(replies: Iterable[object]) -> None:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply


def _is_untouched(reply: object) -> bool:
    """Whether Redis says that it takes no writes at all just now."""
    if isinstance(reply, redis.exceptions.ResponseError) and str(reply).startswith(_UNTOUCHED_WORDS):
        return True
    return isinstance(reply, _UNTOUCHED)


def _keys(commit: Commit, gen: int) -> list[str]:
    partition = commit.partition
    indexes = [keys.index(partition, name, gen) for name in keys.INDEXES]
    return [keys.position(partition, gen), *indexes, *(keys.worklist(partition, name, gen) for name in commit.lists)]


def _text(value: bytes) -> msgspec.Raw:
    """Bytes as Lua's unpacker takes them: it knows strings alone, of any bytes, and refuses MessagePack's binary type."""
    return msgspec.Raw(b"\xdb" + len(value).to_bytes(4, "big") + value)


def _flagged(members: Mapping[str, bool]) -> dict[str, int | None]:
    return {code: 0 if is_in else None for code, is_in in members.items()}


def _added(index: Mapping[str, int | None]) -> list[str]:
    rows: list[str] = []
    for code, score in index.items():
        if score is not None:
            rows += (str(score), code)
    return rows


_PACK = msgspec.msgpack.Encoder()
_POSITION = msgspec.msgpack.Decoder(Position)
_IDENTITY = msgspec.msgpack.Decoder(Identity)
