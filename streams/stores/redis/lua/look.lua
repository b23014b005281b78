-- See how a shard stands, all at one moment: what is noted of it, and how much its keys hold, -1 where one is of another type.
local shard = KEYS[1]
local no = forbidden(shard, 'HMGET', 'HLEN', 'ZCARD')
if no then return no end
if not is(shard, 'hash') then return { 'MISPLACED', shard } end
local found = redis.call('HMGET', shard, 'epoch', 'mark', 'redo', 'staged', 'applied', 'becomes', 'accounts', 'verdicts')
local answer = { 'OK' }
for number = 1, 8 do answer[number + 1] = found[number] or '' end
for number = 2, #KEYS do
  local kind, key = number == 3 and 'zset' or 'hash', KEYS[number]
  answer[#answer + 1] = not is(key, kind) and -1 or redis.call(kind == 'zset' and 'ZCARD' or 'HLEN', key)
end
return answer
