-- Read a session and start its time to live anew.
--
-- KEYS[1]  head
-- Result   incarnation, record, seq, id, step, digest, created, ttl, expires; nothing where there is none

local head, fault = find()
if fault or not head then
  return fault
end
renew(head)
return session(head)
