-- Close a partition's panes up to a tick: no commit may touch them any more. Answers what there is of them: tick, part, rows, and so on.
local given, meta = cmsgpack.unpack(ARGV[1]), KEYS[1]
local no = forbidden(meta, 'HMGET', 'HGETALL', 'HSET')
if no then return no end
if redis.call('TYPE', meta).ok ~= 'hash' then return { 'BEHIND' } end
local stored = redis.call('HMGET', meta, 'mark', 'sealed', 'watermark')
if given.tick > (tonumber(stored[2] or '-1') or -1) then
  -- what was seen of the partition may be gone again: then its panes are not full yet
  if given.tick >= (tonumber(stored[3] or '-1') or -1) and stored[1] ~= given.expects then return { 'BEHIND' } end
  redis.call('HSET', meta, 'sealed', string.format('%d', given.tick))
end
local due, all = { 'OK' }, redis.call('HGETALL', meta)
for at = 1, #all, 2 do
  local tick, part = string.match(all[at], '^rows:(%-?%d+):(%d+)$')
  if tick and tonumber(tick) <= given.tick then
    due[#due + 1] = tick
    due[#due + 1] = part
    due[#due + 1] = all[at + 1]
  end
end
return due
