-- Begin a world anew, or all of them, or go back to the one before. Arguments: the world's name, the
-- server's for all; its token as it is; and 1, or -1 to go back.
-- Returns 1, or 0 where it is not the world that it was.

local name, step = ARGV[1], ARGV[3]
if ARGV[2] ~= token_of(name) then
  return 0
end
if name == SERVER then
  redis.call('INCRBY', prefix .. 'epoch', step)
else
  redis.call('INCRBY', base .. name .. ':generation', step)
  keep(base .. name .. ':generation')
end
return 1
