-- Charge requests to shared buckets (GCRA) and answer how far ahead of time each is by now, in milliseconds: sidecars of one fleet share a limit.
-- Redis' own clock, so that hosts need not agree on the time.
-- KEYS[1] buckets: account and model -> theoretical arrival time, ms   ARGV[1] seconds to live, then n times (field, interval in ms, requests)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ahead = {}
for at = 2, #ARGV, 3 do
  local due = math.max(tonumber(redis.call('HGET', KEYS[1], ARGV[at]) or '0'), now) + ARGV[at + 1] * ARGV[at + 2]
  if due > now then
    redis.call('HSET', KEYS[1], ARGV[at], string.format('%.0f', due))
  else
    redis.call('HDEL', KEYS[1], ARGV[at])
  end
  ahead[#ahead + 1] = string.format('%.0f', due - now)
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return ahead
