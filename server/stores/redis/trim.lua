-- Remove some of what a snapshot has come to stand for: all at once would hold up everyone else.
--
-- KEYS[1]  head          KEYS[2]  log
-- ARGV[1]  how many at most
-- ARGV[2]  leave, or nothing: if those are all that there are, large bodies stay, and who asks removes their chunks, the
--          first one last
-- Result   how many are left; then of each body that stays its name and its number of chunks

local head, fault = find()
if fault then
  return fault
end
-- Of a session that is gone, what is left expires.
if not head then
  return { 0 }
end
local most = tonumber(ARGV[1])
local some, keys = redis.call('LRANGE', OLD, 0, most - 1), {}
local leave = ARGV[2] and redis.call('LLEN', OLD) <= most
local stays, answer = {}, {}
remember(head, some)
for _, each in ipairs(some) do
  local parts = parts_of(each)
  if leave and string.match(each, ':(%d+)') ~= '0' and redis.call('HEXISTS', parts[1], '0') == 1 then
    stays[#stays + 1] = each
    answer[#answer + 1] = name_of(each)
    answer[#answer + 1] = redis.call('HGET', parts[1], 'chunks')
  else
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
redis.call('LTRIM', OLD, most, -1)
local left = redis.call('LLEN', OLD)
if #stays > 0 then
  redis.call('RPUSH', OLD, unpack(stays))
  redis.call('PEXPIREAT', OLD, lasting(head))
end
return { left, unpack(answer) }
