-- Write what a judging changed, all of it or nothing.
-- KEYS[1] meta, [2] accounts, [3] ranking, [4] outbox   ARGV[1] epoch, [2] memory, [3] seconds to live, [4] prefix of verdict keys,
-- then n and n times (account, state and record, evidence), m and m dropped accounts,
-- k and k times (account, 0 to delete or the number of fields, fields and values), o and o findings to send
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 'FENCED' end
redis.call('HSET', KEYS[1], 'memory', ARGV[2])
local ttl, at = ARGV[3], 5
for _ = 1, tonumber(ARGV[at]) do
  redis.call('HSET', KEYS[2], ARGV[at + 1], ARGV[at + 2])
  redis.call('ZADD', KEYS[3], ARGV[at + 3], ARGV[at + 1])
  at = at + 3
end
at = at + 1
for _ = 1, tonumber(ARGV[at]) do
  redis.call('HDEL', KEYS[2], ARGV[at + 1])
  redis.call('ZREM', KEYS[3], ARGV[at + 1])
  at = at + 1
end
at = at + 1
for _ = 1, tonumber(ARGV[at]) do
  local key, fields = ARGV[4] .. ARGV[at + 1], tonumber(ARGV[at + 2])
  redis.call('DEL', key)
  at = at + 2
  for field = 1, fields do redis.call('HSET', key, ARGV[at + 2 * field - 1], ARGV[at + 2 * field]) end
  if fields > 0 then redis.call('EXPIRE', key, ttl) end
  at = at + 2 * fields
end
at = at + 1
for _ = 1, tonumber(ARGV[at]) do
  redis.call('RPUSH', KEYS[4], ARGV[at + 1])
  at = at + 1
end
for key = 1, 4 do redis.call('EXPIRE', KEYS[key], ttl) end
return 'OK'
