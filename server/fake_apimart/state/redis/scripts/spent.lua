-- Return what a world has spent and what is committed, as texts; nil where its tasks were never added
-- up, or it is gone. Arguments: its name and token; its time in milliseconds.

local place = place_of(ARGV[1])
if ARGV[2] ~= token_of(ARGV[1]) or redis.call('HEXISTS', place .. 'account', 'loaded') == 0 then
  return nil
end
settle(place, ARGV[3])
local sums = redis.call('HMGET', place .. 'account', 'spent', 'committed')
return {sums[1] or '0', sums[2] or '0'}
