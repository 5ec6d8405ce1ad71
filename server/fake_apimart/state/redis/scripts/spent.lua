-- Return what a world has spent, as text; nil where its tasks were never added up, or it is gone.
-- Arguments: its name and token; its time in milliseconds.

local place = place_of(ARGV[1])
if ARGV[2] ~= token_of(ARGV[1]) or redis.call('HEXISTS', place .. 'account', 'loaded') == 0 then
  return nil
end
settle(place, ARGV[3])
return redis.call('HGET', place .. 'account', 'spent') or '0'
