-- Forget what was read of a partition, and refuse its owner's next write: it is read again from the log's start.
local given, meta = cmsgpack.unpack(ARGV[1]), KEYS[1]
local no = forbidden(meta, 'HKEYS', 'UNLINK', 'HDEL', 'HSET', 'EXPIRE')
if no then return no end
local fields = redis.call('HKEYS', meta)
for number = 2, #KEYS do redis.call('UNLINK', KEYS[number]) end
for _, field in ipairs(fields) do
  if field ~= 'epoch' then redis.call('HDEL', meta, field) end
end
redis.call('HSET', meta, 'mark', given.mark, 'rewound', '1')
redis.call('EXPIRE', meta, given.ttl)
return { 'OK' }
