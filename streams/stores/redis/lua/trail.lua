-- Append to the audit log if nobody else did meanwhile: each line holds the hash of the one before.
local given = cmsgpack.unpack(ARGV[1])
local no = forbidden(KEYS[1], 'LLEN', 'RPUSH')
if no then return no end
if redis.call('LLEN', KEYS[1]) ~= given.length then return 'MOVED' end
redis.call('RPUSH', KEYS[1], given.line)
return 'OK'
