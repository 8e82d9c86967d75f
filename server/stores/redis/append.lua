-- Take an entry if its session is where it should be. Constant time, but for the rare renewal of everything and for
-- what restores.
--
-- KEYS[1]  head              KEYS[2]  log               KEYS[3]  part 0 of the body to be
-- ARGV[1]  incarnation      ARGV[2]  id                ARGV[3]  step that the session must be at; empty for any
-- ARGV[4]  1 where the entry makes a step, else 0      ARGV[5]  digest of that step
-- ARGV[6]  meta             ARGV[7]  size of the body  ARGV[8]  number of parts
-- ARGV[9]  number of chunks ARGV[10] chunks in a part  ARGV[11] furthest step for the session to be at; or empty
-- ARGV[12] how it is one of several: empty, or
--          'join'  a round           ARGV[13] member   ARGV[14] members of a full round
--          'close' a round           ARGV[13] members that it has at least   ARGV[14] ms that it is open at least
--          'once'  from a member     ARGV[13] member   ARGV[14] number       ARGV[15] members at most
--          'restore'                                    ARGV[14] step that it puts the session at
-- ARGV[16] the body, where it was not sent ahead
-- Result   'appended', previous, position
--          'refused', seq and digest of what the member gave before (or both empty), position
--          'crowded', position
--          'missing'
--          'unsent'      the body is not there as a whole
-- But for the first, nothing was taken, and but for the last, what was sent ahead is removed.

local head, fault = find()
if fault then
  return fault
end
local id, parts, chunks = ARGV[2], tonumber(ARGV[8]), tonumber(ARGV[9])
local after, digest = tonumber(ARGV[3]), ARGV[5]
local kind, member, count = ARGV[12], ARGV[13], tonumber(ARGV[14])
local inline = ARGV[16]

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
local taken = remembered(id)
if taken then
  renew(head)
  local step = tonumber(taken[2])
  return leave('appended', taken[3], position({
    seq = tonumber(taken[1]), id = id, step = step, digest = taken[4],
    members = step == head.step and head.members or 0, opened = head.opened,
  }))
end

local function refuse(known_seq, known_digest)
  renew(head)
  return leave('refused', known_seq or '', known_digest or '', position(head))
end

if kind == 'once' then
  local known = redis.call('HGET', LAST, member)
  local seq, of = string.match(known or '', '^(%d+) (.*)$')
  if seq and count <= tonumber(seq) then
    return refuse(seq, of)
  end
  if not seq and head.names >= tonumber(ARGV[15]) then
    renew(head)
    return leave('crowded', position(head))
  end
  head.names = head.names + (seq and 0 or 1)
elseif kind == 'join' then
  local round = after == head.step and OPEN or after + 1 == head.closed and head.closed == head.step and CLOSED
  local of = round and redis.call('HGET', round, member)
  if of then
    return refuse(integer(after + 1), of)
  end
end
if (after and after ~= head.step) or head.step > (tonumber(ARGV[11]) or head.step) then
  return refuse()
end
local advances = ARGV[4] == '1'
if kind == 'join' then
  head.opened = head.members > 0 and head.opened or NOW
  head.members = head.members + 1
  advances = head.members >= count
elseif kind == 'close' and (head.members < math.max(1, tonumber(member)) or NOW - head.opened < count) then
  return refuse()
end
if not inline and not complete(id, parts, chunks, tonumber(ARGV[10])) then
  return leave('unsent')
end

local previous = head.id
head.seq = head.seq + 1
head.id = id
if kind == 'join' then
  redis.call('HSET', OPEN, member, digest)
  redis.call('PEXPIREAT', OPEN, lasting(head))
elseif kind == 'once' then
  redis.call('HSET', LAST, member, ARGV[14] .. ' ' .. digest)
  redis.call('PEXPIREAT', LAST, lasting(head))
end
if advances then
  head.step = kind == 'restore' and count or head.step + 1
  head.digest = digest
  if kind == 'restore' then
    redis.call('UNLINK', OPEN, CLOSED)
    head.members, head.closed = 0, 0
  elseif head.members > 0 then
    redis.call('RENAME', OPEN, CLOSED)
    head.members, head.closed = 0, head.step
  end
end
local seq, step = integer(head.seq), integer(head.step)
place(head, id, parts, {
  'seq', seq, 'id', id, 'previous', previous, 'step', step, 'digest', head.digest, 'meta', ARGV[6], 'size', ARGV[7],
  'chunks', ARGV[9],
}, inline)
if kind == 'restore' then
  replace(head, seq, id .. ':' .. parts, redis.call('LLEN', LOG))
else
  redis.call('RPUSH', LOG, id .. ':' .. parts)
  redis.call('PEXPIREAT', LOG, lasting(head))
end
redis.call('HSET', HEAD, 'seq', seq, 'id', id, 'step', step, 'digest', head.digest)
if kind ~= '' then
  redis.call('HSET', HEAD, 'members', head.members, 'opened', integer(head.opened), 'closed', integer(head.closed),
    'names', head.names)
end
renew(head)
if advances and (kind == 'join' or kind == 'close' or kind == 'restore') then
  -- A hint: those who wait for the step look by themselves now and then.
  redis.pcall('PUBLISH', 'stepd:closed', HEAD)
end
return { 'appended', previous, position(head) }
