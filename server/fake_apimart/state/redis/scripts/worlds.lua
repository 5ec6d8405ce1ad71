-- Return where to go on, 0 at the end, and the next names of worlds; some may come twice, but none is
-- missing that is there all the time, whatever is used meanwhile. Arguments: where to go on, 0 at
-- first; about how many.

local scanned, names = redis.call('ZSCAN', base .. 'worlds', ARGV[1], 'COUNT', ARGV[2]), {}
for number = 1, #scanned[2], 2 do
  table.insert(names, scanned[2][number])
end
return {scanned[1], names}
