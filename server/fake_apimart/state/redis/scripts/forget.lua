-- Delete what belonged to a world, or to all, before it began anew, and wake who waits for it.
-- Arguments: the world's name, the server's for all; and its token as it was.

local name = ARGV[1]
local old_epoch, old_generation = string.match(ARGV[2], '(%d+)%.(%d+)')
local there = prefix .. old_epoch .. ':'

local function drop(world, generation)
  local place = there .. world .. ':' .. generation .. ':'
  for _, part in ipairs(PARTS) do
    redis.call('UNLINK', place .. part)
  end
end

local function forget_sums(world)
  local held = tonumber(redis.call('HGET', there .. 'journal-bytes', world) or 0)
  redis.call('HDEL', there .. 'journal-bytes', world)
  redis.call('HDEL', there .. 'rule-bytes', world)
  if held > 0 then
    redis.call('DECRBY', there .. 'journal-total', whole(held))
  end
end

if name == SERVER then
  for _, world in ipairs(redis.call('ZRANGE', there .. 'worlds', 0, -1)) do
    drop(world, redis.call('GET', there .. world .. ':generation') or '0')
    redis.call('UNLINK', there .. world .. ':generation')
  end
  drop(SERVER, '0')
  redis.call('UNLINK', there .. 'worlds', there .. 'journal-bytes', there .. 'journal-total',
    there .. 'rule-bytes', there .. 'resetting')
else
  drop(name, old_generation)
  forget_sums(name)
end
redis.call('PUBLISH', prefix .. 'journal', cjson.encode({name, ARGV[2]}))
