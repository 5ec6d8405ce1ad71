-- Return where to go on, 0 at the end, and the next names of worlds; some may come twice, but none is
-- missing that is there all the time, whatever is used meanwhile. Arguments: where to go on, 0 at
-- first; how many are looked at, about; a pattern of the names; and an id, for those worlds alone
-- whose journal has a later entry, -1 for all.

local found, names = redis.call('ZSCAN', base .. 'worlds', ARGV[1], 'MATCH', ARGV[3], 'COUNT', ARGV[2]), {}
local since = tonumber(ARGV[4])
for number = 1, #found[2], 2 do
  local name = found[2][number]
  if since < 0 or tonumber(redis.call('LINDEX', place_of(name) .. 'journal', -1) or 0) > since then
    table.insert(names, name)
  end
end
return {found[1], names}
