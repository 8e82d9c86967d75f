-- The next step of a session that is where it was left, its body a string that was set just now: `follow.lua`, which comes
-- before this and says what it is told of, takes it. Where it did not, the string goes: the entry is then sent as others
-- are.
--
-- Result   1 where it was taken, 0 where it was not

redis.call('UNLINK', KEYS[4])
return 0
