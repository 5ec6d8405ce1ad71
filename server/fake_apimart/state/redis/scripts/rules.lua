-- The rules of a world: `rule-order` lists their ids, `rules` has ID:operation, ID:times, ID:after,
-- ID:every, ID:where (conditions as JSON, '' where there are none), ID:used, ID:passed and ID:body, and
-- `reserved:ID` the uses that requests hold, by their ends.

local RESERVED_US = 60 * 1000000

local function add_rule(place, rule)
  local id = redis.call('INCR', prefix .. 'rule-id')
  local rules = place .. 'rules'
  redis.call('RPUSH', place .. 'rule-order', id)
  redis.call('HSET', rules, id .. ':operation', rule.operation, id .. ':times', rule.times,
    id .. ':after', rule.after, id .. ':every', rule.every, id .. ':where', rule.where,
    id .. ':used', 0, id .. ':passed', 0, id .. ':body', rule.body)
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

-- Reserve a use of a rule for a request, or count that it passes; return whether it is reserved.
local function take(place, id, reservation, now)
  local rules, reserved = place .. 'rules', place .. 'reserved:' .. id
  local rule = redis.call('HMGET', rules, id .. ':after', id .. ':every', id .. ':used', id .. ':passed')
  local taken = tonumber(rule[3]) + redis.call('ZCARD', reserved)
  if tonumber(rule[4]) < tonumber(rule[1]) + (tonumber(rule[2]) - 1) * (taken + 1) then
    redis.call('HINCRBY', rules, id .. ':passed', 1)
    return false
  end
  redis.call('ZADD', reserved, whole(now + RESERVED_US), reservation)
  redis.call('PEXPIRE', reserved, RESERVED_US / 1000)
  return true
end

-- Whether all uses of a rule are taken; what requests held too long is free again.
local function is_used_up(place, id, times, now)
  local reserved = place .. 'reserved:' .. id
  redis.call('ZREMRANGEBYSCORE', reserved, '-inf', whole(now))
  if times == '' then
    return false
  end
  local used = tonumber(redis.call('HGET', place .. 'rules', id .. ':used'))
  return used + redis.call('ZCARD', reserved) >= tonumber(times)
end

-- Return the ids of the rules of a world for an operation, from one id on, with what is to be known
-- of each: its times and its conditions.
local function rules_for(place, operation, from)
  local found = {}
  for _, id in ipairs(redis.call('LRANGE', place .. 'rule-order', 0, -1)) do
    local rule = redis.call('HMGET', place .. 'rules', id .. ':operation', id .. ':times', id .. ':where')
    if rule[1] == operation and tonumber(id) >= from then
      table.insert(found, {id = id, times = rule[2], where = rule[3]})
    end
  end
  return found
end

-- Reserve a use of the first rule of a world for a request; return its id, nil where none applies,
-- and behind that the id of a rule whose conditions `verdicts` says nothing of, where it stops.
local function reserve(place, operation, reservation, now, from, verdicts)
  for _, rule in ipairs(rules_for(place, operation, from)) do
    if not is_used_up(place, rule.id, rule.times, now) then
      local applies = true
      if rule.where ~= '' then
        applies = verdicts[rule.id]
      end
      if applies == nil then
        return nil, tonumber(rule.id)
      end
      if applies and take(place, rule.id, reservation, now) then
        return rule.id
      end
    end
  end
  return nil
end

-- Reserve a use of the first rule for a request, of the worlds `owners` in their order, from an id on
-- in the first. Return {1, owner, id, body}; or {0, owner, {{id, conditions}, …}} where it stops at a
-- rule whose conditions `verdicts` says nothing of, with all that follow; or nil.
local function meet(owners, operation, reservation, now, from, verdicts)
  for number, owner in ipairs(owners) do
    local place = place_of(owner)
    local id, stopped = reserve(place, operation, reservation, now, from, verdicts)
    if id then
      return {1, owner, id, redis.call('HGET', place .. 'rules', id .. ':body')}
    end
    if stopped then
      local conditions = {}
      for later = number, #owners do
        local first = later == number and stopped or 0
        for _, rule in ipairs(rules_for(place_of(owners[later]), operation, first)) do
          if rule.where ~= '' then
            table.insert(conditions, {tonumber(rule.id), rule.where})
          end
        end
      end
      return {0, owner, conditions}
    end
    from = 0
  end
  return nil
end

-- The worlds whose rules a request in a world meets, in their order.
local function owners_of(name, is_refused)
  if is_refused == '1' or name == SERVER then
    return {SERVER}
  end
  return {name, SERVER}
end

-- End a reservation; `fired` is 1 where the rule was used.
local function release(place, id, reservation, fired)
  redis.call('ZREM', place .. 'reserved:' .. id, reservation)
  if fired == 1 and redis.call('HEXISTS', place .. 'rules', id .. ':used') == 1 then
    redis.call('HINCRBY', place .. 'rules', id .. ':used', 1)
  end
end
