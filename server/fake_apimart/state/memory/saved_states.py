"""What of worlds outlives a restart, in the storage: clocks, settings, and whether there are tasks.

Each state is a record of its own. One that does not differ from a new world's has none.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from fake_apimart_storage import ObjectNotFound, Storage, StorageError, in_parallel

from fake_apimart.common.clock import Clock
from fake_apimart.common.stored_json import own_keys, read_record, write_json
from fake_apimart.go.json import marshal
from fake_apimart.observability.log import logger_of
from fake_apimart.worlds.world import NAME_PATTERN, SAVED_STATE, SERVER, SavedState

KEY_PREFIX = "world/"
"""Prefix of the storage keys of states; the name of the world follows."""
OWN_KEY = re.compile(rf"{KEY_PREFIX}(?:{SERVER}|{NAME_PATTERN})")
"""The keys under which states are stored."""
SETTLE_SECONDS = (0.5, 1.0, 3.0, 10.0)
"""The pauses before a state is written again, each time, since nobody says when it has settled."""
READ_AT_ONCE = 8
"""How many states are read at the same time."""
LIFE_SECONDS = 3650 * 86_400
"""Lifetime of a state: the longest that a file can have."""

logger = logger_of(__name__)


class SavedStates:
    """The states of all worlds in a storage."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._settling: set[asyncio.Task[None]] = set()

    def settle(self, name: str, save: Callable[[], Awaitable[None]]) -> None:
        """Have a world's present state written again after a write that failed.

        A store may carry out late what it never answered, and put the refused state in its place.
        `save` raises StorageError.
        """
        task = asyncio.create_task(_settle(name, save))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def close(self) -> None:
        """End what is still to settle."""
        for task in self._settling:
            task.cancel()
        if self._settling:
            await asyncio.wait(self._settling)

    async def read(self, name: str) -> SavedState | None:
        """Return the state of a world, or None where it has none. Raises StorageError."""
        return await read_record(self._storage, key_of(name), self._clock.time_ns(), SAVED_STATE)

    async def read_all(self, names: Sequence[str]) -> AsyncIterator[tuple[str, SavedState | None]]:
        """Yield the states of worlds by their names, in any order, as `read` returns them."""

        async def state_of(name: str) -> tuple[str, SavedState | None]:
            return name, await self.read(name)

        async for outcome in in_parallel(names, state_of, READ_AT_ONCE):
            yield outcome.result()

    async def names(self, beginning: str) -> set[str]:
        """Return the names that begin so of worlds with a state. Raises StorageError.

        The server's own is not among them.
        """
        keys = await own_keys(self._storage, key_of(beginning), OWN_KEY)
        return {key.removeprefix(KEY_PREFIX) for key in keys} - {SERVER}

    async def write(self, name: str, state: Mapping[str, Any], *, durable: bool) -> None:
        """Store the state of a world; an empty one is deleted. Raises StorageError.

        Where `durable`, it outlives a power cut.
        """
        if not state:
            await self.delete(name, durable=durable)
            return
        await self._write(key_of(name), marshal(state), durable=durable)

    async def _write(self, key: str, text: bytes, *, durable: bool) -> None:
        now_ns = self._clock.time_ns()
        await write_json(self._storage, key, text, now_ns, LIFE_SECONDS, durable=durable)

    async def delete(self, name: str, *, durable: bool) -> None:
        """Delete the state of a world; where `durable`, for good. Raises StorageError."""
        await self._storage.delete(key_of(name), durable=durable)

    async def delete_all(self, keeps: Callable[[str], bool]) -> None:
        """Delete all states for good, but those of worlds that `keeps` names. Raises StorageError.

        Where one cannot be deleted, all are written again: what is not done leaves
        nothing half done, unless the storage fails at that too.
        """
        keys = [
            key
            for key in await own_keys(self._storage, KEY_PREFIX, OWN_KEY)
            if not keeps(key.removeprefix(KEY_PREFIX))
        ]
        if not keys:
            return
        texts = await self._texts(keys)
        try:
            await self._storage.delete_many(keys[:-1])
            # One folder has them all: the last is synced with those before it.
            await self._storage.delete(keys[-1], durable=True)
        except BaseException:
            await self._write_again(texts)
            raise

    async def _texts(self, keys: list[str]) -> dict[str, bytes]:
        """Return what is stored under each key, as far as it can be read."""

        async def text_of(key: str) -> tuple[str, bytes | None]:
            return key, await self._text(key)

        texts: dict[str, bytes] = {}
        async for outcome in in_parallel(keys, text_of, READ_AT_ONCE):
            key, text = outcome.result()
            if text is not None:
                texts[key] = text
        return texts

    async def _text(self, key: str) -> bytes | None:
        """Return what is stored, or None where it cannot be read, which is no reason to keep it."""
        try:
            async with await self._storage.get(key) as stored:
                return b"".join([chunk async for chunk in stored.chunks(0, stored.size)])
        except (ObjectNotFound, StorageError):
            return None

    async def _write_again(self, deleted: Mapping[str, bytes]) -> None:
        for key, text in deleted.items():
            with contextlib.suppress(StorageError):
                await self._write(key, text, durable=True)
                continue
            logger.error("the clock and the settings of %s end with the process", key)


async def _settle(name: str, save: Callable[[], Awaitable[None]]) -> None:
    for delay in SETTLE_SECONDS:
        await asyncio.sleep(delay)
        try:
            await save()
        except StorageError as error:
            logger.warning("the state of world %s is still to be written: %s", name, error)


def key_of(name: str) -> str:
    """Return the key of the state of a world with this name."""
    return f"{KEY_PREFIX}{name}"
