-- Write one chunk of what a judging that was closed changes in a shard. Each is written once, whoever asks and however often.
local given = cmsgpack.unpack(ARGV[1])
local shard, redo, accounts, ranking, verdicts, standings = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]

local no = forbidden(shard, 'HMGET', 'HGET', 'HLEN', 'ZCARD', 'HSET', 'HDEL', 'DEL', 'UNLINK', 'EXPIRE', 'ZADD', 'ZREM')
if no then return no end
for _, key in ipairs(KEYS) do
  if not is(key, key == ranking and 'zset' or 'hash') then return { 'MISPLACED', key } end
end
local stored = redis.call('HMGET', shard, 'epoch', 'mark', 'redo', 'staged', 'applied', 'accounts', 'verdicts', 'finished')
local epoch, mark, staged = tonumber(stored[1] or '0') or 0, stored[2] or '', stored[4]
if epoch > given.epoch then return { 'FENCED' } end
if staged and stored[3] == given.redo then
  local applied = tonumber(stored[5] or '0') or 0
  if applied > given.number then return { 'OK' } end
  if applied < given.number then return { 'BEHIND' } end
elseif not staged and (stored[8] == given.redo or (mark == given.becomes and not given.whole)) then
  return { 'DONE' }
elseif given.number > 0 or not given.whole and (staged or epoch < given.epoch or mark ~= given.expects) then
  return { 'BEHIND' } -- of another judging's than it was left, or on its way to another
end

local packed = redis.call('HGET', redo, given.number)
if not packed then return { 'MISSING', redo } end
local good, chunk = pcall(cmsgpack.unpack, packed)
if not good or type(chunk) ~= 'table' or not (chunk.of and chunk.accounts and chunk.dropped and chunk.verdicts) then
  return { 'MISSING', redo }
end
if given.number == 0 and not given.whole and chunk.base ~= mark then return { 'BEHIND' } end
if redis.call('HLEN', redo) ~= chunk.of or #KEYS ~= 6 + #chunk.verdicts then return { 'MISSING', redo } end
if given.whole and given.number == 0 then
  redis.call('UNLINK', accounts, ranking, verdicts, standings)
  redis.call('HSET', shard, 'epoch', string.format('%d', given.epoch))
else
  local known = { [accounts] = stored[6], [ranking] = stored[6], [verdicts] = stored[7], [standings] = stored[7] }
  for number = 3, 6 do
    local key = KEYS[number]
    local there = redis.call(key == ranking and 'ZCARD' or 'HLEN', key)
    if there ~= tonumber(known[key] or '0') then return { 'MISSING', key } end
  end
end

local values, scores = {}, {}
for number, judged in ipairs(chunk.accounts) do
  values[2 * number - 1], values[2 * number] = judged.account, judged.value
  scores[2 * number - 1], scores[2 * number] = string.format('%.17g', judged.evidence), judged.account
end
many('HSET', accounts, values)
many('ZADD', ranking, scores)
many('HDEL', accounts, chunk.dropped)
many('ZREM', ranking, chunk.dropped)
for number, verdict in ipairs(chunk.verdicts) do
  local key = KEYS[6 + number]
  redis.call('DEL', key)
  if next(verdict.fields) then
    local fields = {}
    for field, value in pairs(verdict.fields) do
      fields[#fields + 1] = field
      fields[#fields + 1] = value
    end
    redis.call('HSET', key, unpack(fields))
    redis.call('EXPIRE', key, given.ttl)
    redis.call('HSET', verdicts, verdict.account, verdict.fields.json)
    redis.call('HSET', standings, verdict.account, verdict.standing)
  else
    redis.call('HDEL', verdicts, verdict.account)
    redis.call('HDEL', standings, verdict.account)
  end
end
redis.call('HSET', shard, 'accounts', redis.call('HLEN', accounts), 'verdicts', redis.call('HLEN', verdicts))
if given.number + 1 == chunk.of then
  redis.call('HSET', shard, 'mark', given.becomes, 'finished', given.redo)
  redis.call('HDEL', shard, 'redo', 'staged', 'applied', 'becomes')
  redis.call('UNLINK', redo)
else
  redis.call('HSET', shard, 'redo', given.redo, 'staged', chunk.of, 'applied', given.number + 1, 'becomes', given.becomes)
  redis.call('EXPIRE', redo, given.ttl)
end
for number = 3, 6 do redis.call('EXPIRE', KEYS[number], given.ttl) end
redis.call('EXPIRE', shard, given.ttl)
return { 'OK' }
