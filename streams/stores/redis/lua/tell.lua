-- Write one chunk of a judging that was closed: what is told, and where rulings stand in the log. Each is written once.
local given = cmsgpack.unpack(ARGV[1])
local judge, redo, outbox, findings, placed = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local no = forbidden(judge, 'HMGET', 'HGET', 'HLEN', 'HSET', 'HDEL', 'UNLINK', 'EXPIRE', 'RPUSH', 'XADD')
if no then return no end
local kinds = { 'hash', 'hash', 'list', 'stream', 'hash' }
for number, key in ipairs(KEYS) do
  if not is(key, kinds[number]) then return { 'MISPLACED', key } end
end
local stored = redis.call('HMGET', judge, 'epoch', 'mark', 'redo', 'staged', 'applied')
local epoch, staged, applied = tonumber(stored[1] or '0') or 0, tonumber(stored[4] or '0') or 0, tonumber(stored[5] or '0') or 0
if epoch > given.epoch then return { 'FENCED' } end
if not stored[4] and stored[2] == given.mark then return { 'OK' } end
if epoch < given.epoch or not stored[4] or stored[3] ~= given.mark then return { 'BEHIND' } end
if applied > given.number then return { 'OK' } end
local packed = redis.call('HGET', redo, given.number)
local good, chunk = false, nil
if packed then
  good, chunk = pcall(cmsgpack.unpack, packed)
end
if not good or type(chunk) ~= 'table' or not (chunk.findings and chunk.placed) then return { 'MISSING', redo } end

for _, told in ipairs(chunk.findings) do
  redis.call('RPUSH', outbox, told.finding)
  redis.call('XADD', findings, 'MAXLEN', '~', given.kept, '*', 'subject', told.subject, 'finding', told.finding)
end
for _, ruled in ipairs(chunk.placed) do redis.call('HSET', placed, ruled.id, ruled.ruling) end -- these outlive everything else
if given.number + 1 == staged then
  redis.call('HDEL', judge, 'redo', 'staged', 'applied')
  redis.call('UNLINK', redo)
else
  redis.call('HSET', judge, 'applied', given.number + 1)
end
for _, key in ipairs({ judge, outbox, findings }) do redis.call('EXPIRE', key, given.ttl) end
return { 'OK' }
