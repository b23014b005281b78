-- Erase an account wherever it is named, all of it or nothing; what remains of findings and rulings was worked out before.
local given = cmsgpack.unpack(ARGV[1])
local meta, accounts, ranking, standings, findings = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local rulings, withdrawn, placed, erased, verdict = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[11]
local verdicts = KEYS[10]
local no = forbidden(
  meta, 'HGET', 'HSET', 'HDEL', 'HINCRBY', 'ZREM', 'DEL', 'XRANGE', 'TTL', 'XADD', 'EXPIRE', 'SREM'
)
if no then return no end
local kinds = { 'hash', 'hash', 'zset', 'hash', 'stream', 'hash', 'set', 'hash', 'hash', 'hash', 'hash' }
for number, key in ipairs(KEYS) do
  if not is(key, kinds[number]) then return redis.error_reply('WRONGTYPE of ' .. key) end
end
for _, name in ipairs({ 'accounts', 'verdicts', 'standings' }) do
  local count = redis.call('HGET', meta, name)
  if count and not tonumber(count) then return redis.error_reply('WRONGTYPE of ' .. name .. ' in ' .. meta) end
end
local held = redis.call('HDEL', accounts, given.account)
if held > 0 then redis.call('HINCRBY', meta, 'accounts', -1) end -- how many there should be
if redis.call('HDEL', verdicts, given.account) > 0 then redis.call('HINCRBY', meta, 'verdicts', -1) end
redis.call('ZREM', ranking, given.account)
redis.call('DEL', verdict)
if redis.call('HDEL', standings, given.account) > 0 then redis.call('HINCRBY', meta, 'standings', 1) end
local change = {}
for _, told in ipairs(given.findings) do change[told.before] = told.after end
if #given.findings > 0 then
  local kept = redis.call('XRANGE', findings, '-', '+') -- a stream's entries are never changed: it is written anew with the same ids
  local life = redis.call('TTL', findings)
  redis.call('DEL', findings)
  for _, entry in ipairs(kept) do
    local value = change[entry[2][4]]
    if value == nil then value = entry[2][4] end
    if value ~= '' then redis.call('XADD', findings, entry[1], 'subject', entry[2][2], 'finding', value) end
  end
  if life > 0 then redis.call('EXPIRE', findings, life) end
end
for _, ruled in ipairs(given.rulings) do
  if ruled.ruling == '' then
    redis.call('HDEL', rulings, ruled.id)
    redis.call('HDEL', placed, ruled.id)
    redis.call('SREM', withdrawn, ruled.id)
  else
    redis.call('HSET', rulings, ruled.id, ruled.ruling)
    redis.call('HDEL', placed, ruled.id)
  end
end
redis.call('HSET', erased, given.digest, given.at)
redis.call('EXPIRE', erased, given.ttl)
return held
