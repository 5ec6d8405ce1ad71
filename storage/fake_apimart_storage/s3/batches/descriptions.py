"""Descriptions of many objects, several at once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from fake_apimart_storage.batches import Attempts, in_parallel
from fake_apimart_storage.interface import DamagedObject, Listed, ObjectNotFound, StorageError
from fake_apimart_storage.s3.batches.store import Store
from fake_apimart_storage.s3.connection.failure import code_of, field_of
from fake_apimart_storage.s3.metadata import from_metadata

_MISSING = "404"


async def describe(store: Store, keys: Sequence[str], at_once: int) -> AsyncGenerator[Listed]:
    """Yield a description of each object that is there, `at_once` of which are asked for.

    One that cannot be read does not keep the others. Raises StorageError.
    """

    async def described(key: str) -> Listed | None:
        return await _described(store, key)

    attempts = Attempts(StorageError)
    async for outcome in in_parallel(keys, described, at_once):
        listed = None
        with attempts:
            listed = outcome.result()
        if listed is not None:
            yield listed
    attempts.end()


async def _described(store: Store, key: str) -> Listed | None:
    """Return the description of an object, or None where there is none. Raises StorageError."""
    target = store.target(key)
    try:
        head: Any = await store.batch_calls(store.reads.head, key=target["Key"])
    except ObjectNotFound:
        return None
    except StorageError as error:
        # An answer to HEAD has no body, so that its code is the status. The key was listed: it is
        # gone meanwhile, and a bucket that is gone fails the next listing.
        if code_of(error.__cause__ or error) == _MISSING:
            return None
        raise
    try:
        info = from_metadata(key, head.get("ContentType", ""), head.get("Metadata", {}))
    except DamagedObject as problem:
        store.note_damage(key, str(problem))
        return Listed(key, None)
    return Listed(key, info, field_of(head, "ContentLength"))
