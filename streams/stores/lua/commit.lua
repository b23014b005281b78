-- Write a partition's changed panes together with the position they include, or nothing.
-- KEYS[1] meta, KEYS[2] set of open ticks, then for each tick: its pane, its request ids
-- ARGV[1] epoch, [2] position, [3] seconds to live, then for each tick: tick, request ids, n, n times (account, row)
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'sealed')
if meta[1] ~= ARGV[1] then return 'FENCED' end
local sealed = tonumber(meta[2] or '-1')
local at, key = 4, 3
while ARGV[at] do -- look before writing: a script is atomic, but it does not roll back
  if tonumber(ARGV[at]) <= sealed then return 'SEALED' end
  at = at + 3 + 2 * tonumber(ARGV[at + 2])
end
at = 4
while ARGV[at] do
  local tick, ids, count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  redis.call('SADD', KEYS[2], tick)
  for pair = 0, count - 1 do
    redis.call('HSET', KEYS[key], ARGV[at + 3 + 2 * pair], ARGV[at + 4 + 2 * pair])
  end
  redis.call('APPEND', KEYS[key + 1], ids)
  redis.call('EXPIRE', KEYS[key], ARGV[3])
  redis.call('EXPIRE', KEYS[key + 1], ARGV[3])
  at, key = at + 3 + 2 * count, key + 2
end
redis.call('HSET', KEYS[1], 'position', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 'OK'
