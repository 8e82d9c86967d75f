-- Remove some of what a snapshot has come to stand for: all at once would hold up everyone else.
--
-- KEYS[1]  head          KEYS[2]  log
-- ARGV[1]  how many at most
-- ARGV[2]  how many chunks of large bodies may stay, to the end of the body that is the last of them: who asks removes
--          them, the first of a body last, and if not they expire. None stay where one call does not trim all that there is
-- Result   how many are left; then of each body that stays its name and its number of chunks

local STAYS_MS = 120000

local head, fault = find()
if fault then
  return fault
end
-- Of a session that is gone, what is left expires.
if not head then
  return { 0 }
end
local most = tonumber(ARGV[1])
local room = redis.call('LLEN', OLD) <= most and tonumber(ARGV[2]) or 0

-- Part 0 has three fields that are none.
local function chunks_in(parts)
  local count = -3
  for _, key in ipairs(parts) do
    count = count + redis.call('HLEN', key)
  end
  return count
end

local goes, keys, stays, answer = {}, {}, {}, {}
for _, each in ipairs(redis.call('LRANGE', OLD, 0, most - 1)) do
  local parts = parts_of(each)
  local chunks = room > 0 and string.match(each, ':(%d+)') ~= '0' and chunks_in(parts) or 0
  if chunks > 0 then
    room = room - chunks
    stays[#stays + 1] = each
    answer[#answer + 1] = name_of(each)
    answer[#answer + 1] = chunks
    for _, key in ipairs(parts) do
      redis.call('PEXPIREAT', key, math.min(NOW + STAYS_MS, lasting(head)))
    end
  else
    goes[#goes + 1] = each
    for _, key in ipairs(parts) do
      keys[#keys + 1] = key
      if #keys == MANY then
        redis.call('UNLINK', unpack(keys))
        keys = {}
      end
    end
  end
end
if #keys > 0 then
  redis.call('UNLINK', unpack(keys))
end
remember(head, goes)
redis.call('LTRIM', OLD, most, -1)
local left = redis.call('LLEN', OLD)
if #stays > 0 then
  redis.call('RPUSH', OLD, unpack(stays))
  redis.call('PEXPIREAT', OLD, lasting(head))
end
return { left, unpack(answer) }
