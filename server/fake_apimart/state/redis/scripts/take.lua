-- Count a request against a rate, over a window that slides with the clock of the world.
-- Arguments: the world's name and token; the rate as text; its requests; its window in microseconds.
-- Returns 0, or the microseconds until one is allowed; nil where the world is gone.

local name, token, text = ARGV[1], ARGV[2], ARGV[3]
local amount, window = tonumber(ARGV[4]), tonumber(ARGV[5])
if token ~= token_of(name) then
  return nil
end
local place, now = place_of(name), time_of(name, now_us())
local rate = place .. 'rate'
if redis.call('GET', place .. 'rate-text') ~= text then
  redis.call('UNLINK', rate)
  redis.call('SET', place .. 'rate-text', text, 'PX', LIFE_MS)
end

local function at(index)
  return tonumber(redis.call('LINDEX', rate, index))
end

while (at(0) or now) <= now - window do
  redis.call('LPOP', rate)
end
-- If the clock was set back, requests later than now have not happened yet.
while (at(-1) or now) > now do
  redis.call('RPOP', rate)
end
if redis.call('LLEN', rate) >= amount then
  return at(0) + window - now
end
redis.call('RPUSH', rate, whole(now))
keep(rate)
return 0
