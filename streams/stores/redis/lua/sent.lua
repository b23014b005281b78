-- Take the oldest findings off the outbox, which only who judges may.
local given, judge, outbox = cmsgpack.unpack(ARGV[1]), KEYS[1], KEYS[2]
local no = forbidden(judge, 'HGET', 'LTRIM')
if no then return no end
if (tonumber(redis.call('HGET', judge, 'epoch') or '0') or 0) ~= given.epoch then return { 'FENCED' } end
redis.call('LTRIM', outbox, given.count, -1)
return { 'OK' }
