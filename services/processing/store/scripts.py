"""The scripts by which a partition's state changes hands and moves; Lua's numbers are doubles, so places travel as text."""

from typing import Final

# KEYS: position.  ARGV: owner, gen.  Takes the partition: every commit of an earlier owner fails from here on.
# A partition without a place is unclean until it has been wiped: who knows what else lies there. What another
# generation has written stays as it is.
ACQUIRE: Final = """
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and kind ~= 'hash' then return redis.error_reply('TORN position is a ' .. kind) end
local held = redis.call('HMGET', KEYS[1], 'at', 'position', 'identity', 'gen', 'lists')
if held[4] and held[4] ~= ARGV[2] then return {'0', held[1] or '', held[2], held[3], held[4], held[5]} end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'gen', ARGV[2])
if not held[1] then
  redis.call('HSET', KEYS[1], 'at', 'unclean')
  held[1] = 'unclean'
end
return {tostring(epoch), held[1], held[2], held[3], held[4], held[5]}
"""

# KEYS: position.  ARGV: epoch, owner, from ('' for any place), to.  Marks the begin and end of wiping a partition.
MARK: Final = """
local held = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'at')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] then return 0 end
if ARGV[3] ~= '' and held[3] ~= ARGV[3] then return 0 end
redis.call('HDEL', KEYS[1], 'position', 'identity', 'lists', 'clock')
redis.call('HSET', KEYS[1], 'at', ARGV[4])
return 1
"""

# KEYS: position, names to remove.  ARGV: epoch, owner, the place that a partition has while it is wiped.
WIPE: Final = """
local held = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'at')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[2] or held[3] ~= ARGV[3] then return 0 end
redis.call('UNLINK', unpack(KEYS, 2))
return 1
"""

# KEYS: position, indexes, sets of worklists.  ARGV: from, to, epoch, owner,
# msgpack {position, identity, clock, lists, put, drop, add, remove}.
# Compare, then check, then write; the position last, because nothing takes back what a failing script has written.
COMMIT: Final = """
local held = redis.call('HMGET', KEYS[1], 'at', 'epoch', 'owner')
if held[1] ~= ARGV[1] or held[2] ~= ARGV[3] or held[3] ~= ARGV[4] then
  return {0, held[1] or '', held[2] or '', held[3] or ''}
end
for i = 2, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'none' and kind ~= 'zset' then return redis.error_reply('TORN index is a ' .. kind) end
end
local moved = cmsgpack.unpack(ARGV[5])
if #moved.put % 2 ~= 0 or #moved.add ~= #KEYS - 1 or #moved.remove ~= #KEYS - 1 then
  return redis.error_reply('TORN commit is not whole')
end
for i = 1, #moved.add do
  if #moved.add[i] % 2 ~= 0 then return redis.error_reply('TORN commit is not whole') end
end
local function by_thousands(command, key, list)
  for first = 1, #list, 1000 do
    local last = math.min(first + 999, #list)
    if key then
      redis.call(command, key, unpack(list, first, last))
    else
      redis.call(command, unpack(list, first, last))
    end
  end
end
by_thousands('MSET', nil, moved.put)
by_thousands('DEL', nil, moved.drop)
for i = 1, #moved.add do
  by_thousands('ZADD', KEYS[i + 1], moved.add[i])
  by_thousands('ZREM', KEYS[i + 1], moved.remove[i])
end
redis.call('HSET', KEYS[1], 'position', moved.position, 'identity', moved.identity, 'clock', moved.clock,
  'lists', moved.lists, 'at', ARGV[2])
return {1}
"""
