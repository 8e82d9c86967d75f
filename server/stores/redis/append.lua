-- Take an entry if its session is where it should be. Constant time, but for the rare renewal of everything and for
-- what restores.
--
-- KEYS[1]  head              KEYS[2]  log               KEYS[3]  part 0 of the body to be
-- ARGV[1]  incarnation, id, step that the session must be at, furthest step for it to be at, whether the entry makes a
--          step (1 or 0), and the digest of that: with a space between two, and - for any step
-- ARGV[2]  empty, or JSON. How the entry is one of several:
--            join       member of a round, and `full`: members of a full one
--            close      members that a round has at least, and `age`: ms that it is open at least
--            once       member that it is from, its `number`, and `most`: members at most
--            restore    step that it puts the session at
--          and of a body that was sent ahead:
--            parts      how many there are of it, of up to `per_part` of its `chunks` each; and its `size`
-- ARGV[3]… what `follow.lua` is given, which comes before all of this; or nothing
-- The last is the body with its meta; of one that was sent ahead, its meta.
-- Result   'appended', head as it is now or empty where it was taken before, previous, position
--          'refused', seq and digest of what the member gave before (or both false), position
--          'crowded', position
--          'missing'
--          'unsent'      the body is not there as a whole
-- But for the first, nothing was taken, and but for the last, what was sent ahead is removed.

local head, fault = find()
if fault then
  return fault
end
local incarnation, id, after, at_most, makes, digest = string.match(ARGV[1], '^(%S+) (%S+) (%S+) (%S+) (%S+) (.*)$')
after, at_most = tonumber(after), tonumber(at_most)
local entry = ARGV[2] ~= '' and cjson.decode(ARGV[2]) or {}
local inline = not entry.parts

local function leave(...)
  if not inline then
    drop(id, entry.parts)
  end
  return { ... }
end

if not head or head.incarnation ~= incarnation then
  return leave('missing')
end

local function again(reference)
  renew(head)
  local seq, step, previous, of = string.match(reference, '^[^:]*:%d+:(%d+):(%d+):([^:]*):(.*)$')
  return leave('appended', '', previous, position({
    seq = tonumber(seq), id = id, step = tonumber(step), digest = of,
    members = tonumber(step) == head.step and head.members or 0, opened = head.opened,
  }))
end

-- The reference of an entry of that id, whose body is there: it may have put the session where it was before.
local function referred()
  for _, list in ipairs({ LOG, OLD }) do
    for _, reference in ipairs(redis.call('LRANGE', list, 0, -1)) do
      if name_of(reference) == id then
        return reference
      end
    end
  end
  return name_of(head.snapshot) == id and head.snapshot
end

-- A client that lost its connection sends again what it had no reply to.
local taken = redis.call('HGET', TAKEN, id)
if not taken and redis.call('EXISTS', KEYS[3]) == 1 then
  taken = referred()
end
if taken then
  return again(taken)
end

local function refuse(known_seq, known_digest)
  renew(head)
  return leave('refused', known_seq or false, known_digest or false, position(head))
end

-- Nothing of the head is changed before all is decided: what is refused may have it written.
local newcomer = false
if entry.once then
  local known = redis.call('HGET', LAST, entry.once)
  local seq, of = string.match(known or '', '^(%d+) (.*)$')
  if seq and entry.number <= tonumber(seq) then
    return refuse(seq, of)
  end
  newcomer = not seq
  if newcomer and head.names >= entry.most then
    renew(head)
    return leave('crowded', position(head))
  end
elseif entry.join then
  local round = after == head.step and OPEN or after + 1 == head.closed and head.closed == head.step and CLOSED
  local of = round and redis.call('HGET', round, entry.join)
  if of then
    return refuse(integer(after + 1), of)
  end
end
if (after and after ~= head.step) or head.step > (at_most or head.step) then
  return refuse()
end
local advances, members = makes == '1', head.members
if entry.join then
  members = members + 1
  advances = members >= entry.full
elseif entry.close and (members < math.max(1, entry.close) or NOW - head.opened < entry.age) then
  return refuse()
end
if not inline and not complete(id, entry) then
  return leave('unsent')
end

place(head, id, entry, ARGV[#ARGV])
local previous = head.id
head.seq = head.seq + 1
head.id = id
if entry.join then
  head.opened = head.members > 0 and head.opened or NOW
  head.members = members
  redis.call('HSET', OPEN, entry.join, digest)
  redis.call('PEXPIREAT', OPEN, lasting(head))
elseif entry.once then
  head.names = head.names + (newcomer and 1 or 0)
  redis.call('HSET', LAST, entry.once, integer(entry.number) .. ' ' .. digest)
  redis.call('PEXPIREAT', LAST, lasting(head))
end
if advances then
  head.step = entry.restore or head.step + 1
  head.digest = digest
  if entry.restore then
    redis.call('UNLINK', OPEN, CLOSED)
    head.members, head.closed = 0, 0
  elseif head.members > 0 then
    redis.call('RENAME', OPEN, CLOSED)
    head.members, head.closed = 0, head.step
  end
end
local reference = table.concat({
  id, inline and 0 or entry.parts, integer(head.seq), integer(head.step), previous, head.digest,
}, ':')
if entry.restore then
  replace(head, head.seq, reference, redis.call('LLEN', LOG))
elseif redis.call('RPUSH', LOG, reference) == 1 then
  redis.call('PEXPIREAT', LOG, lasting(head))
end
local text = keep(head)
if advances and (entry.join or entry.close or entry.restore) then
  -- A hint: those who wait for the step look by themselves now and then.
  redis.pcall('PUBLISH', 'stepd:closed', HEAD)
end
return { 'appended', text, previous, position(head) }
