-- Become the owner of a partition, or of the judging: every earlier owner's writes are refused from now on.
-- Answers the new epoch, and the epoch and the mark that were there.
local given, meta = cmsgpack.unpack(ARGV[1]), KEYS[1]
local found = redis.call('HMGET', meta, 'epoch', 'mark')
local epoch = redis.call('HINCRBY', meta, 'epoch', 1)
redis.call('HSET', meta, 'mark', given.mark)
redis.call('EXPIRE', meta, given.ttl)
return { epoch, found[1] or '0', found[2] or '' }
