-- Delete panes that were judged, and note how far.
local given, meta = cmsgpack.unpack(ARGV[1]), KEYS[1]
local no = forbidden(meta, 'HGET', 'HDEL', 'UNLINK', 'HSET')
if no then return no end
if redis.call('TYPE', meta).ok ~= 'hash' then return { 'BEHIND' } end
local dropped = tonumber(redis.call('HGET', meta, 'dropped') or '-1') or -1
for number, tick in ipairs(given.ticks) do
  redis.call('HDEL', meta, 'rows:' .. string.format('%d', tick))
  redis.call('UNLINK', KEYS[1 + number])
  dropped = math.max(dropped, tick)
end
redis.call('HSET', meta, 'dropped', string.format('%d', dropped))
return { 'OK' }
