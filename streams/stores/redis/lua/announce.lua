-- Tell sidecars that there is something to read: they look at this number again and again.
local given, judge = cmsgpack.unpack(ARGV[1]), KEYS[1]
local no = forbidden(judge, 'HGET', 'HSET', 'EXPIRE')
if no then return no end
if not is(judge, 'hash') then return { 'MISPLACED', judge } end
local standings = (tonumber(redis.call('HGET', judge, 'standings') or '0') or 0) + 1
redis.call('HSET', judge, 'standings', string.format('%d', standings))
redis.call('EXPIRE', judge, given.ttl)
return { 'OK' }
