-- Make a session, unless there is one.
--
-- KEYS[1]  head   KEYS[2]  log
-- ARGV[1]  incarnation   ARGV[2]  record   ARGV[3]  ttl in ms
-- Result   the session that is there now: incarnation, record, created, ttl, expires, position

local head, fault = find()
if fault then
  return fault
end
if not head then
  forget()
  local ttl = tonumber(ARGV[3])
  head = {
    incarnation = ARGV[1], ttl = ttl, seq = 0, id = ARGV[1], step = 0, digest = '', base = -1, snapshot = '', lasts = 0,
    members = 0, opened = 0, closed = 0, names = 0,
  }
  redis.call('HSET', HEAD, 'format', FORMAT, 'incarnation', ARGV[1], 'record', ARGV[2], 'created', integer(NOW),
    'ttl', integer(ttl), 'seq', 0, 'id', ARGV[1], 'step', 0, 'digest', '', 'base', -1, 'snapshot', '', 'lasts', 0)
end
renew(head)
return session(head)
