-- Commit another cost in place of that of a task. Arguments: the world's name and token; the task's id;
-- its cost as it was, and 1 where that was to be charged; the task as `charge` takes it, as JSON, or
-- '' where it is to cost nothing.

local place, id, cost = place_of(ARGV[1]), ARGV[3], tonumber(ARGV[4])
if ARGV[2] ~= token_of(ARGV[1]) or redis.call('HEXISTS', place .. 'account', 'loaded') == 0 then
  return
end
if redis.call('HDEL', place .. 'costs', id) == 1 then
  add_to(place, 'committed', -cost)
  redis.call('ZREM', place .. 'running', id)
  redis.call('SREM', place .. 'paced', id)
  redis.call('SREM', place .. 'waiting', id)
elseif ARGV[5] == '1' then
  -- It was spent before the clock was set back.
  add_to(place, 'committed', -cost)
  add_to(place, 'spent', -cost)
end
if ARGV[6] ~= '' then
  charge(place, cjson.decode(ARGV[6]))
end
