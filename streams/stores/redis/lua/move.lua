-- Note who keeps the shards of partitions from now on, or that somebody keeps none any more.
local given, judge, owners = cmsgpack.unpack(ARGV[1]), KEYS[1], KEYS[2]
local no = forbidden(judge, 'HGET', 'HGETALL', 'HSET', 'HDEL', 'EXPIRE')
if no then return no end
for _, key in ipairs(KEYS) do
  if not is(key, 'hash') then return { 'MISPLACED', key } end
end
local moves = math.max((tonumber(redis.call('HGET', judge, 'moves') or '0') or 0) + 1, given.least)
if given.leaves then
  local all = redis.call('HGETALL', owners)
  for at = 1, #all, 2 do
    if all[at + 1] == given.owner then redis.call('HDEL', owners, all[at]) end
  end
end
for _, partition in ipairs(given.partitions) do redis.call('HSET', owners, partition, given.owner) end
redis.call('HSET', judge, 'moves', string.format('%d', moves))
redis.call('EXPIRE', judge, given.ttl)
redis.call('EXPIRE', owners, given.ttl)
return { 'OK' }
