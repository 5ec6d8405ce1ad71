"""The state at a location: `memory://`, or `redis://HOST:PORT/DATABASE`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fake_apimart_storage import Storage

from fake_apimart.common.clock import Clock
from fake_apimart.machine.shortage import loading
from fake_apimart.state.memory.ledger import MemoryLedger
from fake_apimart.state.memory.locks import MemoryLocks
from fake_apimart.state.memory.state import MemoryState
from fake_apimart.state.shared import SharedState

MEMORY = "memory://"


def in_memory(storage: Storage, clock: Clock) -> SharedState:
    """Return the state of a server that is alone on a storage."""
    state = MemoryState(storage, clock)
    return SharedState(
        state, MemoryLocks(), clock, lambda tasks: MemoryLedger(tasks, state, storage, clock)
    )


@contextlib.asynccontextmanager
async def state_at(location: str, storage: Storage, clock: Clock) -> AsyncIterator[SharedState]:
    """Yield the state at a location, for a server on `storage`.

    Raises StateError where it cannot be reached, ModuleNotFoundError where the library is missing.
    """
    if location == MEMORY:
        yield in_memory(storage, clock)
        return
    with loading("redis"):
        from fake_apimart.state.redis.opening import in_redis
    async with in_redis(location, storage, clock) as shared:
        yield shared
