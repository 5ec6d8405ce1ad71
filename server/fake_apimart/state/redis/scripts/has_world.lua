-- Return whether a world is in use, as 1 or 0. Argument: its name.

return redis.call('ZSCORE', base .. 'worlds', ARGV[1]) and 1 or 0
