"""All that servers share in one Redis, opened and closed together."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fake_apimart_storage import Storage

from fake_apimart.common.clock import Clock
from fake_apimart.state.redis.clock import RedisClock
from fake_apimart.state.redis.connection import Connection
from fake_apimart.state.redis.ledger import RedisLedger
from fake_apimart.state.redis.locks import RedisLocks
from fake_apimart.state.redis.state import RedisState
from fake_apimart.state.shared import SharedState


@contextlib.asynccontextmanager
async def in_redis(url: str, storage: Storage, clock: Clock) -> AsyncIterator[SharedState]:
    """Yield the state in the Redis at `url`, for a server on `storage`.

    Raises StateError where it cannot be reached.
    """
    async with contextlib.aclosing(Connection(url)) as connection:
        time = RedisClock(clock)
        await time.synchronize(connection)
        yield SharedState(
            RedisState(connection, storage, time),
            RedisLocks(connection),
            time,
            lambda tasks: RedisLedger(tasks, connection),
        )
