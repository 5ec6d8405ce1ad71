-- Have a world in use no more. Argument: its name.

redis.call('ZREM', base .. 'worlds', ARGV[1])
