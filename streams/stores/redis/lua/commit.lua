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
local rows = {} -- of each key of a part, how many there are
local at = 2 -- of the keys: the tick's ids, then the parts of its pane that change
for _, changed in ipairs(given.ticks) do
  local ids, tick = KEYS[at], string.format('%d', changed.tick)
  if changed.tick <= sealed then return { 'SEALED' } end
  local names = { 'ids:' .. tick }
  for number, part in ipairs(changed.parts) do names[number + 1] = 'rows:' .. tick .. ':' .. string.format('%d', part.part) end
  local counts = redis.call('HMGET', meta, unpack(names))
  if not is(ids, 'string') then return { 'MISPLACED', ids } end
  if redis.call('STRLEN', ids) ~= tonumber(counts[1] or '0') then return { 'MISSING', ids } end
  for number = 1, #changed.parts do
    local pane = KEYS[at + number]
    rows[pane] = redis.pcall('HLEN', pane)
    if type(rows[pane]) == 'table' then return is(pane, 'hash') and rows[pane] or { 'MISPLACED', pane } end
    if rows[pane] ~= tonumber(counts[number + 1] or '0') then return { 'MISSING', pane } end
  end
  at = at + 1 + #changed.parts
end

at = 2
for _, changed in ipairs(given.ticks) do
  local ids, tick = KEYS[at], string.format('%d', changed.tick)
  local counts = { 'ids:' .. tick, redis.call('APPEND', ids, changed.ids) }
  redis.call('EXPIRE', ids, given.ttl)
  for number, part in ipairs(changed.parts) do
    local pane = KEYS[at + number]
    counts[2 * number + 1] = 'rows:' .. tick .. ':' .. string.format('%d', part.part)
    counts[2 * number + 2] = rows[pane] + many('HSET', pane, part.fields)
    redis.call('EXPIRE', pane, given.ttl)
  end
  redis.call('HSET', meta, unpack(counts))
  at = at + 1 + #changed.parts
end
for number, tick in ipairs(given.gone) do -- no second delivery of these can come any more
  redis.call('UNLINK', KEYS[at - 1 + number])
  redis.call('HDEL', meta, 'ids:' .. string.format('%d', tick))
end
redis.call('HSET', meta, 'position', given.position, 'watermark', string.format('%d', given.watermark), 'mark', given.mark)
redis.call('HDEL', meta, 'rewound')
redis.call('EXPIRE', meta, given.ttl)
return { 'OK' }
