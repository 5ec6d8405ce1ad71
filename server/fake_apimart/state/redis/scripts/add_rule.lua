-- Add a rule. Arguments: the world's name and token; operation, times ('' for all), after, every,
-- conditions, body; its estimated bytes; how many rules a world has at the most, and how many bytes
-- those of all have.
-- Returns its id; -1 where the world has too many, -2 where all have; nil where the world is gone.

local name, token, bytes = ARGV[1], ARGV[2], tonumber(ARGV[9])
if token ~= token_of(name) then
  return nil
end
local place, held = touch(name, now_us()), base .. 'rule-bytes'
if redis.call('LLEN', place .. 'rule-order') >= tonumber(ARGV[10]) then
  return -1
end
local sum = bytes
for _, world in ipairs(redis.call('HKEYS', held)) do
  if redis.call('EXISTS', place_of(world) .. 'rule-order') == 1 then
    sum = sum + tonumber(redis.call('HGET', held, world))
  else
    redis.call('HDEL', held, world)
  end
end
if sum > tonumber(ARGV[11]) then
  return -2
end
redis.call('HINCRBY', held, name, bytes)
keep(held)
return add_rule(place, {
  operation = ARGV[3], times = ARGV[4], after = ARGV[5], every = ARGV[6], where = ARGV[7], body = ARGV[8],
})
