"""Resets of one world or of everything, for the control API."""

from __future__ import annotations

from fake_apimart_storage import Storage

from fake_apimart.callbacks import pending
from fake_apimart.callbacks.callbacks import Callbacks
from fake_apimart.contract import file_url
from fake_apimart.files.index import FileIndex
from fake_apimart.generation import idempotency
from fake_apimart.generation.idempotency import Idempotency
from fake_apimart.tasks import store as task_store
from fake_apimart.tasks.store import TaskStore
from fake_apimart.worlds.registry import WORLD_PREFIX, Worlds
from fake_apimart.worlds.world import World

OURS = (
    file_url.KEY_PREFIX,
    task_store.TASK_PREFIX,
    task_store.POLLS_PREFIX,
    idempotency.KEY_PREFIX,
    pending.KEY_PREFIX,
    WORLD_PREFIX,
)
"""The prefixes of all keys that a server writes to its storage."""


class Reset:
    """Forgets what worlds hold, in memory and in the storage.

    Requests that run during a reset leave nothing in the world that replaces theirs.
    """

    def __init__(
        self,
        storage: Storage,
        worlds: Worlds,
        index: FileIndex,
        tasks: TaskStore,
        idempotency: Idempotency,
        callbacks: Callbacks,
    ) -> None:
        self._storage = storage
        self._worlds = worlds
        self._index = index
        self._tasks = tasks
        self._idempotency = idempotency
        self._callbacks = callbacks

    async def world(self, world: World) -> World:
        """Replace `world` by a new one, set up as its key's name says. Raises StorageError."""
        new = self._worlds.replace(world)
        await self._forget(world)
        return new

    async def remove(self, world: World) -> None:
        """Remove a world until its key is used again. Raises StorageError."""
        self._worlds.remove(world)
        await self._forget(world)

    async def everything(self) -> None:
        """Forget all worlds and the server's own clock, settings and rules. Raises StorageError."""
        self._worlds.remove_all()
        self._index.clear()
        self._tasks.clear_cache()
        self._callbacks.cancel_gone()
        for prefix in OURS:
            for key in [info.key async for info in self._storage.entries(prefix)]:
                await self._storage.delete(key)

    async def _forget(self, world: World) -> None:
        """Delete what the storage holds of a world that is gone."""
        await self._callbacks.forget(world)
        for key in await self._index.take(world.name):
            await self._storage.delete(key)
        tasks = [task async for task in self._tasks.all_of(world)]
        for key in [key for task in tasks for key in task.image_keys]:
            await self._storage.delete(key)
        await self._tasks.forget(world)
        await self._idempotency.forget(world.name)
        await self._worlds.forget(world.name)
