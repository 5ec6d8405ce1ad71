-- Return of each world its label, '' where it has none, and how many entries its journal has.
-- Arguments: the names.

local found = {}
for _, name in ipairs(ARGV) do
  local place = place_of(name)
  local label = redis.call('HGET', place .. 'world', 'label') or ''
  table.insert(found, {label, redis.call('LLEN', place .. 'journal')})
end
return found
