-- Become the owner of a partition, or of the judging: every earlier owner's writes are refused from now on.
local given, meta = cmsgpack.unpack(ARGV[1]), KEYS[1]
local epoch = redis.call('HINCRBY', meta, 'epoch', 1)
redis.call('EXPIRE', meta, given.ttl)
return epoch
