-- Read a session and start its time to live anew.
--
-- KEYS[1]  head   KEYS[2]  log   KEYS[3]  record
-- Result   incarnation, record, created, ttl, expires, position; nothing where there is none

local head, fault = find()
if fault or not head then
  return fault
end
renew(head)
return session(head)
