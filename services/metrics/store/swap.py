"""The counters that were built beside take the place of those that are read, in one step."""

from typing import Any, Final

import redis

from services.metrics.store import keys

# ARGV: prefixes of the live, the new and the former figures. One script, so whoever reads or writes sees one state or the
# other. `build` comes along with its id, by which whoever counts on the former figures is fenced. RENAME costs the same
# whatever lies behind a name.
_SCRIPT: Final = """
local live, new, former = ARGV[1], ARGV[2], ARGV[3]
local function names_of(prefix)
  local names = {build = true, days = true}
  for n = 0, tonumber(ARGV[4]) - 1 do names['p:' .. n] = true end
  local flat = redis.call('HKEYS', prefix .. 'build')
  for _, field in ipairs(flat) do
    if string.sub(field, 1, 5) == 'size:' then names[string.sub(field, 6)] = true end
  end
  return names
end
if redis.call('HEXISTS', new .. 'build', 'id') == 0 then return {'refused', 'nothing was built beside'} end
if redis.call('HEXISTS', new .. 'build', 'wiping') == 1 then return {'refused', 'what was built beside is being wiped'} end
for n = 0, tonumber(ARGV[4]) - 1 do
  local held = redis.call('HMGET', new .. 'p:' .. n, 'next', 'stopped')
  if not held[1] then return {'refused', 'partition ' .. n .. ' was not counted beside'} end
  if held[2] then return {'refused', 'partition ' .. n .. ' has stopped beside: ' .. held[2]} end
end
if redis.call('EXISTS', former .. 'build') == 1 then return {'refused', 'former counters are still kept'} end
local function move(from, to)
  for name in pairs(names_of(from)) do
    if redis.call('EXISTS', from .. name) == 1 then redis.call('RENAME', from .. name, to .. name) end
  end
end
move(live, former)
move(new, live)
return {'ok'}
"""


def swap(client: "redis.Redis", gen: int, partitions: int) -> str | None:
    """None when it is done; else why not, and nothing was changed."""
    prefixes = [keys.prefix(gen, place) for place in ("live", "beside", "former")]
    answer: Any = client.eval(_SCRIPT, 0, *prefixes, str(partitions))
    return None if answer[0] == b"ok" else str(answer[1].decode())
