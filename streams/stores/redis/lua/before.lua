-- Stands before every script. A script is atomic, but it does not roll back: it looks before it writes.

-- Whether a key is of a type, or not there.
local function is(key, kind)
  local found = redis.call('TYPE', key).ok
  return found == kind or found == 'none'
end

-- The error of a user who may not run all of these commands on a key; nothing where they may.
local function forbidden(key, ...)
  if not redis.acl_check_cmd then return nil end
  for _, command in ipairs({ 'TYPE', ... }) do
    if not redis.acl_check_cmd(command, key, '1', '1') then
      return redis.error_reply('NOPERM this user may not run ' .. command .. ' on ' .. key)
    end
  end
end

-- Run a command on a key with as many arguments as Lua can hand over at once, again and again; the sum of what it answers.
local function many(command, key, arguments)
  local sum = 0
  for from = 1, #arguments, 1000 do sum = sum + redis.call(command, key, unpack(arguments, from, math.min(from + 999, #arguments))) end
  return sum
end
