-- Return the next entries of a world, each as id and JSON, oldest first.
-- Arguments: its name; the id after which they come; how many at the most.

local place, since, found = place_of(ARGV[1]), tonumber(ARGV[2]), {}
local journal = place .. 'journal'

-- The ids ascend: look for the first greater one by halves.
local first, behind = 0, redis.call('LLEN', journal)
while first < behind do
  local middle = math.floor((first + behind) / 2)
  if tonumber(redis.call('LINDEX', journal, middle)) > since then
    behind = middle
  else
    first = middle + 1
  end
end
for _, id in ipairs(redis.call('LRANGE', journal, first, -1)) do
  local entry = redis.call('HGET', place .. 'entries', id)
  if entry then
    table.insert(found, {tonumber(id), entry})
  end
  if #found >= tonumber(ARGV[3]) then
    break
  end
end
return found
