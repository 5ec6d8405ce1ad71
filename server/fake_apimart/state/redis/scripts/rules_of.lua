-- Return the rules of a world, each as id, used and body. Arguments: its name, and the rules that the
-- key's name implies.

local place, found = place_of(ARGV[1]), {}
add_permanent(place, ARGV[2])
for _, id in ipairs(redis.call('LRANGE', place .. 'rule-order', 0, -1)) do
  local rule = redis.call('HMGET', place .. 'rules', id .. ':used', id .. ':body')
  table.insert(found, {tonumber(id), tonumber(rule[1]), rule[2]})
end
return found
