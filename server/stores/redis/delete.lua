-- Forget a session and all its bytes; of one in another layout what is not found expires.
--
-- KEYS[1]  head   KEYS[2]  log
-- Result   1, or 0 where there was none

local there = redis.call('EXISTS', HEAD)
forget(find())
return there
