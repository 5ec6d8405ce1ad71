-- Take the place of a holder from it, or all places. Arguments: what they are places of; who has one,
-- '' for all.

local key = base .. 'places:' .. ARGV[1]
if ARGV[2] == '' then
  redis.call('UNLINK', key)
else
  redis.call('ZREM', key, ARGV[2])
end
