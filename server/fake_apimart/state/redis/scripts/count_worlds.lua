-- Return how many worlds are in use, without the server's own.

return redis.call('ZCARD', base .. 'worlds')
