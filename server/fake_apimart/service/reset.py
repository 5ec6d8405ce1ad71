"""Resets of one world or of everything, for the control API."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fake_apimart_storage import Storage

from fake_apimart.callbacks import pending
from fake_apimart.callbacks.callbacks import Callbacks
from fake_apimart.common.waits import pausing
from fake_apimart.contract import file_url
from fake_apimart.files.index import FileIndex
from fake_apimart.generation import idempotency
from fake_apimart.generation.idempotency import Idempotency
from fake_apimart.service.own_keys import is_own
from fake_apimart.tasks import store as task_store
from fake_apimart.tasks.results import Results
from fake_apimart.tasks.store import TaskStore
from fake_apimart.worlds.registry import Worlds
from fake_apimart.worlds.world import World

CONTENTS = (
    file_url.KEY_PREFIX,
    task_store.TASK_PREFIX,
    task_store.POLLS_PREFIX,
    idempotency.KEY_PREFIX,
    pending.KEY_PREFIX,
)
"""The prefixes of the keys of what worlds hold."""


class Reset:
    """Forgets what worlds hold, in memory and in the storage.

    What worlds hold is deleted while they are still there, and again after they were replaced,
    since requests may have stored something meanwhile. So a reset that fails loses nothing that it
    could not delete: the worlds are as they were, but for what is deleted, and the next reset
    deletes the rest. Requests that run during a reset leave nothing in the world that replaces
    theirs.
    """

    def __init__(
        self,
        storage: Storage,
        worlds: Worlds,
        index: FileIndex,
        tasks: TaskStore,
        results: Results,
        idempotency: Idempotency,
        callbacks: Callbacks,
    ) -> None:
        self._storage = storage
        self._worlds = worlds
        self._index = index
        self._tasks = tasks
        self._results = results
        self._idempotency = idempotency
        self._callbacks = callbacks

    async def world(self, world: World) -> World:
        """Replace `world` by a new one, set up as its key's name says. Raises StorageError."""
        async with self._worlds.state.resetting(world):
            await self._delete_contents(world)
            if world.gone:
                # Another reset has replaced it meanwhile.
                return world
            async with self._ending(await self._worlds.replace(world)):
                await self._delete_contents(world)
            self._callbacks.cancel_gone()
            return await self._worlds.up_to_date(world)

    async def remove(self, world: World) -> None:
        """Remove a world until its key is used again. Raises StorageError."""
        await self._worlds.drop_idle(await self.world(world))

    async def everything(self) -> None:
        """Forget all worlds and the server's own clock, settings and rules. Raises StorageError.

        What is damaged goes too; what other programs have put into the storage stays.
        """
        async with self._worlds.state.resetting(None):
            await self._delete_contents_of_all()
            async with self._ending(await self._worlds.replace_all()):
                await self._delete_contents_of_all()
            self._callbacks.cancel_gone()

    @contextlib.asynccontextmanager
    async def _ending(self, gone: list[World]) -> AsyncIterator[None]:
        """End worlds that were replaced after the block; where it fails, put them back."""
        try:
            yield
            if gone:
                await self._worlds.state.end(gone)
        except BaseException:
            if gone:
                await self._worlds.put_back(gone)
            raise

    async def _delete_contents_of_all(self) -> None:
        try:
            for prefix in CONTENTS:
                keys = [key async for key in pausing(self._storage.keys(prefix)) if is_own(key)]
                await self._storage.delete_many(keys)
        finally:
            self._index.clear()
            self._tasks.clear_cache()
            self._results.clear_cache()

    async def _delete_contents(self, world: World) -> None:
        """Delete what the storage holds of a world, but not the world's state."""
        # Results are gone with the files: a task that stays shows new ones.
        for task_id in await self._tasks.ids_of(world):
            self._results.forget(task_id)
        await self._index.delete_files(world.name)
        await self._tasks.forget(world)
        await self._idempotency.forget(world.name)
        await self._callbacks.forget(world)
