-- What a world has spent: `account` has the sums, `running` the ends of tasks in milliseconds,
-- `costs` what each costs, `paced` those that only a poll ends, and `waiting` those of them that are
-- past their planned end.

local function add_to(place, field, amount)
  local sum = tonumber(redis.call('HGET', place .. 'account', field) or 0) + amount
  redis.call('HSET', place .. 'account', field, string.format('%.17g', sum))
end

local function spend(place, task)
  add_to(place, 'spent', tonumber(redis.call('HGET', place .. 'costs', task) or 0))
  redis.call('HDEL', place .. 'costs', task)
end

local function polls_of(place, task)
  local polls = redis.call('HGET', place .. 'polls', task)
  if not polls then
    return 0, ''
  end
  local so_far, reached = string.match(polls, '(%d+):(%d*)')
  return tonumber(so_far), reached
end

-- Commit the cost of a task, once: {id, cost, end, 1 where only polls end it}.
local function charge(place, task)
  local id, cost, ends, paced = task[1], task[2], task[3], task[4]
  if redis.call('HSETNX', place .. 'costs', id, string.format('%.17g', cost)) == 0 then
    return
  end
  add_to(place, 'committed', cost)
  redis.call('ZADD', place .. 'running', whole(ends), id)
  local _, reached = polls_of(place, id)
  if paced == 1 and reached == '' then
    redis.call('SADD', place .. 'paced', id)
  end
  for _, part in ipairs({'account', 'costs', 'running', 'paced'}) do
    keep(place .. part)
  end
end

-- Decide the costs of tasks that have ended by `now_ms`.
local function settle(place, now_ms)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', place .. 'running', '-inf', now_ms)) do
    redis.call('ZREM', place .. 'running', id)
    if redis.call('SISMEMBER', place .. 'paced', id) == 1 then
      redis.call('SADD', place .. 'waiting', id)
      keep(place .. 'waiting')
    else
      spend(place, id)
    end
  end
end

-- Note that a task has had the last poll that it needed.
local function end_polls(place, id)
  redis.call('SREM', place .. 'paced', id)
  if redis.call('SREM', place .. 'waiting', id) == 1 then
    spend(place, id)
  end
end
