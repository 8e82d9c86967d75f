-- The next step of a session that is where it was left, its body a string that was set just now: as `follow.lua` says,
-- which comes before this. Where that is not so, nothing is left of it.
--
-- KEYS[1]  head     KEYS[2]  log     KEYS[3]  part 0 of the body to be     KEYS[4]  where the body is now, with its meta
-- Result   1 where it was taken

redis.call('UNLINK', KEYS[4])
return 0
