-- Write one chunk of a judging that was closed. Each is written once, whoever asks and however often.
local given = cmsgpack.unpack(ARGV[1])
local judge, redo, accounts, ranking, outbox, standings, findings, placed, verdicts =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local kinds = { 'hash', 'list', 'hash', 'zset', 'list', 'hash', 'stream', 'hash', 'hash' }

local no = forbidden(
  judge, 'HMGET', 'HGET', 'LINDEX', 'HLEN', 'HSET', 'HDEL', 'DEL', 'UNLINK', 'EXPIRE', 'ZADD', 'ZREM', 'RPUSH', 'XADD'
)
if no then return no end
for number, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= (kinds[number] or 'hash') then return { 'MISPLACED', key } end
end
local stored = redis.call('HMGET', judge, 'epoch', 'staged', 'applied', 'accounts', 'verdicts')
local epoch, applied = tonumber(stored[1] or '0') or 0, tonumber(stored[3] or '0')
if epoch > given.epoch then return { 'FENCED' } end
if epoch < given.epoch or not stored[2] then return { 'BEHIND' } end
if applied > given.number then return { 'OK' } end
local packed = redis.call('LINDEX', redo, given.number)
if not packed then return { 'MISSING', redo } end
local chunk = cmsgpack.unpack(packed)
if not chunk.whole then
  if redis.call('HLEN', accounts) ~= tonumber(stored[4] or '0') then return { 'MISSING', accounts } end
  for _, key in ipairs({ verdicts, standings }) do
    if redis.call('HLEN', key) ~= tonumber(stored[5] or '0') then return { 'MISSING', key } end
  end
end

if chunk.whole then redis.call('UNLINK', accounts, ranking, standings, verdicts) end
for _, judged in ipairs(chunk.accounts) do
  redis.call('HSET', accounts, judged.account, judged.value)
  redis.call('ZADD', ranking, string.format('%.17g', judged.evidence), judged.account)
end
for _, account in ipairs(chunk.dropped) do
  redis.call('HDEL', accounts, account)
  redis.call('ZREM', ranking, account)
end
for number, verdict in ipairs(chunk.verdicts) do
  local key = KEYS[9 + number]
  redis.call('DEL', key)
  if next(verdict.fields) then
    for field, value in pairs(verdict.fields) do redis.call('HSET', key, field, value) end
    redis.call('EXPIRE', key, given.ttl)
    redis.call('HSET', verdicts, verdict.account, verdict.fields.json)
    redis.call('HSET', standings, verdict.account, verdict.standing)
  else
    redis.call('HDEL', verdicts, verdict.account)
    redis.call('HDEL', standings, verdict.account)
  end
end
if #chunk.verdicts > 0 or chunk.whole then -- tells sidecars that there is something to read
  redis.call('HSET', judge, 'standings', string.format('%d', (tonumber(redis.call('HGET', judge, 'standings') or '0') or 0) + 1))
end
for _, told in ipairs(chunk.findings) do
  redis.call('RPUSH', outbox, told.finding)
  redis.call('XADD', findings, 'MAXLEN', '~', given.kept, '*', 'subject', told.subject, 'finding', told.finding)
end
for _, ruled in ipairs(chunk.placed) do redis.call('HSET', placed, ruled.id, ruled.ruling) end -- these outlive everything else
redis.call('HSET', judge, 'accounts', redis.call('HLEN', accounts), 'verdicts', redis.call('HLEN', verdicts), 'applied', given.number + 1)
if given.number + 1 == tonumber(stored[2]) then
  redis.call('HDEL', judge, 'staged', 'applied', 'redo')
  redis.call('UNLINK', redo)
end
for _, key in ipairs({ judge, accounts, ranking, outbox, standings, findings, verdicts }) do redis.call('EXPIRE', key, given.ttl) end
return { 'OK' }
