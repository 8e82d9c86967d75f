-- Put before `append.lua`, and what that needs, and before `carried.lua`: nearly every step is the next one of a session
-- that is where whoever sends it left it. What becomes of the head is known then, and all there is to decide is whether
-- the head is as it was. If not, or where something must be made to last for longer, nothing is done here, and what comes
-- after this decides.
--
-- KEYS[1]  head                               KEYS[2]  log
-- KEYS[3]  part 0 of the body to be           KEYS[4]  where the body is now, with its meta, if it is not in the call
-- ARGV[3]  the head as it is to be now        ARGV[4]  the head as it will be
-- ARGV[5]  reference of the entry             ARGV[6]  when what is not the head expires
-- ARGV[7]  ttl in ms                          ARGV[8]  the body with its meta, or empty
-- Result   1

if ARGV[8] and redis.pcall('GET', KEYS[1]) == ARGV[3] then
  local seconds = redis.call('TIME')[1]
  if (seconds + 1) * 1000 + ARGV[7] <= ARGV[6] + 0 then
    if KEYS[4] then
      redis.call('RENAME', KEYS[4], KEYS[3])
      redis.call('PEXPIREAT', KEYS[3], ARGV[6])
    else
      redis.call('SET', KEYS[3], ARGV[8], 'PXAT', ARGV[6])
    end
    if redis.call('RPUSH', KEYS[2], ARGV[5]) == 1 then
      redis.call('PEXPIREAT', KEYS[2], ARGV[6])
    end
    redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[7])
    return 1
  end
end
