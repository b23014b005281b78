-- Become the owner of a partition, or of the judging: every earlier owner's writes are refused from now on.
-- KEYS[1] meta   ARGV[1] seconds to live
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('EXPIRE', KEYS[1], ARGV[1])
return epoch
