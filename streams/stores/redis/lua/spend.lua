-- Charge requests to shared buckets (GCRA: one theoretical arrival time a bucket), so that the sidecars of one fleet share a limit.
-- Redis' own clock, so that hosts need not agree on the time.
local given, buckets = cmsgpack.unpack(ARGV[1]), KEYS[1]
local no = forbidden(buckets, 'HGET', 'HSET', 'HDEL', 'EXPIRE')
if no then return no end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ahead = {}
for number, charge in ipairs(given.charges) do
  local due = math.max(tonumber(redis.call('HGET', buckets, charge.bucket) or '0') or 0, now) + charge.interval * charge.requests
  if due > now then
    redis.call('HSET', buckets, charge.bucket, string.format('%.0f', due))
  else
    redis.call('HDEL', buckets, charge.bucket)
  end
  ahead[number] = string.format('%.0f', due - now)
end
redis.call('EXPIRE', buckets, given.ttl)
return ahead
