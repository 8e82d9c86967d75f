-- Take an entry if its session is where it should be. Constant time, but for the rare renewal of everything.
--
-- KEYS[1]  head
-- ARGV[1]  incarnation      ARGV[2]  id                ARGV[3]  step that the session must be at; empty for any
-- ARGV[4]  1 where the entry makes a step, else 0      ARGV[5]  digest of that step
-- ARGV[6]  meta             ARGV[7]  size of the body  ARGV[8]  number of parts
-- ARGV[9]  number of chunks ARGV[10] chunks in a part  ARGV[11] the body, where it was not sent ahead
-- Result   'appended', seq, id, step, digest, previous
--          'refused', seq, id, step, digest    what was sent ahead is removed
--          'missing'                           likewise
--          'unsent'                            the body is not there as a whole: nothing was taken

local head, fault = find()
if fault then
  return fault
end
local id, parts, chunks = ARGV[2], tonumber(ARGV[8]), tonumber(ARGV[9])
local inline = ARGV[11]

local function leave(...)
  if not inline then
    drop(id, parts)
  end
  return { ... }
end

if not head or head.incarnation ~= ARGV[1] then
  return leave('missing')
end

-- A client that lost its connection sends again what it had no reply to.
local taken = redis.call('HMGET', TAG .. 'b:' .. id .. ':0', 'seq', 'step', 'digest', 'previous')
if taken[1] then
  renew(head)
  return leave('appended', taken[1], id, taken[2], taken[3], taken[4])
end

if ARGV[3] ~= '' and tonumber(ARGV[3]) ~= head.step then
  renew(head)
  return leave('refused', integer(head.seq), head.id, integer(head.step), head.digest)
end
if not inline and not complete(id, parts, chunks, tonumber(ARGV[10])) then
  return leave('unsent')
end

local previous = head.id
head.seq = head.seq + 1
head.id = id
if ARGV[4] == '1' then
  head.step = head.step + 1
  head.digest = ARGV[5]
end
local seq, step = integer(head.seq), integer(head.step)
place(head, id, parts, {
  'seq', seq, 'id', id, 'previous', previous, 'step', step, 'digest', head.digest, 'meta', ARGV[6], 'size', ARGV[7],
  'chunks', ARGV[9],
}, inline)
redis.call('RPUSH', LOG, id .. ':' .. parts)
redis.call('PEXPIREAT', LOG, integer(head.lasts))
redis.call('HSET', HEAD, 'seq', seq, 'id', id, 'step', step, 'digest', head.digest)
renew(head)
return { 'appended', seq, id, step, head.digest, previous }
