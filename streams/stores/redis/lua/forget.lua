-- Erase an account from its shard, and from what should be there. Answers whether it was there, and whether it stood anywhere.
local given = cmsgpack.unpack(ARGV[1])
local shard, accounts, ranking, verdicts, standings, verdict = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local no = forbidden(shard, 'HGET', 'HDEL', 'HINCRBY', 'ZREM', 'DEL')
if no then return no end
for _, key in ipairs(KEYS) do
  if not is(key, key == ranking and 'zset' or 'hash') then return redis.error_reply('WRONGTYPE of ' .. key) end
end
for _, name in ipairs({ 'accounts', 'verdicts' }) do
  local count = redis.call('HGET', shard, name)
  if count and not string.match(count, '^%-?%d+$') then return { 'MISPLACED', shard } end
end
local held = redis.call('HDEL', accounts, given.account)
if held > 0 then redis.call('HINCRBY', shard, 'accounts', -1) end -- how many there should be
if redis.call('HDEL', verdicts, given.account) > 0 then redis.call('HINCRBY', shard, 'verdicts', -1) end
redis.call('ZREM', ranking, given.account)
redis.call('DEL', verdict)
return { 'OK', held, redis.call('HDEL', standings, given.account) }
