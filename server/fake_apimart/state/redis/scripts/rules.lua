-- The rules of a world: `rule-order` lists their ids, `rules` has ID:operation, ID:times, ID:after,
-- ID:used, ID:passed and ID:body, and `reserved:ID` the uses that requests hold, by their ends.

local RESERVED_US = 60 * 1000000

local function add_rule(place, rule)
  local id = redis.call('INCR', prefix .. 'rule-id')
  local rules = place .. 'rules'
  redis.call('RPUSH', place .. 'rule-order', id)
  redis.call('HSET', rules, id .. ':operation', rule.operation, id .. ':times', rule.times,
    id .. ':after', rule.after, id .. ':used', 0, id .. ':passed', 0, id .. ':body', rule.body)
  keep(rules)
  keep(place .. 'rule-order')
  return id
end

-- Add the rules that a key's name implies, once; `permanent` is a JSON list.
local function add_permanent(place, permanent)
  if permanent ~= '[]' and redis.call('HSETNX', place .. 'world', 'permanent', 1) == 1 then
    for _, rule in ipairs(cjson.decode(permanent)) do
      add_rule(place, rule)
    end
    keep(place .. 'world')
  end
end

-- Reserve a use of the first rule for an operation; return its id, or nil.
local function reserve(place, operation, reservation, now)
  local rules = place .. 'rules'
  for _, id in ipairs(redis.call('LRANGE', place .. 'rule-order', 0, -1)) do
    local rule = redis.call('HMGET', rules, id .. ':operation', id .. ':times', id .. ':after',
      id .. ':used', id .. ':passed')
    if rule[1] == operation then
      local reserved = place .. 'reserved:' .. id
      redis.call('ZREMRANGEBYSCORE', reserved, '-inf', whole(now))
      local taken = tonumber(rule[4]) + redis.call('ZCARD', reserved)
      if rule[2] == '' or taken < tonumber(rule[2]) then
        if tonumber(rule[5]) < tonumber(rule[3]) then
          redis.call('HINCRBY', rules, id .. ':passed', 1)
        else
          redis.call('ZADD', reserved, whole(now + RESERVED_US), reservation)
          redis.call('PEXPIRE', reserved, RESERVED_US / 1000)
          return id
        end
      end
    end
  end
  return nil
end

-- End a reservation; `fired` is 1 where the rule was used.
local function release(place, id, reservation, fired)
  redis.call('ZREM', place .. 'reserved:' .. id, reservation)
  if fired == 1 and redis.call('HEXISTS', place .. 'rules', id .. ':used') == 1 then
    redis.call('HINCRBY', place .. 'rules', id .. ':used', 1)
  end
end
