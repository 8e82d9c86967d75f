-- Forget a session and all its bytes.
--
-- KEYS[1]  head   KEYS[2]  log
-- Result   1, or 0 where there was none

local head, fault = find()
if fault then
  return fault
end
forget(head)
return head and 1 or 0
