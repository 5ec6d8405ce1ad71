"""The time of Redis, by which all servers of one fake go."""

from __future__ import annotations

from fake_apimart.common.clock import Clock
from fake_apimart.state.redis.connection import Connection

LOOKS = 5
"""How often the time is asked for, to take that which came soonest."""


class RedisClock:
    """This server's clock, set right by that of Redis when `synchronize` is called."""

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._ahead_ns = 0

    def time_ns(self) -> int:
        return self._base.time_ns() + self._ahead_ns

    async def synchronize(self, connection: Connection) -> None:
        """Ask Redis what time it is. Raises StateError."""
        looks = [await self._look(connection) for _ in range(LOOKS)]
        _, self._ahead_ns = min(looks)

    async def _look(self, connection: Connection) -> tuple[int, int]:
        """Return how long a look took, and how far Redis is ahead, in nanoseconds."""
        began = self._base.time_ns()
        seconds, microseconds = await connection.call(connection.redis.time())
        took = self._base.time_ns() - began
        return took, (seconds * 1_000_000 + microseconds) * 1000 - (began + took // 2)
