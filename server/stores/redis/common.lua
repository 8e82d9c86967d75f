-- What the other scripts share: put before each of them when it is loaded.
--
-- KEYS[1] is always the head of a session, `{stepd:<key>}:head`, and KEYS[2] its log. All other keys of the session
-- are derived from the head and share its hash tag, so they are in the same slot:
--   …:log             list of references to entries, from the one after the snapshot on
--   …:open, …:closed  hash: member → digest, of the open round and of that of step `closed`
--   …:old             list of references that a snapshot stands for, to be trimmed
--   …:last            hash: member → `<seq> <digest>` of its last entry, beside rounds
--   …:taken           hash: what was answered to the latest of the entries before that, for a minute
--   …:b:<name>:<part> hash: bytes of an entry or a snapshot, fields 0, 1, … ; part 0 also says what it is
--   …:s:<name>:<part> the same while it is being sent; it expires by itself
-- A reference is `<name>:<number of parts>`.

local FORMAT = '1'
local HEAD = KEYS[1]
local TAG = string.sub(HEAD, 1, -5)
local LOG = KEYS[2]
local OPEN, CLOSED, LAST = TAG .. 'open', TAG .. 'closed', TAG .. 'last'
local TAKEN, OLD = TAG .. 'taken', TAG .. 'old'
local TAKEN_MOST, TAKEN_MS = 1024, 60000

local time = redis.call('TIME')
local NOW = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function integer(n)
  return string.format('%.0f', n)
end

local function parts_of(reference)
  local name, count = string.match(reference, '^(.*):(%d+)$')
  local keys = {}
  for part = 0, tonumber(count) - 1 do
    keys[part + 1] = TAG .. 'b:' .. name .. ':' .. part
  end
  return keys
end

local function each_part(reference, command, ...)
  for _, key in ipairs(parts_of(reference)) do
    redis.call(command, key, ...)
  end
end

-- The session, or nil; and an error reply where it is in another format.
local function find()
  local f = redis.call('HMGET', HEAD, 'format', 'incarnation', 'ttl', 'seq', 'id', 'step', 'digest', 'base',
    'snapshot', 'lasts', 'members', 'opened', 'closed', 'names')
  if not f[1] then
    return nil
  end
  if f[1] ~= FORMAT then
    return nil, redis.error_reply('FORMAT ' .. f[1])
  end
  return {
    incarnation = f[2], ttl = tonumber(f[3]), seq = tonumber(f[4]), id = f[5], step = tonumber(f[6]), digest = f[7],
    base = tonumber(f[8]), snapshot = f[9], lasts = tonumber(f[10]),
    -- Not there before the first round, or the first entry of a member.
    members = tonumber(f[11] or 0), opened = tonumber(f[12] or 0), closed = tonumber(f[13] or 0),
    names = tonumber(f[14] or 0),
  }
end

-- When what is written now expires.
local function lasting(head)
  return integer(math.max(head.lasts, NOW + 2 * head.ttl))
end

-- Start the time to live anew. The head's own expiry decides; everything else is made to last for twice that, and
-- touched again only when the head would outlive it.
local function renew(head)
  redis.call('PEXPIRE', HEAD, integer(head.ttl))
  if NOW + head.ttl <= head.lasts then
    return
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
  if head.snapshot ~= '' then
    extend(head.snapshot)
  end
  for _, reference in ipairs(redis.call('LRANGE', LOG, 0, -1)) do
    extend(reference)
  end
  -- While a slot is moved some are on another node: then it is tried again the next time.
  if all then
    head.lasts = tonumber(at)
    redis.call('HSET', HEAD, 'lasts', at)
  end
end

-- What was answered when an entry was taken: seq, step, previous, digest.
local function answer_to(id)
  local answer = redis.call('HMGET', TAG .. 'b:' .. id .. ':0', 'seq', 'step', 'previous', 'digest')
  return answer[1] and answer
end

local function remembered(id)
  local answer = answer_to(id)
  if answer then
    return answer
  end
  local kept = redis.call('HGET', TAKEN, id)
  return kept and { string.match(kept, '^(%d+) (%d+) (%S+) (.*)$') }
end

-- What takes many arguments takes so many at a time: Lua has no room for all.
local MANY = 256

-- Keep the answers to entries that are about to go. Their appends may yet be sent again: by a client that lost the
-- connection before it had the answer.
local function remember(head, references)
  local answers, outdated = {}, {}
  for _, reference in ipairs(references) do
    local id = string.match(reference, '^(.*):')
    local answer = answer_to(id)
    -- Where it is a snapshot, it was one from the start.
    if answer and answer[3] then
      for _, each in ipairs({ id, table.concat(answer, ' '), answer[1], id }) do
        answers[#answers + 1] = each
      end
      outdated[#outdated + 1] = integer(tonumber(answer[1]) - TAKEN_MOST)
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
  redis.call('PEXPIREAT', TAKEN, integer(math.min(NOW + TAKEN_MS, tonumber(lasting(head)))))
end

-- Have a body stand for the first `count` entries of the log, up to number `seq`, and for what stood for entries so far.
-- Those are to be trimmed.
local function replace(head, seq, reference, count)
  local old = count > 0 and redis.call('LRANGE', LOG, 0, count - 1) or {}
  if head.snapshot ~= '' then
    old[#old + 1] = head.snapshot
  end
  for first = 1, #old, MANY do
    redis.call('RPUSH', OLD, unpack(old, first, math.min(first + MANY - 1, #old)))
  end
  redis.call('PEXPIREAT', OLD, lasting(head))
  redis.call('LTRIM', LOG, count, -1)
  redis.call('HSET', HEAD, 'base', seq, 'snapshot', reference)
  head.snapshot = reference
end

-- Remove all keys of the session, also what is left of one that has expired.
local function forget()
  local references = redis.call('LRANGE', LOG, 0, -1)
  local snapshot = redis.call('HGET', HEAD, 'snapshot')
  if snapshot and snapshot ~= '' then
    references[#references + 1] = snapshot
  end
  for _, reference in ipairs(redis.call('LRANGE', OLD, 0, -1)) do
    references[#references + 1] = reference
  end
  redis.call('UNLINK', HEAD, LOG)
  -- What is on another node, as its slot is being moved, expires there.
  redis.pcall('UNLINK', TAKEN, OLD, OPEN, CLOSED, LAST)
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

-- Whether all `chunks` that were sent under `name` are there.
local function complete(name, parts, chunks, per_part)
  for part = 0, parts - 1 do
    local expected = math.min(per_part, chunks - part * per_part)
    if redis.call('HLEN', TAG .. 's:' .. name .. ':' .. part) ~= expected then
      return false
    end
  end
  return true
end

-- Give a complete body its place and the session's expiry. `fields` say what it is; `inline` is its only chunk
-- where it was not sent ahead.
local function place(head, name, parts, fields, inline)
  if inline then
    fields[#fields + 1] = '0'
    fields[#fields + 1] = inline
  else
    for part = 0, parts - 1 do
      redis.call('RENAME', TAG .. 's:' .. name .. ':' .. part, TAG .. 'b:' .. name .. ':' .. part)
    end
  end
  redis.call('HSET', TAG .. 'b:' .. name .. ':0', 'format', FORMAT, unpack(fields))
  each_part(name .. ':' .. parts, 'PEXPIREAT', lasting(head))
end

-- Where a session is: seq, id, step, digest, and members and age of the open round; empty where there is none.
local function position(head)
  local open = head.members > 0
  return integer(head.seq), head.id, integer(head.step), head.digest, open and integer(head.members) or '',
    open and integer(math.max(0, NOW - head.opened)) or ''
end

local function session(head)
  local f = redis.call('HMGET', HEAD, 'record', 'created')
  return { head.incarnation, f[1], f[2], integer(head.ttl), integer(NOW + head.ttl), position(head) }
end
