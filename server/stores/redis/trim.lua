-- Remove some of what a snapshot has come to stand for: all at once would hold up everyone else.
--
-- KEYS[1]  head          KEYS[2]  log                ARGV[1]  how many at most
-- Result   how many are left

local head, fault = find()
if fault then
  return fault
end
-- Of a session that is gone, what is left expires.
if not head then
  return 0
end
local most = tonumber(ARGV[1])
local some, keys = redis.call('LRANGE', OLD, 0, most - 1), {}
remember(head, some)
for _, each in ipairs(some) do
  for _, key in ipairs(parts_of(each)) do
    keys[#keys + 1] = key
    if #keys == MANY then
      redis.call('UNLINK', unpack(keys))
      keys = {}
    end
  end
end
if #keys > 0 then
  redis.call('UNLINK', unpack(keys))
end
redis.call('LTRIM', OLD, most, -1)
return redis.call('LLEN', OLD)
