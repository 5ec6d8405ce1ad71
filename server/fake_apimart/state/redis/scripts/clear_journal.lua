-- Remove the entries of a world, and wake who waits for some. Argument: its name.

drop_journal(ARGV[1], place_of(ARGV[1]))
redis.call('PUBLISH', prefix .. 'journal', cjson.encode({ARGV[1]}))
