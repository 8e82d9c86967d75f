-- Put before `append.lua`, and what both need: nearly every step is the next one of a session that is where whoever
-- sends it left it. What becomes of the head is known then, and all there is to decide is whether the head is as it was.
-- If not, or where something must be made to last for longer, what follows looks at everything.
--
-- ARGV[4]  the head as it is to be now        ARGV[5]  the head as it will be
-- ARGV[6]  reference of the entry             ARGV[7]  when what is not the head expires
-- ARGV[8]  ttl in ms
-- Result   1

if ARGV[4] and redis.pcall('GET', KEYS[1]) == ARGV[4] then
  local seconds = redis.call('TIME')[1]
  if (seconds + 1) * 1000 + ARGV[8] <= ARGV[7] + 0 then
    redis.call('SET', KEYS[3], ARGV[1], 'PXAT', ARGV[7])
    if redis.call('RPUSH', KEYS[2], ARGV[6]) == 1 then
      redis.call('PEXPIREAT', KEYS[2], ARGV[7])
    end
    redis.call('SET', KEYS[1], ARGV[5], 'PX', ARGV[8])
    return 1
  end
end
