-- Return how many entries the journal of a world has, and their bytes. Argument: its name.

local held = redis.call('HGET', base .. 'journal-bytes', ARGV[1]) or 0
return {redis.call('LLEN', place_of(ARGV[1]) .. 'journal'), tonumber(held)}
