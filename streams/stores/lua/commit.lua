-- Write a partition's changed panes together with the position they include, or nothing.
local given, meta = cmsgpack.unpack(ARGV[1]), KEYS[1]
local no = forbidden(KEYS[#KEYS], 'HMGET', 'HLEN', 'STRLEN', 'HSET', 'HDEL', 'APPEND', 'EXPIRE', 'UNLINK')
if no then return no end

if not is(meta, 'hash') then return { 'MISPLACED', meta } end
local stored = redis.call('HMGET', meta, 'epoch', 'mark', 'sealed')
local epoch = tonumber(stored[1] or '0') or 0
if epoch > given.epoch then return { 'FENCED' } end
if epoch < given.epoch or stored[2] ~= given.expects then return { 'BEHIND' } end
local sealed = tonumber(stored[3] or '-1') or -1
for number, changed in ipairs(given.ticks) do
  local pane, ids, tick = KEYS[2 * number], KEYS[2 * number + 1], string.format('%d', changed.tick)
  if changed.tick <= sealed then return { 'SEALED' } end
  if not is(pane, 'hash') then return { 'MISPLACED', pane } end
  if not is(ids, 'string') then return { 'MISPLACED', ids } end
  local counts = redis.call('HMGET', meta, 'rows:' .. tick, 'ids:' .. tick)
  if redis.call('HLEN', pane) ~= tonumber(counts[1] or '0') then return { 'MISSING', pane } end
  if redis.call('STRLEN', ids) ~= tonumber(counts[2] or '0') then return { 'MISSING', ids } end
end

for number, changed in ipairs(given.ticks) do
  local pane, ids, tick = KEYS[2 * number], KEYS[2 * number + 1], string.format('%d', changed.tick)
  for row, account in ipairs(changed.accounts) do redis.call('HSET', pane, account, changed.rows[row]) end
  local length = redis.call('APPEND', ids, changed.ids)
  redis.call('HSET', meta, 'rows:' .. tick, redis.call('HLEN', pane), 'ids:' .. tick, length)
  redis.call('EXPIRE', pane, given.ttl)
  redis.call('EXPIRE', ids, given.ttl)
end
for number, tick in ipairs(given.gone) do -- no second delivery of these can come any more
  redis.call('UNLINK', KEYS[1 + 2 * #given.ticks + number])
  redis.call('HDEL', meta, 'ids:' .. string.format('%d', tick))
end
redis.call('HSET', meta, 'position', given.position, 'watermark', string.format('%d', given.watermark), 'mark', given.mark)
redis.call('HDEL', meta, 'rewound')
redis.call('EXPIRE', meta, given.ttl)
return { 'OK' }
