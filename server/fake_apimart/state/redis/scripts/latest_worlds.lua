-- Return the worlds that were used last, each as its name and when that was, in microseconds; the last
-- one first. Arguments: how many to pass over; how many.

local first = tonumber(ARGV[1])
return redis.call('ZREVRANGE', base .. 'worlds', first, first + ARGV[2] - 1, 'WITHSCORES')
