"""Lets a file expire before its time, for tests: now, by its world's clock."""

from __future__ import annotations

from fake_apimart_storage import DamagedObject, Listed, ObjectNotFound, Storage, StoredObject

from fake_apimart.files.stored_file import EXPIRES_AT, StoredFile
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import World

_NANOSECONDS_PER_SECOND = 1_000_000_000


class FileHasExpired(Exception):
    """The file's URL is dead already."""


async def expire(storage: Storage, state: State, world: World, key: str) -> Listed:
    """Let a file of `world` expire, and return it as it is then.

    Its bytes stay in the storage as long as they would have, but where that is full. Raises
    ObjectNotFound, also where it is another world's, FileHasExpired, StorageError, StateError.
    """
    async with await open_file(storage, world, key) as stored:
        now_ns = world.clock.time_ns()
        if not StoredFile.from_info(stored.info).is_alive(now_ns):
            raise FileHasExpired
        expires_at = str(now_ns // _NANOSECONDS_PER_SECOND)
        metadata = {**stored.info.metadata, EXPIRES_AT: expires_at}
        info = stored.info._replace(metadata=metadata)
        await storage.redescribe(stored, info)
    await state.discard_if_gone(world, storage, key)
    await state.settle(world)
    return Listed(key, info, stored.size)


async def open_file(
    storage: Storage, world: World, key: str, *, with_bytes: bool = True
) -> StoredObject:
    """Open a file of `world`. Raises ObjectNotFound, also where it is another world's, InvalidKey.

    Raises StorageError.
    """
    stored = await storage.get(key, with_bytes=with_bytes)
    try:
        if StoredFile.from_info(stored.info).world == world.name:
            return stored
    except DamagedObject:
        # Whose it is, nobody can tell.
        pass
    except BaseException:
        await stored.close()
        raise
    await stored.close()
    raise ObjectNotFound(key)
