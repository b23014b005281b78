-- Write what a judging changed, all of it or nothing.
local given = cmsgpack.unpack(ARGV[1])
local meta, accounts, ranking, outbox, standings, findings, placed = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
if tonumber(redis.call('HGET', meta, 'epoch')) ~= given.epoch then return 'FENCED' end
for _, judged in ipairs(given.accounts) do
  redis.call('HSET', accounts, judged.account, judged.value)
  redis.call('ZADD', ranking, string.format('%.17g', judged.evidence), judged.account)
end
for _, account in ipairs(given.dropped) do
  redis.call('HDEL', accounts, account)
  redis.call('ZREM', ranking, account)
end
for number, verdict in ipairs(given.verdicts) do
  local key = KEYS[7 + number]
  redis.call('DEL', key)
  if next(verdict.fields) then
    for field, value in pairs(verdict.fields) do redis.call('HSET', key, field, value) end
    redis.call('EXPIRE', key, given.ttl)
    redis.call('HSET', standings, verdict.account, verdict.standing)
  else
    redis.call('HDEL', standings, verdict.account)
  end
end
if #given.verdicts > 0 then redis.call('HINCRBY', meta, 'standings', 1) end -- tells sidecars that there is something to read
for _, told in ipairs(given.findings) do
  redis.call('RPUSH', outbox, told.finding)
  redis.call('XADD', findings, 'MAXLEN', '~', given.kept, '*', 'subject', told.subject, 'finding', told.finding)
end
for _, ruled in ipairs(given.placed) do redis.call('HSET', placed, ruled.id, ruled.ruling) end -- these outlive everything else
redis.call('HSET', meta, 'context', given.context)
for key = 1, 6 do redis.call('EXPIRE', KEYS[key], given.ttl) end
return 'OK'
