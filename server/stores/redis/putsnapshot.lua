-- Put a snapshot in place of the present one and drop the entries that it stands for.
--
-- KEYS[1]  head          KEYS[2]  log                KEYS[3]  part 0 of the body to be
-- ARGV[1]  the snapshot, as JSON: incarnation, name of the body, seq and id of the entry that it stands for, and of a
--          body that was sent ahead what an entry says of one
-- ARGV[2]  the body with its meta; of one that was sent ahead, its meta
-- Result   'put', head: also when it was put before and the reply was lost
--          'refused'   what was sent ahead is removed
--          'unsent'    the body is not there as a whole: nothing was changed

local head, fault = find()
if fault then
  return fault
end
local made = cjson.decode(ARGV[1])
local inline = not made.parts
local name, seq, parts = made.name, made.seq, inline and 0 or made.parts
local reference = table.concat({ name, parts, integer(seq), made.id }, ':')

local function leave(status)
  if not inline then
    drop(name, parts)
  end
  return { status }
end

if not head or head.incarnation ~= made.incarnation then
  return leave('refused')
end
if head.snapshot == reference then
  return { 'put', text_of(head) }
end

local start = math.max(head.base, 0)
local known
if seq == head.seq then
  known = head.id
elseif seq == 0 then
  known = head.incarnation
elseif seq > start then
  known = name_of(redis.call('LINDEX', LOG, seq - start - 1) or '')
end
if seq <= head.base or known ~= made.id then
  renew(head)
  return leave('refused')
end
if not inline and not complete(name, made) then
  renew(head)
  return leave('unsent')
end

place(head, name, made, ARGV[2])
replace(head, seq, reference, seq - start)
return { 'put', keep(head) }
