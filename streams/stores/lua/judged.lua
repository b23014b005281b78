-- Write what a judging changed, all of it or nothing.
-- KEYS[1] meta, [2] accounts, [3] ranking, [4] outbox, [5] standings, [6] recent findings
-- ARGV[1] epoch, [2] memory, [3] seconds to live, [4] prefix of verdict keys, [5] findings kept,
-- then n and n times (account, state and record, evidence), m and m dropped accounts,
-- k and k times (account, standing, 0 to delete or the number of fields, fields and values), o and o times (subject, finding to send)
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 'FENCED' end
redis.call('HSET', KEYS[1], 'memory', ARGV[2])
local ttl, at = ARGV[3], 6
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
local moved = false
for _ = 1, tonumber(ARGV[at]) do
  local account, standing, fields = ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local key = ARGV[4] .. account
  redis.call('DEL', key)
  at = at + 3
  for field = 1, fields do redis.call('HSET', key, ARGV[at + 2 * field - 1], ARGV[at + 2 * field]) end
  if fields > 0 then
    redis.call('EXPIRE', key, ttl)
    redis.call('HSET', KEYS[5], account, standing)
  else
    redis.call('HDEL', KEYS[5], account)
  end
  moved = true
  at = at + 2 * fields
end
if moved then redis.call('HINCRBY', KEYS[1], 'standings', 1) end -- tells sidecars that there is something to read
at = at + 1
for _ = 1, tonumber(ARGV[at]) do
  redis.call('RPUSH', KEYS[4], ARGV[at + 2])
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[5], '*', 'subject', ARGV[at + 1], 'finding', ARGV[at + 2])
  at = at + 2
end
for key = 1, 6 do redis.call('EXPIRE', KEYS[key], ttl) end
return 'OK'
