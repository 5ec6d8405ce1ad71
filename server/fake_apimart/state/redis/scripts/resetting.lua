-- Say that a world is being reset, or all are, for so many milliseconds; 0 to say it no more.
-- Arguments: the world's name, or the server's for all; the milliseconds.

local key = ARGV[1] == SERVER and base .. 'resetting' or place_of(ARGV[1]) .. 'resetting'
if ARGV[2] == '0' then
  redis.call('DEL', key)
else
  redis.call('SET', key, 1, 'PX', ARGV[2])
end
