-- Close a judging whose chunks stand in `redo`, or write nothing. From here on it counts; `tell` and `apply` then write it chunk by chunk.
local given = cmsgpack.unpack(ARGV[1])
local judge, redo = KEYS[1], KEYS[2]
local no = forbidden(judge, 'HMGET', 'HLEN', 'HSET', 'EXPIRE')
if no then return no end
if not is(judge, 'hash') then return { 'MISPLACED', judge } end
if not is(redo, 'hash') then return { 'MISPLACED', redo } end
local stored = redis.call('HMGET', judge, 'epoch', 'mark', 'staged', 'moves')
local epoch = tonumber(stored[1] or '0') or 0
if epoch > given.epoch then return { 'FENCED' } end
if epoch < given.epoch or stored[2] ~= given.expects or stored[3] then return { 'BEHIND' } end
if (tonumber(stored[4] or '0') or 0) ~= given.moves then return { 'MOVED' } end
if redis.call('HLEN', redo) ~= given.staged then return { 'MISSING', redo } end
redis.call(
  'HSET', judge, 'context', given.context, 'closed', string.format('%d', given.closed), 'read', given.read,
  'mark', given.mark, 'judged', given.mark, 'shards', given.shards
)
if given.staged > 0 then redis.call('HSET', judge, 'redo', given.mark, 'staged', given.staged, 'applied', 0) end
redis.call('EXPIRE', judge, given.ttl)
redis.call('EXPIRE', redo, given.ttl)
return { 'OK' }
