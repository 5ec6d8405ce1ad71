"""Servers without sockets that share a state: what the tests of a state work on."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

from fake_apimart.common.clock import SystemClock
from fake_apimart.settings.settings import Settings
from fake_apimart.state.location import state_at
from fake_apimart.tasks.ledger import Ledger
from fake_apimart.tasks.store import TaskStore
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.entry import Entry
from fake_apimart.worlds.registry import Worlds
from fake_apimart.worlds.state.locks import Locks
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import World
from fake_apimart_storage import Storage
from fake_apimart_storage.memory import MemoryStorage


class Server(NamedTuple):
    """What a server has of a state."""

    worlds: Worlds
    state: State
    locks: Locks
    ledger: Ledger
    storage: Storage

    async def enter(self, key: str = "key", operation: str = "models.list") -> Any:
        """Return the world of a key, and what a request in it has reserved."""
        return await self.worlds.enter(self.worlds.of_key(key), operation)

    async def record(self, key: str = "key", operation: str = "models.list", **what: Any) -> Entry:
        """Record a request in the world of a key, as soon as it is entered."""
        world, reservation = await self.enter(key, operation)
        entry = Entry(operation, "GET", "/")
        if reservation is not None:
            reservation.count()
        await self.worlds.record(world, entry, what.get("status", 200))
        return entry

    async def seen(self, key: str = "key") -> World:
        """Return the world of a key, up to date."""
        return await self.worlds.by_key(key)


@contextlib.asynccontextmanager
async def server_on(location: str, storage: Storage) -> AsyncIterator[Server]:
    """Yield a server whose state is at `location`."""
    async with state_at(location, storage, SystemClock()) as shared:
        settings = Settings(storage="memory://")
        worlds = Worlds(settings, shared.state, shared.clock, control_enabled=True)
        await worlds.open()
        tasks = TaskStore(storage, shared.clock, shared.state)
        try:
            yield Server(worlds, shared.state, shared.locks, shared.ledger(tasks), storage)
        finally:
            await shared.state.close()


async def on_servers(location: str, number: int, test: Callable[..., Awaitable[None]]) -> None:
    """Run `test` with so many servers that share a state and a storage."""
    storage = MemoryStorage()
    async with contextlib.AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(server_on(location, storage)) for _ in range(number)
        ]
        await test(*servers)


def task_of(world: World, number: int = 0, **changes: Any) -> Task:
    """Return a task of a world, which takes no time and costs 1 where nothing else is said."""
    created_ms = world.clock.time_ns() // 1_000_000
    planned: dict[str, Any] = {
        "id": f"task_{number:026}",
        "world": world.name,
        "created_ms": created_ms,
        "seconds": 0.0,
        "polls": 0,
        "failure": None,
        "model": "m",
        "prompt": "p",
        "seed": None,
        "width": 8,
        "height": 8,
        "output_format": "png",
        "image_keys": (),
        "reference_keys": (),
        "cost": 1.0,
        "estimated_time": 1,
    }
    return Task(**{**planned, **changes})
