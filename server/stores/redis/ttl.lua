-- Change the time to live and start it anew.
--
-- KEYS[1]  head   KEYS[2]  log
-- ARGV[1]  ttl in ms
-- Result   1, or 0 where there is no session

local head, fault = find()
if fault then
  return fault
end
if not head then
  return 0
end
head.ttl = tonumber(ARGV[1])
keep(head)
return 1
