-- Return the names of worlds. Argument: the first that is wanted, and the last, by number.

return redis.call('ZRANGE', base .. 'worlds', ARGV[1], ARGV[2])
