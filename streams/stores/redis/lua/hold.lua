-- Become the keeper of a shard: every earlier keeper's writes are refused from now on. What was written stands as it is.
local given, shard = cmsgpack.unpack(ARGV[1]), KEYS[1]
local no = forbidden(shard, 'HMGET', 'HSET', 'EXPIRE')
if no then return no end
if not is(shard, 'hash') then return { 'MISPLACED', shard } end
local found = redis.call('HMGET', shard, 'epoch', 'mark')
if found[1] and not string.match(found[1], '^%d+$') then return { 'MISPLACED', shard } end
local epoch = string.format('%d', math.max(tonumber(found[1] or '0'), given.above) + 1)
redis.call('HSET', shard, 'epoch', epoch)
redis.call('EXPIRE', shard, given.ttl)
return { 'OK', epoch, found[2] or '' }
