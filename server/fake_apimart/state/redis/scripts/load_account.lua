-- Begin the account of a world with the tasks that are stored, unless it is there already.
-- Arguments: its name and token; the tasks as JSON, each as `charge` takes it.

local place = place_of(ARGV[1])
if ARGV[2] ~= token_of(ARGV[1]) then
  return
end
if redis.call('HSETNX', place .. 'account', 'loaded', 1) == 1 then
  for _, task in ipairs(cjson.decode(ARGV[3])) do
    charge(place, task)
  end
  keep(place .. 'account')
end
