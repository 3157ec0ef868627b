"""The sets that the worker keeps for worklists, read and never written: places in order, then the dossiers at them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from redis.asyncio.client import Pipeline

from contracts.topics import PARTITIONS
from services.processing.api.states import States, StatesUnavailableError, position_of
from services.processing.domain import dossier as dossiers
from services.processing.domain.dossier import Dossier
from services.processing.domain.line import Position
from services.processing.domain.worklists import Sought
from services.processing.store import keys

# KEYS: position, sets of its partition.  ARGV: span, ahead (µs), score and code of the cursor ('' without one), count.
# Position, log clock and sets move in one step, so they are read in one. Members of one score lie in the order of their
# bytes: behind a cursor means behind its score, or at it and behind its code, which a bisect finds. Bytes are compared by
# hand, because Lua compares as the server's locale says.
FIND: Final = """
local held = redis.call('HMGET', KEYS[1], 'at', 'position', 'gen', 'lists', 'clock')
local answer = {held[1], held[2], held[3], held[4], 0, {}}
local low, high, clock = '-inf', '+inf', held[5]
if ARGV[1] ~= 'all' then
  if not clock or clock == '' then return answer end
  if ARGV[1] == 'before_clock' then
    high = '(' .. clock
  else
    low, high = clock, string.format('%.0f', tonumber(clock) + tonumber(ARGV[2]))
  end
end
local function is_behind(a, b)
  for i = 1, math.min(#a, #b) do
    if a:byte(i) ~= b:byte(i) then return a:byte(i) > b:byte(i) end
  end
  return #a > #b
end
local function rank_behind(key, score, code)
  local first = redis.call('ZCOUNT', key, '-inf', '(' .. score)
  local last = redis.call('ZCOUNT', key, '-inf', score)
  while first < last do
    local middle = math.floor((first + last) / 2)
    if is_behind(redis.call('ZRANGE', key, middle, middle)[1], code) then last = middle else first = middle + 1 end
  end
  return first
end
for i = 2, #KEYS do
  local first = low == '-inf' and 0 or redis.call('ZCOUNT', KEYS[i], '-inf', '(' .. low)
  local last = redis.call('ZCOUNT', KEYS[i], '-inf', high)
  answer[5] = answer[5] + last - first
  if ARGV[3] ~= '' then first = math.max(first, rank_behind(KEYS[i], ARGV[3], ARGV[4])) end
  last = math.min(last, first + tonumber(ARGV[5]))
  answer[6][i - 1] = first < last and redis.call('ZRANGE', KEYS[i], first, last - 1, 'WITHSCORES') or {}
end
return answer
"""

# KEYS: position, then for each code its dossier and the set that it was found in.  ARGV: codes.
READ: Final = """
local held = redis.call('HMGET', KEYS[1], 'at', 'position', 'gen')
local states, scores = {}, {}
for i = 1, #ARGV do
  states[i] = redis.call('GET', KEYS[2 * i])
  scores[i] = redis.call('ZSCORE', KEYS[2 * i + 1], ARGV[i])
end
return {held[1], held[2], held[3], states, scores}
"""


class Row(Struct, frozen=True, order=True):
    """A dossier in a list: in the order of scores, then of codes. `name` is that of the set that it was found in."""

    score: int
    code: str
    partition: int
    name: str


class Asked(Struct, frozen=True):
    """A page that is wanted: of these sets by partition, at most so many rows behind a (score, code)."""

    names: Sequence[Sequence[str]]
    sought: Sought
    after: tuple[int, str] | None
    count: int


class Found(Struct, frozen=True):
    """Its rows, how long the whole list is, and the positions of which it is."""

    positions: tuple[Position | None, ...]
    rows: tuple[Row, ...]
    total: int


class Shown(Struct, frozen=True):
    """The dossiers of some rows that still stand where they were found, and the positions as of which they do."""

    positions: Mapping[int, Position | None]
    dossiers: Mapping[str, Dossier]


async def find(states: States, asked: Asked) -> Found:
    """The first rows of a list behind a place."""
    sought, after = asked.sought, asked.after
    given = (sought.span, str(sought.ahead), *(("", "") if after is None else (str(after[0]), after[1])), str(asked.count))

    def fill(pipeline: Pipeline) -> None:
        for number in range(PARTITIONS):
            names = [
                keys.position(number, states.gen),
                *(keys.worklist(number, name, states.gen) for name in asked.names[number]),
            ]
            pipeline.eval_ro(FIND, len(names), *names, *given)

    rows: list[Row] = []
    positions: list[Position | None] = []
    total = 0
    for number, (at, packed, writer, lists, count, found) in enumerate(await states.asked(fill)):
        position = position_of(at, packed, writer, states.gen)
        if position is not None and lists != keys.lists_at(at.decode()).encode():
            raise StatesUnavailableError(f"the worklists of partition {number} are being worked out")
        positions.append(position)
        total += count
        for name, members in zip(asked.names[number], found, strict=False):
            rows += _rows(number, name, members)
    return Found(tuple(positions), tuple(sorted(rows)[: asked.count]), total)


async def read(states: States, rows: Sequence[Row]) -> Shown:
    """The dossiers of rows. One that has moved since they were found is left out: it stands elsewhere, or nowhere."""
    by_partition: dict[int, list[Row]] = {}
    for row in rows:
        by_partition.setdefault(row.partition, []).append(row)

    def fill(pipeline: Pipeline) -> None:
        for number, wanted in by_partition.items():
            names = [keys.position(number, states.gen)]
            for row in wanted:
                names += (keys.dossier(number, row.code, states.gen), keys.worklist(number, row.name, states.gen))
            pipeline.eval_ro(READ, len(names), *names, *(row.code for row in wanted))

    positions: dict[int, Position | None] = {}
    found: dict[str, Dossier] = {}
    for (number, wanted), answer in zip(by_partition.items(), await states.asked(fill) if rows else [], strict=True):
        positions[number] = position_of(answer[0], answer[1], answer[2], states.gen)
        for row, state, score in zip(wanted, answer[3], answer[4], strict=True):
            if state is not None and score is not None and int(float(score)) == row.score:
                decoded = _decoded(row.code, state)
                if isinstance(decoded, Dossier):
                    found[row.code] = decoded
    return Shown(positions, found)


def _rows(number: int, name: str, members: Sequence[bytes]) -> list[Row]:
    pairs = zip(members[::2], members[1::2], strict=True)
    return [Row(int(float(score)), code.decode(), number, name) for code, score in pairs]


def _decoded(code: str, state: bytes) -> Any:
    try:
        return dossiers.decode(code, state)
    except (msgspec.MsgspecError, KeyError) as error:
        raise StatesUnavailableError("a stored state cannot be read; it is rebuilt as soon as the worker sees it") from error
