"""`Idempotency-Key`: a retry with the same key and body gets the same task (docs).

The use of a key is stored before its task, and counts once the task is there. So a create that
fails between the two is not done, and one that is done is known by its key.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from fake_apimart_storage import Storage, StorageError
from pydantic import TypeAdapter

from fake_apimart.common.clock import Clock
from fake_apimart.common.stored_json import Nanoseconds, own_keys, read_record, write_json
from fake_apimart.contract import errors
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.go.json import marshal
from fake_apimart.tasks.store import TaskStore
from fake_apimart.worlds.state.locks import Locks
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import NAME_PATTERN, World

HEADER = "Idempotency-Key"
_HEADER_NAME = HEADER.lower().encode()
REPLAYED_HEADER = "Idempotency-Replayed"
KEY_PREFIX = "idempotency/"
OWN_KEY = re.compile(rf"{KEY_PREFIX}{NAME_PATTERN}/[0-9a-f]{{64}}")
"""The keys of the storage under which uses are stored."""
LIFE_SECONDS = 86_400
"""How long a key stands for its task, by the world's clock (docs)."""
MAX_KEY_CHARACTERS = 191
INLINE_BYTES = 1024 * 1024
"""The largest body that is hashed at once: hashing lets other threads run, unlike parsing."""

_NANOSECONDS_PER_SECOND = 1_000_000_000
_VALID_KEY = re.compile(rf"[!-~]{{1,{MAX_KEY_CHARACTERS}}}")


class _Use(NamedTuple):
    """The use of a key: a hash of the body, the task that it made, and the world's time."""

    digest: str
    task_id: str
    used_ns: Nanoseconds


_USE = TypeAdapter(_Use)


def idempotency_key_of(exchange: Exchange) -> str | None:
    """Return the key of a request, or None without one. Raises `invalid_parameter`."""
    key = exchange.header(_HEADER_NAME)
    if key is not None and not _VALID_KEY.fullmatch(key):
        message = f"{HEADER} must be 1 to {MAX_KEY_CHARACTERS} visible ASCII characters"
        raise errors.invalid_parameter(message)
    return key


class Idempotency:
    """Stores which task each key stands for. The scope of a key is the world that used it."""

    def __init__(
        self, storage: Storage, clock: Clock, tasks: TaskStore, state: State, locks: Locks
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._tasks = tasks
        self._state = state
        self._locks = locks

    def lock(self, world: World, key: str) -> AbstractAsyncContextManager[None]:
        """Serialize concurrent requests with the same key, so that all get the same task."""
        return self._locks.holding(_record_key(world, key))

    async def find_task_id(self, world: World, key: str, digest: str) -> str | None:
        """Return the id of the task that `key` stands for, or None if the key is new or expired.

        A key whose task is not there is new. `digest` is that of the request's body. Raises
        `idempotency_key_reused` if the key was used with another body, StorageError.
        """
        name, now_ns = _record_key(world, key), self._clock.time_ns()
        use = await read_record(self._storage, name, now_ns, _USE)
        if use is None:
            return None
        if world.clock.time_ns() >= use.used_ns + LIFE_SECONDS * _NANOSECONDS_PER_SECOND:
            return None
        if await self._tasks.get(world, use.task_id) is None:
            return None
        if digest != use.digest:
            raise errors.idempotency_key_reused()
        return use.task_id

    @contextlib.asynccontextmanager
    async def booked(
        self, world: World, key: str, digest: str, task_id: str
    ) -> AsyncIterator[None]:
        """Let `key`, with a body of this `digest`, stand for a task once the block has stored it.

        Raises StorageError.
        """
        name = _record_key(world, key)
        text = marshal(_Use(digest, task_id, world.clock.time_ns()))
        await write_json(self._storage, name, text, self._clock.time_ns(), LIFE_SECONDS)
        try:
            yield
        except StorageError:
            # What cannot be deleted stands for no task, and does no harm.
            with contextlib.suppress(StorageError):
                await self._storage.delete(name)
            raise
        await self._state.discard_if_gone(world, self._storage, name)

    async def forget(self, world: str) -> None:
        """Delete all keys of a world. Raises StorageError."""
        keys = await own_keys(self._storage, f"{KEY_PREFIX}{world}/", OWN_KEY)
        await self._storage.delete_many(keys)


async def digest_of(body: bytes) -> str:
    """Return a hash of all bytes of a body; a large one is hashed in a thread."""
    if len(body) <= INLINE_BYTES:
        return _digest(body)
    return await asyncio.to_thread(_digest, body)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _record_key(world: World, key: str) -> str:
    return f"{KEY_PREFIX}{world.name}/{hashlib.sha256(key.encode()).hexdigest()}"
