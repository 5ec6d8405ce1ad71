"""Locks among all servers that share a Redis."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

from redis.asyncio.lock import Lock
from redis.exceptions import LockError

from fake_apimart.state.redis.connection import PREFIX, Connection
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.state.locks import Locks

HELD_SECONDS = 10.0
"""How long a lock is held by a server that has died."""
RENEW_SECONDS = 3.0
WAIT_SECONDS = 0.02
"""The pause between two looks at a lock that somebody else holds."""


class RedisLocks(Locks):
    """Locks that expire, and are renewed while they are held."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextlib.asynccontextmanager
    async def holding(self, name: str) -> AsyncIterator[None]:
        lock = self._connection.redis.lock(
            f"{PREFIX}lock:{name}", HELD_SECONDS, blocking=False, raise_on_release_error=False
        )
        await self._acquire(lock)
        renewing = asyncio.create_task(self._renew(lock))
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.wait([renewing])
            # Where Redis is away, the lock ends when its time is over.
            with contextlib.suppress(StateError):
                await self._connection.call(lock.release())

    async def _acquire(self, lock: Lock) -> None:
        for pause in itertools.repeat(WAIT_SECONDS):
            if await self._connection.call(lock.acquire()):
                return
            await asyncio.sleep(pause)

    async def _renew(self, lock: Lock) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with contextlib.suppress(StateError, LockError):
                await self._connection.call(lock.reacquire())

    async def occupy(self, name: str, holder: str, places: int, seconds: float) -> bool:
        milliseconds = round(seconds * 1000)
        return bool(await self._connection.run("occupy", name, holder, places, milliseconds))

    async def vacate(self, name: str, holder: str | None = None) -> None:
        await self._connection.run("vacate", name, holder or "")

    async def claim(self, name: str, seconds: float) -> bool:
        key = f"{PREFIX}claim:{name}"
        milliseconds = round(seconds * 1000)
        redis = self._connection.redis
        return bool(await self._connection.call(redis.set(key, 1, px=milliseconds, nx=True)))
