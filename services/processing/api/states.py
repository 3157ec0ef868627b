"""What the worker has stored in Redis, read and never written: a dossier together with the position it belongs to."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec
import redis.asyncio
from msgspec import Struct
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from contracts.topics import PARTITIONS
from services.processing.api.cursors import ParkedCursor
from services.processing.domain import dossier as dossiers
from services.processing.domain.dossier import Dossier, Retired
from services.processing.domain.generation import GEN
from services.processing.domain.line import Position
from services.processing.store import keys

CALL_SECONDS: Final = 1.5
CONNECTIONS_MAX: Final = 32

# KEYS: position, dossiers of its partition.  Both move in one step, so both are read in one.
READ: Final = """
local held = redis.call('HMGET', KEYS[1], 'at', 'position', 'gen')
local states = {}
for i = 2, #KEYS do states[i - 1] = redis.call('GET', KEYS[i]) end
return {held[1], held[2], held[3], states}
"""


class StatesUnavailableError(Exception):
    """Redis does not answer, or holds what cannot be read: the worker mends the latter, so asking again helps."""


class Snapshot(Struct, frozen=True):
    """Positions of all partitions (None: nothing is counted in yet) and, by partition and code, dossiers as of them."""

    positions: tuple[Position | None, ...]
    dossiers: Mapping[tuple[int, str], Dossier | Retired | None]

    @property
    def without_position(self) -> list[int]:
        """The partitions whose state is missing or being rebuilt."""
        return [number for number, position in enumerate(self.positions) if position is None]


class States:
    """Reads one generation for one event loop; every call is bounded."""

    def __init__(self, url: str, on_error: Callable[[str], None], gen: int = GEN) -> None:
        self.gen = gen
        self._on_error = on_error
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS_MAX,
            timeout=CALL_SECONDS,
            socket_timeout=CALL_SECONDS,
            socket_connect_timeout=CALL_SECONDS,
            # Once: a connection that a restarted Redis has dropped is found out by using it.
            retry=Retry(NoBackoff(), 1),
        )
        self._client = redis.asyncio.Redis(connection_pool=pool)

    async def read(self, wanted: Mapping[int, Sequence[str]] | None = None) -> Snapshot:
        """All positions, with the dossiers of these codes by partition."""
        codes = dict(wanted or {})
        pipeline = self._client.pipeline(transaction=False)
        for number in range(PARTITIONS):
            if asked := codes.get(number):
                names = [keys.position(number, self.gen), *(keys.dossier(number, code, self.gen) for code in asked)]
                pipeline.eval_ro(READ, len(names), *names)
            else:
                pipeline.hmget(keys.position(number, self.gen), "at", "position", "gen")
        rows = await self._execute(pipeline)
        try:
            return Snapshot(
                tuple(position_of(row[0], row[1], row[2], self.gen) for row in rows),
                {
                    (number, code): None if state is None else dossiers.decode(code, state)
                    for number, asked in codes.items()
                    for code, state in zip(asked, rows[number][3], strict=True)
                },
            )
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            self._on_error("unreadable")
            raise StatesUnavailableError(
                "a stored state cannot be read; it is rebuilt as soon as the worker sees it"
            ) from error

    async def parked_codes(self, start: ParkedCursor, count: int) -> list[tuple[int, str]]:
        """The first (partition, code) pairs behind a cursor in the index of dossiers with parked events."""
        pipeline = self._client.pipeline(transaction=False)
        numbers = range(start.partition, PARTITIONS)
        for number in numbers:
            after = start.after if number == start.partition else None
            lowest = "-" if after is None else f"({after}"
            pipeline.zrangebylex(keys.index(number, keys.PARKED, self.gen), lowest, "+", start=0, num=count)
        rows = await self._execute(pipeline)
        return [(number, code.decode()) for number, row in zip(numbers, rows, strict=True) for code in row][:count]

    async def asked(self, fill: Callable[[Pipeline], None]) -> list[Any]:
        """The answers to whatever is put into a pipeline, in one call."""
        pipeline = self._client.pipeline(transaction=False)
        fill(pipeline)
        return await self._execute(pipeline)

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.aclose()
        await self._client.connection_pool.aclose()

    async def _execute(self, pipeline: Pipeline) -> list[Any]:
        try:
            return await cast(Awaitable[list[Any]], pipeline.execute())
        except (RedisError, OSError) as error:
            self._on_error(type(error).__name__)
            raise StatesUnavailableError("the stored dossiers cannot be read now") from error


def position_of(at: bytes | None, packed: bytes | None, writer: bytes | None, gen: int) -> Position | None:
    """A position that the worker stands by; between wiping and the first commit there is none."""
    if at is None or packed is None:
        return None
    if writer is not None and writer.decode() != keys.written_by(gen):
        raise ValueError("the state was written by another generation")
    position = _POSITION.decode(packed)
    return position if at == keys.place(position).encode() else None


_POSITION = msgspec.msgpack.Decoder(Position)
