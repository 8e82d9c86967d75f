-- Put a snapshot in place of the present one and drop the entries that it stands for.
--
-- KEYS[1]  head          KEYS[2]  log                KEYS[3]  part 0 of the body to be
-- ARGV[1]  incarnation   ARGV[2]  name of the body   ARGV[3]  seq and
-- ARGV[4]  id of the entry that it stands for        ARGV[5]  meta
-- ARGV[6]  size          ARGV[7]  number of parts    ARGV[8]  number of chunks
-- ARGV[9]  chunks in a part                          ARGV[10] the body, where it was not sent ahead
-- Result   'put', also when it was put before and the reply was lost
--          'refused'   what was sent ahead is removed
--          'unsent'    the body is not there as a whole: nothing was changed

local head, fault = find()
if fault then
  return fault
end
local name, seq, parts = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[7])
local inline = ARGV[10]
local reference = name .. ':' .. parts

local function leave(status)
  if not inline then
    drop(name, parts)
  end
  return status
end

if not head or head.incarnation ~= ARGV[1] then
  return leave('refused')
end
if head.snapshot == reference then
  return 'put'
end

local start = math.max(head.base, 0)
local known
if seq == head.seq then
  known = head.id
elseif seq == 0 then
  known = head.incarnation
elseif seq > start then
  known = string.match(redis.call('LINDEX', LOG, seq - start - 1) or '', '^(.*):')
end
renew(head)
if seq <= head.base or known ~= ARGV[4] then
  return leave('refused')
end
if not inline and not complete(name, parts, tonumber(ARGV[8]), tonumber(ARGV[9])) then
  return leave('unsent')
end

place(head, name, parts, {
  'seq', ARGV[3], 'id', ARGV[4], 'meta', ARGV[5], 'size', ARGV[6], 'chunks', ARGV[8],
}, inline)
replace(head, ARGV[3], reference, seq - start)
return 'put'
