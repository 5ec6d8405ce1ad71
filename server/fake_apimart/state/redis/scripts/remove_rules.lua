-- Remove the rules of a world. Arguments: its name and token; a rule's id, '' for all; the bytes that
-- rule takes; and the rules that the key's name implies, which come again where all are removed.
-- Returns how many were removed, or nil where the world is gone.

local name, token, id = ARGV[1], ARGV[2], ARGV[3]
if token ~= '' and token ~= token_of(name) then
  return nil
end
local place, held = place_of(name), base .. 'rule-bytes'
if id ~= '' then
  local removed = redis.call('LREM', place .. 'rule-order', 1, id)
  if removed == 1 then
    for _, field in ipairs({'operation', 'times', 'after', 'every', 'where', 'used', 'passed', 'body'}) do
      redis.call('HDEL', place .. 'rules', id .. ':' .. field)
    end
    if redis.call('HINCRBY', held, name, -tonumber(ARGV[4])) <= 0 then
      redis.call('HDEL', held, name)
    end
  end
  return removed
end
local removed = redis.call('LLEN', place .. 'rule-order')
redis.call('UNLINK', place .. 'rules', place .. 'rule-order')
redis.call('HDEL', held, name)
redis.call('HDEL', place .. 'world', 'permanent')
add_permanent(place, ARGV[5])
return removed
