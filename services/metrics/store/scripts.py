"""The scripts by which figures and positions move in one step. Lua's numbers are doubles, so offsets travel as text.

The figures of all partitions lie in shared hashes, so they are sound or torn as a whole. `build` holds the `id` of the
present build, which every flush names: a new id fences everybody who counts on the old one. It also holds the size of each
hash (`size:<name>`) and the `next` of every position (`held:<n>`): what was lost, cut or replaced is seen before
anything is written. Answers begin with a word: ok, refused (moved by somebody else), torn (wipe it), wiping (under way).
"""

from typing import Final

_CHECKS: Final = """
local function kind(name) return redis.call('TYPE', ARGV[1] .. name).ok end
local function build_id()
  if kind('build') ~= 'hash' then return '' end
  return redis.call('HGET', ARGV[1] .. 'build', 'id') or ''
end
local function is_wiping() return redis.call('HEXISTS', ARGV[1] .. 'build', 'wiping') == 1 end
-- nil when the hash is what it was left as, else what is wrong with it
local function wrong(name, size)
  local is = kind(name)
  if is == 'none' then return size > 0 and name .. ' is gone' or nil end
  if is ~= (name == 'days' and 'set' or 'hash') then return name .. ' is a ' .. is end
  local now = redis.call(name == 'days' and 'SCARD' or 'HLEN', ARGV[1] .. name)
  if now ~= size then return name .. ' has ' .. now .. ' fields instead of ' .. size end
end
local function all_wrong()
  local flat = redis.call('HGETALL', ARGV[1] .. 'build')
  local sizes = {total = 0, split = 0, states = 0, outcomes = 0, seen = 0, restated = 0, days = 0}
  for i = 1, #flat, 2 do
    if string.sub(flat[i], 1, 5) == 'size:' then
      sizes[string.sub(flat[i], 6)] = tonumber(flat[i + 1])
    elseif string.sub(flat[i], 1, 5) == 'held:' then
      local name = 'p:' .. string.sub(flat[i], 6)
      if kind(name) ~= 'hash' then return name .. ' is a ' .. kind(name) end
      if redis.call('HGET', ARGV[1] .. name, 'next') ~= flat[i + 1] then return name .. ' was moved by nobody' end
    end
  end
  for name, size in pairs(sizes) do
    local problem = wrong(name, size)
    if problem then return problem end
  end
end
"""

# ARGV: prefix, partition, owner, id for a build if there is none, target, partitions.  Takes the partition: any earlier
# owner's flush fails from here on.  Answers ok, build, epoch, position hash.
ACQUIRE: Final = (
    _CHECKS
    + """
local n, id = ARGV[2], build_id()
if id == '' then
  local names = {'build', 'total', 'split', 'states', 'outcomes', 'seen', 'restated', 'days'}
  for i = 0, tonumber(ARGV[6]) - 1 do names[#names + 1] = 'p:' .. i end
  for _, name in ipairs(names) do
    if kind(name) ~= 'none' then return {'torn', '', name .. ' belongs to no build'} end
  end
  id = ARGV[4]
  redis.call('HSET', ARGV[1] .. 'build', 'id', id)
end
if is_wiping() then return {'wiping', id} end
local problem = all_wrong()
if problem then return {'torn', id, problem} end
local key = ARGV[1] .. 'p:' .. n
if kind('p:' .. n) == 'none' then
  redis.call('HSET', key, 'next', '0', 'epoch', '0', 'closed', '-1')
elseif redis.call('HEXISTS', ARGV[1] .. 'build', 'held:' .. n) == 0 then
  return {'torn', id, 'p:' .. n .. ' belongs to no build'}
end
if not tonumber(redis.call('HGET', key, 'next')) or not tonumber(redis.call('HGET', key, 'epoch')) then
  return {'torn', id, 'p:' .. n .. ' is not whole'}
end
redis.call('HSET', ARGV[1] .. 'build', 'held:' .. n, redis.call('HGET', key, 'next'))
local epoch = redis.call('HINCRBY', key, 'epoch', 1)
redis.call('HSET', key, 'owner', ARGV[3], 'target', ARGV[5])
return {'ok', id, tostring(epoch), redis.call('HGETALL', key)}
"""
)

# ARGV: prefix, msgpack {build, owner, moves: [{partition, next, to, epoch, set, drop}], add, rise, days}.  Compare, then
# check, then write; the positions last, because nothing takes back what a failing script has written.  Where one move cannot
# be, none is: answers refused and each of these partitions with its word.
FLUSH: Final = (
    _CHECKS
    + """
local flush = cmsgpack.unpack(ARGV[2])
local refused = {'refused'}
local function refuse(move, word)
  refused[#refused + 1] = move.partition
  refused[#refused + 1] = word
end
local is_other = build_id() ~= flush.build or is_wiping()
for _, move in ipairs(flush.moves) do
  local name = 'p:' .. move.partition
  local is = kind(name)
  if is_other or is == 'none' then
    refuse(move, 'moved')
  elseif is ~= 'hash' then
    return {'torn', name .. ' is a ' .. is}
  else
    local held = redis.call('HMGET', ARGV[1] .. name, 'next', 'epoch', 'owner')
    if held[2] ~= move.epoch or held[3] ~= flush.owner then
      refuse(move, 'fenced')
    elseif held[1] ~= move.next then
      refuse(move, 'moved')
    elseif redis.call('HGET', ARGV[1] .. 'build', 'held:' .. move.partition) ~= held[1] then
      return {'torn', name .. ' was moved by nobody'}
    end
  end
end
if #refused > 1 then return refused end
local touched = {}
for name in pairs(flush.add) do touched[name] = 'hash' end
for name in pairs(flush.rise) do touched[name] = 'hash' end
if #flush.days > 0 then touched['days'] = 'set' end
for name in pairs(touched) do
  local size = tonumber(redis.call('HGET', ARGV[1] .. 'build', 'size:' .. name) or '0')
  local problem = wrong(name, size)
  if problem then return {'torn', problem} end
end
-- HMGET and HSET by the thousand cost less than one HINCRBY for each field, in time and in the append-only file.
local function write(name, changes, rising)
  local fields, k = {}, 0
  local function some()
    local old, args = redis.call('HMGET', ARGV[1] .. name, unpack(fields, 1, k)), {}
    for i = 1, k do
      local before, change = tonumber(old[i] or '0'), tonumber(changes[fields[i]])
      args[2 * i - 1] = fields[i]
      args[2 * i] = string.format('%.0f', rising and math.max(before, change) or before + change)
    end
    redis.call('HSET', ARGV[1] .. name, unpack(args, 1, 2 * k))
    k = 0
  end
  for field in pairs(changes) do
    k = k + 1
    fields[k] = field
    if k == 1000 then some() end
  end
  if k > 0 then some() end
end
for name, changes in pairs(flush.add) do write(name, changes, false) end
for name, changes in pairs(flush.rise) do write(name, changes, true) end
for i = 1, #flush.days do redis.call('SADD', ARGV[1] .. 'days', flush.days[i]) end
for name, is in pairs(touched) do
  local size = redis.call(is == 'set' and 'SCARD' or 'HLEN', ARGV[1] .. name)
  redis.call('HSET', ARGV[1] .. 'build', 'size:' .. name, tostring(size))
end
for _, move in ipairs(flush.moves) do
  local key = ARGV[1] .. 'p:' .. move.partition
  if #move.drop > 0 then redis.call('HDEL', key, unpack(move.drop)) end
  redis.call('HSET', ARGV[1] .. 'build', 'held:' .. move.partition, move.to)
  redis.call('HSET', key, unpack(move.set))
end
return {'ok'}
"""
)

# ARGV: prefix, build, then partition, next, epoch, owner of each that is held.  Answers ok and those that are not as their
# owner knows them, each with the word that a flush would get.
VERIFY: Final = (
    _CHECKS
    + """
if build_id() ~= ARGV[2] or is_wiping() then return {'refused'} end
local problem = all_wrong()
if problem then return {'torn', problem} end
local answer = {'ok'}
for i = 3, #ARGV, 4 do
  local held = redis.call('HMGET', ARGV[1] .. 'p:' .. ARGV[i], 'next', 'epoch', 'owner')
  local is_fenced = held[2] ~= ARGV[i + 2] or held[3] ~= ARGV[i + 3]
  if is_fenced or held[1] ~= ARGV[i + 1] then
    answer[#answer + 1] = ARGV[i]
    answer[#answer + 1] = is_fenced and 'fenced' or 'moved'
  end
end
return answer
"""
)

# ARGV: prefix, id of the torn build ('' when there is none), id of the next, partitions.  Fences everybody at once.
BEGIN_WIPE: Final = (
    _CHECKS
    + """
if build_id() ~= ARGV[2] then return {'refused'} end
redis.call('DEL', ARGV[1] .. 'build')
for n = 0, tonumber(ARGV[4]) - 1 do redis.call('DEL', ARGV[1] .. 'p:' .. n) end
redis.call('HSET', ARGV[1] .. 'build', 'id', ARGV[3], 'wiping', '1')
return {'ok'}
"""
)

# ARGV: prefix, build, names to delete.  Only while that build is being wiped: a late helper deletes nothing new.
WIPE: Final = (
    _CHECKS
    + """
if build_id() ~= ARGV[2] or not is_wiping() then return {'refused'} end
for i = 3, #ARGV do redis.call('UNLINK', ARGV[1] .. ARGV[i]) end
return {'ok'}
"""
)

# ARGV: prefix, build.
END_WIPE: Final = (
    _CHECKS
    + """
if build_id() ~= ARGV[2] then return {'refused'} end
redis.call('HDEL', ARGV[1] .. 'build', 'wiping')
return {'ok'}
"""
)
