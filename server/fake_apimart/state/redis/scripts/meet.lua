-- Go on to reserve the rule that a request meets, from the rule on whose conditions were not known.
-- Arguments: the world's name and token; the operation; 1 where the request is refused; an id for the
-- reservation; the owner and the id of that rule; what is known by now as JSON, true or false by ids.
-- Returns what `meet` returns; nil where the world is gone.

local name, token, operation, is_refused, reservation = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local owner, from, verdicts = ARGV[6], tonumber(ARGV[7]), cjson.decode(ARGV[8])
if token ~= token_of(name) then
  return nil
end
local owners = owner == SERVER and {SERVER} or owners_of(name, is_refused)
return meet(owners, operation, reservation, now_us(), from, verdicts)
