-- What the other scripts share: put before each of them, but for `carried.lua`, when it is loaded.
--
-- KEYS[1] is always the head of a session, `{stepd:<key>}:head`, and KEYS[2] its log. All other keys of the session
-- are derived from the head and share its hash tag, so they are in the same slot:
--   …:head            where the session is, as text: see `find`
--   …:record          what it was made with
--   …:log             list of references to entries, from the one after the snapshot on
--   …:open, …:closed  hash: member → digest, of the open round and of that of step `closed`
--   …:old             list of references that a snapshot stands for, to be trimmed: large bodies may lack their last
--                     chunks
--   …:last            hash: member → `<seq> <digest>` of its last entry, beside rounds
--   …:taken           hash: id → reference of the latest of the entries before that, and seq → id, for a minute
--   …:b:<name>:<part> bytes of an entry or a snapshot. What came with the call that took it is one string, part 0, of no
--                     parts: length of meta in 4 bytes, little-endian, meta, body. Else a hash, its fields the chunks
--                     0, 1, …; part 0 also has `meta`, `size` and `chunks`
--   …:s:<name>:<part> such a hash while it is being sent, or such a string right before it is taken; it expires by itself
-- The reference of an entry is `<name>:<parts>:<seq>:<step>:<previous>:<digest>`, its name the entry's id; that of a
-- snapshot is `<name>:<parts>:<seq>:<id>`.

local LAYOUT = '2'
local HEAD = KEYS[1]
local TAG = string.sub(HEAD, 1, -5)
local LOG = KEYS[2]
local RECORD = TAG .. 'record'
local OPEN, CLOSED, LAST = TAG .. 'open', TAG .. 'closed', TAG .. 'last'
local TAKEN, OLD = TAG .. 'taken', TAG .. 'old'
local TAKEN_MOST, TAKEN_MS = 1024, 60000

local time = redis.call('TIME')
local NOW = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- In full, also where Lua would shorten it. A reply has steps so too: what reads them may not take the largest for numbers.
local function integer(n)
  return string.format('%.0f', n)
end

local function parts_of(reference)
  local name, count = string.match(reference, '^([^:]*):(%d+)')
  local keys = {}
  for part = 0, math.max(1, tonumber(count)) - 1 do
    keys[part + 1] = TAG .. 'b:' .. name .. ':' .. part
  end
  return keys
end

local function name_of(reference)
  return string.match(reference, '^[^:]*')
end

-- The fields of a head, in order, with a space between two:
--   layout, incarnation, created, ttl
--   lasts      when all that is not the head expires
--   base       the entry that the snapshot stands for, and `snapshot`, its reference: −1 and - where there is none
--   members    of the open round, and `opened`, since when they are
--   closed     the step of the round that closed last
--   names      how many gave anything, beside rounds
--   seq, id    of the last entry
--   step       the latest, and `digest` of what made it: to the end, and empty before the first
local HEAD_PATTERN = '^' .. string.rep('(%S+) ', 14) .. '(.*)$'

-- The session, or nil; and an error reply where it is in another layout.
local function find()
  local text = redis.pcall('GET', HEAD)
  if not text then
    return nil
  end
  if type(text) == 'table' and not string.find(text.err, 'WRONGTYPE', 1, true) then
    return nil, text
  end
  -- The first layout had a hash there.
  local layout = type(text) == 'string' and string.match(text, '^%d+') or '1'
  if layout ~= LAYOUT then
    return nil, redis.error_reply('FORMAT ' .. layout .. ' ' .. LAYOUT)
  end
  local _, incarnation, created, ttl, lasts, base, snapshot, members, opened, closed, names, seq, id, step, digest =
    string.match(text, HEAD_PATTERN)
  return {
    incarnation = incarnation, created = tonumber(created), ttl = tonumber(ttl), lasts = tonumber(lasts),
    base = tonumber(base), snapshot = snapshot, members = tonumber(members), opened = tonumber(opened),
    closed = tonumber(closed), names = tonumber(names), seq = tonumber(seq), id = id, step = tonumber(step),
    digest = digest,
  }
end

local function text_of(head)
  return table.concat({
    LAYOUT, head.incarnation, integer(head.created), integer(head.ttl), integer(head.lasts), integer(head.base),
    head.snapshot, head.members, integer(head.opened), integer(head.closed), head.names, integer(head.seq), head.id,
    integer(head.step), head.digest,
  }, ' ')
end

-- When what is written now expires.
local function lasting(head)
  return math.max(head.lasts, NOW + 2 * head.ttl)
end

-- The head's own expiry decides; everything else is made to last for twice its time to live, and touched again only
-- when the head would outlive it. Whether that was so: the head says then until when.
local function extended(head)
  if NOW + head.ttl <= head.lasts then
    return false
  end
  local at, all = lasting(head), true
  local function extend_key(key)
    all = redis.pcall('PEXPIREAT', key, at) == 1 and all
  end
  local function extend(reference)
    for _, key in ipairs(parts_of(reference)) do
      extend_key(key)
    end
  end
  extend_key(RECORD)
  redis.call('PEXPIREAT', LOG, at)
  if head.members > 0 then
    extend_key(OPEN)
  end
  if head.closed > 0 then
    extend_key(CLOSED)
  end
  if head.names > 0 then
    extend_key(LAST)
  end
  if head.snapshot ~= '-' then
    extend(head.snapshot)
  end
  for _, reference in ipairs(redis.call('LRANGE', LOG, 0, -1)) do
    extend(reference)
  end
  -- While a slot is moved some are on another node: then it is tried again the next time.
  if all then
    head.lasts = at
  end
  return all
end

-- Write the head, and start the time to live anew. The result is what is there now.
local function keep(head)
  extended(head)
  local text = text_of(head)
  redis.call('SET', HEAD, text, 'PX', head.ttl)
  return text
end

-- Start the time to live anew.
local function renew(head)
  if extended(head) then
    keep(head)
  else
    redis.call('PEXPIRE', HEAD, head.ttl)
  end
end

-- What takes many arguments takes so many at a time: Lua has no room for all.
local MANY = 256

-- Keep references to entries that are about to go. Their appends may yet be sent again: by a client that lost the
-- connection before it had the answer.
local function remember(head, references)
  local answers, outdated = {}, {}
  for _, reference in ipairs(references) do
    local id, seq, of = string.match(reference, '^([^:]*):%d+:(%d+):%d+:([^:]*):')
    -- Where it is a snapshot, it was one from the start.
    if of then
      for _, each in ipairs({ id, reference, seq, id }) do
        answers[#answers + 1] = each
      end
      outdated[#outdated + 1] = tonumber(seq) - TAKEN_MOST
    end
  end
  if #outdated == 0 then
    return
  end
  for _, id in ipairs(redis.call('HMGET', TAKEN, unpack(outdated))) do
    outdated[#outdated + 1] = id or nil
  end
  redis.call('HDEL', TAKEN, unpack(outdated))
  redis.call('HSET', TAKEN, unpack(answers))
  redis.call('PEXPIREAT', TAKEN, math.min(NOW + TAKEN_MS, lasting(head)))
end

-- Have a body stand for the first `count` entries of the log, up to number `seq`, and for what stood for entries so far.
-- Those are to be trimmed. The head is to be kept after that.
local function replace(head, seq, reference, count)
  local old = count > 0 and redis.call('LRANGE', LOG, 0, count - 1) or {}
  if head.snapshot ~= '-' then
    old[#old + 1] = head.snapshot
  end
  for first = 1, #old, MANY do
    redis.call('RPUSH', OLD, unpack(old, first, math.min(first + MANY - 1, #old)))
  end
  redis.call('PEXPIREAT', OLD, lasting(head))
  redis.call('LTRIM', LOG, count, -1)
  head.base, head.snapshot = seq, reference
end

-- Remove all keys of the session, also what is left of one that has expired.
local function forget(head)
  local references = redis.call('LRANGE', LOG, 0, -1)
  if head and head.snapshot ~= '-' then
    references[#references + 1] = head.snapshot
  end
  for _, reference in ipairs(redis.call('LRANGE', OLD, 0, -1)) do
    references[#references + 1] = reference
  end
  redis.call('UNLINK', HEAD, LOG)
  -- What is on another node, as its slot is being moved, expires there.
  redis.pcall('UNLINK', RECORD, TAKEN, OLD, OPEN, CLOSED, LAST)
  for _, reference in ipairs(references) do
    for _, key in ipairs(parts_of(reference)) do
      redis.pcall('UNLINK', key)
    end
  end
end

-- Remove what was sent under `name` and is not taken.
local function drop(name, parts)
  for part = 0, parts - 1 do
    redis.call('UNLINK', TAG .. 's:' .. name .. ':' .. part)
  end
end

-- Whether all chunks that were sent of a body are there.
local function complete(name, sent)
  for part = 0, sent.parts - 1 do
    local expected = math.min(sent.per_part, sent.chunks - part * sent.per_part)
    if redis.call('HLEN', TAG .. 's:' .. name .. ':' .. part) ~= expected then
      return false
    end
  end
  return true
end

-- Give a complete body its place and the session's expiry. `bytes` are all of it, or only meta where it was sent ahead.
local function place(head, name, sent, bytes)
  local first = TAG .. 'b:' .. name .. ':0'
  if not sent.parts then
    redis.call('SET', first, bytes, 'PXAT', lasting(head))
    return
  end
  for part = 0, sent.parts - 1 do
    redis.call('RENAME', TAG .. 's:' .. name .. ':' .. part, TAG .. 'b:' .. name .. ':' .. part)
  end
  redis.call('HSET', first, 'meta', bytes, 'size', sent.size, 'chunks', sent.chunks)
  for _, key in ipairs(parts_of(name .. ':' .. sent.parts)) do
    redis.call('PEXPIREAT', key, lasting(head))
  end
end

-- Where a session is: seq, id, step, digest, and members and age of the open round; false where there is none.
local function position(head)
  local open = head.members > 0
  return integer(head.seq), head.id, integer(head.step), head.digest, open and head.members,
    open and math.max(0, NOW - head.opened)
end

local function session(head)
  local record = redis.call('GET', RECORD)
  if not record then
    return redis.error_reply('LOST the record is missing')
  end
  return { head.incarnation, record, head.created, head.ttl, NOW + head.ttl, position(head) }
end
