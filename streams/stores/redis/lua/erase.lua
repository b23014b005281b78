-- Erase an account from findings and rulings, all of it or nothing; what remains of them was worked out before.
local given = cmsgpack.unpack(ARGV[1])
local findings, rulings, withdrawn, placed, erased = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local no = forbidden(findings, 'HSET', 'HDEL', 'DEL', 'XRANGE', 'TTL', 'XADD', 'EXPIRE', 'SREM')
if no then return no end
local kinds = { 'stream', 'hash', 'set', 'hash', 'hash' }
for number, key in ipairs(KEYS) do
  if not is(key, kinds[number]) then return redis.error_reply('WRONGTYPE of ' .. key) end
end
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
    redis.call('SREM', withdrawn, ruled.id)
  else
    redis.call('HSET', rulings, ruled.id, ruled.ruling)
  end
  redis.call('HDEL', placed, ruled.id)
end
redis.call('HSET', erased, given.digest, given.at)
redis.call('EXPIRE', erased, given.ttl)
return { 'OK' }
