-- Return where to go on, 0 at the end, and the next names of worlds; some may come twice, but none is
-- missing that is there all the time, whatever is used meanwhile. Arguments: where to go on, 0 at
-- first; how many are looked at, about; a pattern of the names.

local found, names = redis.call('ZSCAN', base .. 'worlds', ARGV[1], 'MATCH', ARGV[3], 'COUNT', ARGV[2]), {}
for number = 1, #found[2], 2 do
  table.insert(names, found[2][number])
end
return {found[1], names}
