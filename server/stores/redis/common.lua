-- What the other scripts share: put before each of them when it is loaded.
--
-- KEYS[1] is always the head of a session, `{stepd:<key>}:head`. All other keys of the session are derived from it
-- and share its hash tag, so they are in the same slot:
--   …:log             list of references to entries, from the one after the snapshot on
--   …:b:<name>:<part> hash: bytes of an entry or a snapshot, fields 0, 1, … ; part 0 also says what it is
--   …:s:<name>:<part> the same while it is being sent; it expires by itself
-- A reference is `<name>:<number of parts>`.

local FORMAT = '1'
local HEAD = KEYS[1]
local TAG = string.sub(HEAD, 1, -5)
local LOG = TAG .. 'log'

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
    'snapshot', 'lasts')
  if not f[1] then
    return nil
  end
  if f[1] ~= FORMAT then
    return nil, redis.error_reply('FORMAT ' .. f[1])
  end
  return {
    incarnation = f[2], ttl = tonumber(f[3]), seq = tonumber(f[4]), id = f[5], step = tonumber(f[6]), digest = f[7],
    base = tonumber(f[8]), snapshot = f[9], lasts = tonumber(f[10]),
  }
end

-- Start the time to live anew. The head's own expiry decides; everything else is made to last for twice that, and
-- touched again only when the head would outlive it.
local function renew(head)
  redis.call('PEXPIRE', HEAD, integer(head.ttl))
  if NOW + head.ttl <= head.lasts then
    return
  end
  head.lasts = NOW + 2 * head.ttl
  local at = integer(head.lasts)
  redis.call('HSET', HEAD, 'lasts', at)
  redis.call('PEXPIREAT', LOG, at)
  if head.snapshot ~= '' then
    each_part(head.snapshot, 'PEXPIREAT', at)
  end
  for _, reference in ipairs(redis.call('LRANGE', LOG, 0, -1)) do
    each_part(reference, 'PEXPIREAT', at)
  end
end

-- Remove all keys of the session, also what is left of one that has expired.
local function forget()
  for _, reference in ipairs(redis.call('LRANGE', LOG, 0, -1)) do
    each_part(reference, 'UNLINK')
  end
  local snapshot = redis.call('HGET', HEAD, 'snapshot')
  if snapshot and snapshot ~= '' then
    each_part(snapshot, 'UNLINK')
  end
  return redis.call('UNLINK', HEAD, LOG)
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
  each_part(name .. ':' .. parts, 'PEXPIREAT', integer(head.lasts))
end

local function session(head)
  local f = redis.call('HMGET', HEAD, 'record', 'created')
  return {
    head.incarnation, f[1], integer(head.seq), head.id, integer(head.step), head.digest, f[2], integer(head.ttl),
    integer(NOW + head.ttl),
  }
end
