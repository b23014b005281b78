-- Close a partition's panes up to a tick: no commit may touch them any more. Answers which of them there are.
local given, meta, open = cmsgpack.unpack(ARGV[1]), KEYS[1], KEYS[2]
local sealed = tonumber(redis.call('HGET', meta, 'sealed') or '-1')
if given.tick > sealed then redis.call('HSET', meta, 'sealed', string.format('%d', given.tick)) end
local due = {}
for _, tick in ipairs(redis.call('SMEMBERS', open)) do
  if tonumber(tick) <= given.tick then due[#due + 1] = tick end
end
return due
