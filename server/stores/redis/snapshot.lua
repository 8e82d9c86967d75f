-- Where the snapshot is.
--
-- KEYS[1]  head   KEYS[2]  log
-- Result   its reference, empty where there is no snapshot; nothing where there is no session

local head, fault = find()
if fault or not head then
  return fault
end
renew(head)
return head.snapshot ~= '-' and head.snapshot or ''
