-- Become the owner of a partition, or of the judging: every earlier owner's writes are refused from now on.
-- Answers the new epoch, and the epoch and the mark that were there.
local given, meta = cmsgpack.unpack(ARGV[1]), KEYS[1]
local no = forbidden(meta, 'HMGET', 'HINCRBY', 'HSET', 'EXPIRE')
if no then return no end
if not is(meta, 'hash') then return { 'MISPLACED', meta } end
local found = redis.call('HMGET', meta, 'epoch', 'mark')
if found[1] and not string.match(found[1], '^%d+$') then return { 'MISPLACED', meta } end
local epoch = redis.call('HINCRBY', meta, 'epoch', 1)
redis.call('HSET', meta, 'mark', given.mark)
redis.call('EXPIRE', meta, given.ttl)
return { epoch, found[1] or '0', found[2] or '' }
