-- What every script begins with: where things are, and how long they stay.
--
-- KEYS[1] is the prefix of all keys, which ends with the version of what lies below it.
-- PREFIX epoch                    counts the resets of everything
-- PREFIX EPOCH:worlds             names of worlds by their last use, in microseconds
-- PREFIX EPOCH:NAME:generation    counts the resets of one world
-- PREFIX EPOCH:NAME:GENERATION:…  what belongs to a world, which a reset leaves behind
-- PREFIX EPOCH:places:NAME        who has places of that name, by the ends in microseconds
-- A token is EPOCH.GENERATION: what a server knew of a world when it last asked.

local prefix = KEYS[1]
local LIFE_MS = 30 * 86400 * 1000
local DAY_US = 86400 * 1000000
local MAX_WORLDS = 10000
local SERVER = 'server'
local PARTS = {
  'world', 'rules', 'rule-order', 'journal', 'entries', 'rate', 'rate-text',
  'account', 'running', 'costs', 'paced', 'waiting', 'polls',
}

-- What servers know of a world: fields of its part `world`.
local STATE = {'offset', 'frozen', 'settings', 'label', 'revision'}

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local epoch = redis.call('GET', prefix .. 'epoch') or '0'
local base = prefix .. epoch .. ':'

local function whole(number)
  return string.format('%.0f', number)
end

local function generation_of(name)
  return redis.call('GET', base .. name .. ':generation') or '0'
end

local function token_of(name)
  return epoch .. '.' .. generation_of(name)
end

-- Whether a world was begun anew since it had a token. Where Redis has lost what it knew, it counts
-- from the beginning again, and the world is still the same.
local function is_gone(name, token)
  local old_epoch, old_generation = string.match(token, '(%d+)%.(%d+)')
  local ahead = tonumber(epoch) - tonumber(old_epoch)
  if ahead == 0 then
    ahead = tonumber(generation_of(name)) - tonumber(old_generation)
  end
  return ahead > 0
end

-- The beginning of the keys of a world as it is now.
local function place_of(name)
  return base .. name .. ':' .. generation_of(name) .. ':'
end

-- Let a key live as long as its world may be unused.
local function keep(key)
  redis.call('PEXPIRE', key, LIFE_MS)
end

local function drop_journal(name, place)
  redis.call('UNLINK', place .. 'journal', place .. 'entries')
  local held = tonumber(redis.call('HGET', base .. 'journal-bytes', name) or 0)
  if held > 0 then
    redis.call('HDEL', base .. 'journal-bytes', name)
    redis.call('DECRBY', base .. 'journal-total', whole(held))
  end
end

-- Note that a world is in use, and make room for it.
local function touch(name, now)
  local place = place_of(name)
  local touched = tonumber(redis.call('HGET', place .. 'world', 'touched') or 0)
  if now - touched > DAY_US then
    redis.call('HSET', place .. 'world', 'touched', whole(now))
    for _, part in ipairs(PARTS) do
      keep(place .. part)
    end
    keep(base .. name .. ':generation')
    keep(base .. 'rule-bytes')
    redis.call('ZREMRANGEBYSCORE', base .. 'worlds', '-inf', whole(now - LIFE_MS * 1000))
  end
  if name == SERVER then
    return place
  end
  redis.call('ZADD', base .. 'worlds', whole(now), name)
  keep(base .. 'worlds')
  if redis.call('ZCARD', base .. 'worlds') > MAX_WORLDS then
    local idle = redis.call('ZPOPMIN', base .. 'worlds')[1]
    local there = place_of(idle)
    drop_journal(idle, there)
    redis.call('UNLINK', there .. 'rules', there .. 'rule-order')
    redis.call('HDEL', there .. 'world', 'permanent')
    redis.call('HDEL', base .. 'rule-bytes', idle)
  end
  return place
end

-- The time of a world in microseconds, by its own clock and the server's.
local function time_of(name, now)
  local function step(world, from)
    local clock = redis.call('HMGET', place_of(world) .. 'world', 'offset', 'frozen')
    if clock[2] then
      return math.floor(tonumber(clock[2]) / 1000)
    end
    return from + math.floor(tonumber(clock[1] or 0) / 1000)
  end
  local time = step(SERVER, now)
  if name ~= SERVER then
    time = step(name, time)
  end
  return time
end
