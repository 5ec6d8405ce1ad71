-- Give one of so many places to a holder. Arguments: what they are places of; who is to have one; how
-- many there are; for how many milliseconds. Returns 1, or 0 where all are taken by others.

local key, holder, now = base .. 'places:' .. ARGV[1], ARGV[2], now_us()
redis.call('ZREMRANGEBYSCORE', key, '-inf', whole(now))
if not redis.call('ZSCORE', key, holder) and redis.call('ZCARD', key) >= tonumber(ARGV[3]) then
  return 0
end
redis.call('ZADD', key, whole(now + ARGV[4] * 1000), holder)
redis.call('PEXPIRE', key, ARGV[4])
return 1
