-- Return the next entries of a world, each as id and JSON, oldest first.
-- Arguments: its name; the id after which they come; how many at the most.

local place, found = place_of(ARGV[1]), {}
for _, id in ipairs(redis.call('LRANGE', place .. 'journal', 0, -1)) do
  if tonumber(id) > tonumber(ARGV[2]) then
    local entry = redis.call('HGET', place .. 'entries', id)
    if entry then
      table.insert(found, {tonumber(id), entry})
    end
  end
  if #found >= tonumber(ARGV[3]) then
    break
  end
end
return found
