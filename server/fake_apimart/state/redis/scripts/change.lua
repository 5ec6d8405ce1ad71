-- Change the state of a world. Arguments: its name and token; its fields as they were, and as they
-- are to be; each '' where there is none.
-- Returns the time; 0 where another server has changed it meanwhile; nil where the world is gone.

local name, token = ARGV[1], ARGV[2]
if token ~= token_of(name) then
  return nil
end
local now = now_us()
local place = touch(name, now)
for number, field in ipairs(STATE) do
  if (redis.call('HGET', place .. 'world', field) or '') ~= ARGV[2 + number] then
    return 0
  end
end
for number, field in ipairs(STATE) do
  local value = ARGV[2 + #STATE + number]
  if value == '' then
    redis.call('HDEL', place .. 'world', field)
  else
    redis.call('HSET', place .. 'world', field, value)
  end
end
keep(place .. 'world')
return now
