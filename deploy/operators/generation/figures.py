"""The counters of two states at the same positions: read at one instant, then each counted on to the same records."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import redis

from contracts.lifecycle import CHAIN_START
from contracts.topics import PARTITIONS
from deploy.operators.errors import NoFiguresError, RedisUnavailableError
from deploy.operators.generation.lifecycles import Lifecycles
from services.metrics.domain.contributions import Memo
from services.metrics.domain.counting import Count
from services.metrics.domain.deltas import deltas
from services.metrics.domain.position import Position, Stop
from services.metrics.store import keys

# Records are handed over to the count some at a time.
COUNTED_AT_ONCE: Final = 2000
Hashes = dict[str, dict[str, int]]
Src = tuple[int, int]

# KEYS: none.  ARGV: partitions, then the prefixes. Reads only, all of it at one instant.
_SCRIPT: Final = """
local out = {}
for i = 2, #ARGV do
  local function all(name) return redis.call('HGETALL', ARGV[i] .. name) end
  local state = {redis.call('HGET', ARGV[i] .. 'build', 'wiping') or ''}
  for n = 0, tonumber(ARGV[1]) - 1 do state[#state + 1] = all('p:' .. n) end
  local names = {'total', 'split', 'states', 'outcomes', 'seen', 'restated'}
  for _, day in ipairs(redis.call('SMEMBERS', ARGV[i] .. 'days')) do
    names[#names + 1] = 'day:' .. day
    names[#names + 1] = 'daysplit:' .. day
  end
  for _, name in ipairs(names) do
    state[#state + 1] = name
    state[#state + 1] = all(name)
  end
  out[#out + 1] = state
end
return out
"""


@dataclass
class State:
    """Positions and figures of one state, at one instant; `figures` move on with `positions`. `stopped`: the partitions that
    its worker counts no further, with the reason."""

    name: str
    positions: dict[int, Position]
    figures: Hashes
    stopped: dict[int, str]

    @property
    def reached(self) -> dict[int, int]:
        """The reported record at which each partition is, be it in the middle of it; −1: none yet."""
        return {number: -1 if at.src is None else at.src[0] for number, at in self.positions.items()}


def take(client: "redis.Redis", url: str, states: Mapping[str, str]) -> dict[str, State]:
    """States by name, of the prefixes by name, at one instant; NoFiguresError when one has none that can be compared."""
    try:
        found: Any = client.eval(_SCRIPT, 0, str(PARTITIONS), *states.values())
    except redis.RedisError as error:
        raise RedisUnavailableError(url, type(error).__name__) from error
    return {name: _state(name, *each) for name, each in zip(states, found, strict=True)}


def count_on(state: State, reader: Lifecycles, number: int, target: int, within_seconds: float, memo: Memo) -> Stop | None:
    """Counts a partition of a state on from where it is, up to the last record of a reported record; why it cannot."""
    at = state.positions[number]
    if at.closed >= target:
        return None
    count = Count(at, memo)
    records = reader.through(number, at.next, target, within_seconds)
    while some := list(islice(records, COUNTED_AT_ONCE)):
        count.take([each.value for each in some], [each.chain for each in some])
    if count.position.stopped is None:
        state.positions[number] = count.position
        _add(state.figures, count)
    return count.position.stopped


def differences(one: Hashes, other: Hashes) -> dict[tuple[str, str], tuple[int, int]]:
    """(hash, field) of what is not the same in both, with both numbers; what is not there is 0."""
    found = {}
    for name in sorted(one.keys() | other.keys()):
        left, right = one.get(name, {}), other.get(name, {})
        for field in sorted(left.keys() | right.keys()):
            if left.get(field, 0) != right.get(field, 0):
                found[name, field] = (left.get(field, 0), right.get(field, 0))
    return found


def size(figures: Hashes) -> int:
    """How many figures that are."""
    return sum(len(fields) for fields in figures.values())


def _add(figures: Hashes, count: Count) -> None:
    moved = deltas(count.collect())
    for name, fields in moved.add.items():
        into = figures.setdefault(name, {})
        for field, number in fields.items():
            into[field] = into.get(field, 0) + number
    for name, fields in moved.rise.items():
        into = figures.setdefault(name, {})
        for field, number in fields.items():
            into[field] = max(into.get(field, 0), number)


def _state(name: str, wiping: bytes, *rest: Any) -> State:
    if wiping:
        raise NoFiguresError(name, "it is being wiped just now")
    positions: dict[int, Position] = {}
    stopped: dict[int, str] = {}
    for number, flat in enumerate(rest[:PARTITIONS]):
        held = _pairs(flat)
        if not held:
            raise NoFiguresError(name, f"nothing is counted of partition {number}")
        if "stopped" in held:
            stopped[number] = held["stopped"]
        positions[number] = _position(held)
    figures = {
        hash_name.decode(): {field: int(value) for field, value in _pairs(flat).items()}
        for hash_name, flat in zip(rest[PARTITIONS::2], rest[PARTITIONS + 1 :: 2], strict=True)
    }
    return State(name, positions, figures, stopped)


def _position(held: Mapping[str, str]) -> Position:
    src: Src | None = None
    if "src" in held:
        offset, _, index = held["src"].partition(".")
        src = (int(offset), int(index))
    return Position(
        next=int(held["next"]),
        src=src,
        chain=bytes.fromhex(held["chain"]) if "chain" in held else CHAIN_START,
        closed=int(held.get("closed", "-1")),
    )


def _pairs(flat: Iterable[bytes]) -> dict[str, str]:
    row = list(flat)
    return {name.decode(): value.decode() for name, value in zip(row[::2], row[1::2], strict=True)}


def prefix(gen: int, place: keys.Place = "live") -> str:
    """Where a state lies."""
    return keys.prefix(gen, place)
