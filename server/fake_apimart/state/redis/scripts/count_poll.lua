-- Count a poll of a task that takes a number of polls. Arguments: its world's name and token; its id;
-- how many it takes, or '' to count none; the world's time in milliseconds.
-- Returns the polls before this one, and when the first beyond that number came, or ''.

local place, id = place_of(ARGV[1]), ARGV[3]
local so_far, reached = polls_of(place, id)
if ARGV[4] == '' or reached ~= '' or ARGV[2] ~= token_of(ARGV[1]) then
  return {so_far, reached}
end
local after = so_far + 1
if so_far >= tonumber(ARGV[4]) then
  after, reached = so_far, ARGV[5]
  end_polls(place, id)
end
redis.call('HSET', place .. 'polls', id, after .. ':' .. reached)
keep(place .. 'polls')
return {so_far, reached}
