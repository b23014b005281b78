-- Write a partition's changed panes together with the position they include, or nothing.
local given, meta, open = cmsgpack.unpack(ARGV[1]), KEYS[1], KEYS[2]
local stored = redis.call('HMGET', meta, 'epoch', 'sealed')
if tonumber(stored[1]) ~= given.epoch then return 'FENCED' end
local sealed = tonumber(stored[2] or '-1')
for _, changed in ipairs(given.ticks) do -- look before writing: a script is atomic, but it does not roll back
  if changed.tick <= sealed then return 'SEALED' end
end
for number, changed in ipairs(given.ticks) do
  local pane, ids = KEYS[1 + 2 * number], KEYS[2 + 2 * number]
  redis.call('SADD', open, string.format('%d', changed.tick))
  for row, account in ipairs(changed.accounts) do redis.call('HSET', pane, account, changed.rows[row]) end
  redis.call('APPEND', ids, changed.ids)
  redis.call('EXPIRE', pane, given.ttl)
  redis.call('EXPIRE', ids, given.ttl)
end
redis.call('HSET', meta, 'position', given.position)
redis.call('EXPIRE', meta, given.ttl)
redis.call('EXPIRE', open, given.ttl)
return 'OK'
