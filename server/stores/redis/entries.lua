-- Where the entries after a given one are.
--
-- KEYS[1]  head   KEYS[2]  log
-- ARGV[1]  number of the entry to start after   ARGV[2]  how many at most
-- Result   incarnation, seq of the first reference, references; nothing where there is no session

local head, fault = find()
if fault or not head then
  return fault
end
renew(head)
local start = math.max(head.base, 0)
local after = math.max(tonumber(ARGV[1]), start)
local from = after - start
local references = redis.call('LRANGE', LOG, from, from + tonumber(ARGV[2]) - 1)
local expected = math.min(head.seq - after, tonumber(ARGV[2]))
if #references < expected then
  return redis.error_reply(string.format('LOST entry %.0f is not in the log', after + #references + 1))
end
return { head.incarnation, after + 1, references }
