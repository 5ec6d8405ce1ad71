-- Give back or renew a reservation. Arguments: the owner of the rule and its token, the rule's id,
-- the reservation's, and `give_back` or `renew`.

local place = place_of(ARGV[1])
if ARGV[2] ~= token_of(ARGV[1]) then
  return
end
if ARGV[5] == 'give_back' then
  release(place, ARGV[3], ARGV[4], 0)
elseif redis.call('ZSCORE', place .. 'reserved:' .. ARGV[3], ARGV[4]) then
  redis.call('ZADD', place .. 'reserved:' .. ARGV[3], whole(now_us() + RESERVED_US), ARGV[4])
  redis.call('PEXPIRE', place .. 'reserved:' .. ARGV[3], RESERVED_US / 1000)
end
