-- Bring a server up to date on a world, and reserve the rule that a request meets.
-- Arguments: the world's name; the tokens that the server knows of it and of its own world, or '';
-- the operation, or '' where no rule is wanted; 1 where the request is refused; an id for the
-- reservation; the rules that the key's name implies, as JSON.
-- Returns both tokens; the time; the state of both worlds; what is committed, as text, nil where the
-- tasks were never added up; 1 where no results may be kept; and what `meet` returns.

local name, token, server_token = ARGV[1], ARGV[2], ARGV[3]
local operation, is_refused, reservation, permanent = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local now = now_us()

local current, server_current = token_of(name), token_of(SERVER)
if (token ~= '' and token ~= current) or (server_token ~= '' and server_token ~= server_current) then
  return {current, server_current}
end

local function state_of(place)
  return redis.call('HMGET', place .. 'world', unpack(STATE))
end

local function committed_of(place)
  local account = redis.call('HMGET', place .. 'account', 'loaded', 'committed')
  return account[1] and (account[2] or '0')
end

local place, server_place = place_of(name), place_of(SERVER)
if operation ~= '' or is_refused == '1' then
  touch(name, now)
end
add_permanent(place, permanent)
local resets = redis.call('GET', base .. 'resetting') or redis.call('GET', place .. 'resetting')
local answer = {
  current, server_current, now, state_of(place), state_of(server_place),
  committed_of(place), resets and 1 or 0,
}
if operation ~= '' then
  answer[8] = meet(owners_of(name, is_refused), operation, reservation, now, 0, {})
end
return answer
