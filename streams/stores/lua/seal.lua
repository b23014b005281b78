-- Close a partition's panes up to a tick: no commit may touch them any more. Answers which of them there are.
-- KEYS[1] meta, KEYS[2] set of open ticks   ARGV[1] tick
local sealed = tonumber(redis.call('HGET', KEYS[1], 'sealed') or '-1')
local tick = tonumber(ARGV[1])
if tick > sealed then redis.call('HSET', KEYS[1], 'sealed', ARGV[1]) end
local due = {}
for _, open in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if tonumber(open) <= tick then due[#due + 1] = open end
end
return due
