-- Delete panes that were judged, and note how far.
local given, meta = cmsgpack.unpack(ARGV[1]), KEYS[1]
local no = forbidden(meta, 'HGET', 'HDEL', 'UNLINK', 'HSET')
if no then return no end
if redis.call('TYPE', meta).ok ~= 'hash' then return { 'BEHIND' } end
local dropped = tonumber(redis.call('HGET', meta, 'dropped') or '-1') or -1
for number, tick in ipairs(given.ticks) do
  local rows, from = {}, 2 + (number - 1) * given.parts
  for part = 0, given.parts - 1 do rows[part + 1] = string.format('rows:%d:%d', tick, part) end
  redis.call('HDEL', meta, unpack(rows))
  redis.call('UNLINK', unpack(KEYS, from, from + given.parts - 1))
  dropped = math.max(dropped, tick)
end
redis.call('HSET', meta, 'dropped', string.format('%d', dropped))
return { 'OK' }
