-- Make a session, unless there is one.
--
-- KEYS[1]  head   KEYS[2]  log   KEYS[3]  record
-- ARGV[1]  incarnation   ARGV[2]  ttl in ms   ARGV[3]  record
-- Result   the session that is there now: incarnation, record, created, ttl, expires, position

local head, fault = find()
if fault then
  return fault
end
if not head then
  forget()
  head = {
    incarnation = ARGV[1], created = NOW, ttl = tonumber(ARGV[2]), lasts = 0, base = -1, snapshot = '-',
    members = 0, opened = 0, closed = 0, names = 0, seq = 0, id = ARGV[1], step = 0, digest = '',
  }
  redis.call('SET', RECORD, ARGV[3])
  keep(head)
else
  renew(head)
end
return session(head)
