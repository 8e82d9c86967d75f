-- Remove a body that was sent and will not be taken.
--
-- KEYS[1]  head   KEYS[2]  log
-- ARGV[1]  name   ARGV[2]  number of parts
-- Result   nothing

drop(ARGV[1], tonumber(ARGV[2]))
