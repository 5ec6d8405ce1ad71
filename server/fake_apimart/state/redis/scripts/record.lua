-- Add an entry to the journal of a world or complete it, with what else the request has changed.
-- Arguments: the world's name and token; the entry's id, '' where it is new; its operation; its
-- status; the entry as JSON, '' where none is kept; changes as JSON, `{fired: […], charged: […]}`;
-- how many entries a journal has at the most, and how many bytes all have.
-- Returns the entry's id, or nil where the world is gone.

local name, token, id, operation, status, entry = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local changes, max_entries, max_bytes = ARGV[7], tonumber(ARGV[8]), tonumber(ARGV[9])
local now = now_us()

local decoded = changes ~= '' and cjson.decode(changes) or {fired = {}, charged = {}}
for _, fired in ipairs(decoded.fired) do
  -- {owner, token, id, reservation}
  if fired[2] == token_of(fired[1]) then
    release(place_of(fired[1]), fired[3], fired[4], 1)
  end
end
if token ~= '' and is_gone(name, token) then
  return nil
end
local place = touch(name, now)
for _, task in ipairs(decoded.charged) do
  charge(place, task)
end
if entry == '' then
  return 0
end

local journal, entries = place .. 'journal', place .. 'entries'
local grown = #entry

local function drop_oldest(from)
  local oldest = redis.call('LPOP', from .. 'journal')
  if not oldest then
    return 0
  end
  local bytes = redis.call('HSTRLEN', from .. 'entries', oldest)
  redis.call('HDEL', from .. 'entries', oldest)
  return bytes
end

local function grow(world, bytes)
  redis.call('HINCRBY', base .. 'journal-bytes', world, whole(bytes))
  local total = redis.call('INCRBY', base .. 'journal-total', whole(bytes))
  keep(base .. 'journal-bytes')
  keep(base .. 'journal-total')
  return total
end

if id == '' then
  id = redis.call('INCR', prefix .. 'entry-id')
  redis.call('RPUSH', journal, id)
else
  local before = redis.call('HSTRLEN', entries, id)
  if before == 0 then
    return tonumber(id)
  end
  grown = grown - before
end
redis.call('HSET', entries, id, entry)
keep(journal)
keep(entries)
if redis.call('LLEN', journal) > max_entries then
  grown = grown - drop_oldest(place)
end
local total = grow(name, grown)
if total > max_bytes then
  -- The server's first, then those of worlds that were used longest ago. More than is needed, so
  -- that not every request has to look at all worlds.
  local target = max_bytes * 0.9
  local worlds = redis.call('ZRANGE', base .. 'worlds', 0, -1)
  table.insert(worlds, 1, SERVER)
  for _, world in ipairs(worlds) do
    local there = place_of(world)
    while total > target do
      local freed = drop_oldest(there)
      if freed == 0 then
        break
      end
      total = grow(world, -freed)
    end
    if total <= target then
      break
    end
    drop_journal(world, there)
    total = tonumber(redis.call('GET', base .. 'journal-total') or 0)
  end
end
redis.call('PUBLISH', prefix .. 'journal', cjson.encode({name, tonumber(id), operation, tonumber(status) or 0}))
return tonumber(id)
