"""The keys of a bucket that are ours to look at."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from fake_apimart_storage.keys import is_portable
from fake_apimart_storage.s3.batches.store import Store
from fake_apimart_storage.s3.connection.failure import field_of


class FoundKey(NamedTuple):
    """A key without the prefix of the storage, and when it was written, in Unix seconds.

    None where the store does not say.
    """

    key: str
    written: float | None


async def pages_below(
    store: Store, bucket: str, own_prefix: str, prefix: str
) -> AsyncGenerator[list[FoundKey]]:
    """Yield the keys with `prefix` behind `own_prefix`, page by page. Raises StorageError.

    Folders, and other names that no object of a storage has, are left out: they are other people's.
    """
    pages = store.client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=own_prefix + prefix
    )
    pending = iter(pages)
    while (page := await store.batch_calls(lambda: next(pending, None))) is not None:
        found = (_found(each, own_prefix) for each in page.get("Contents", ()))
        # A store may also list what was not asked for.
        yield [each for each in found if each.key.startswith(prefix) and is_portable(each.key)]


def _found(listed: Any, own_prefix: str) -> FoundKey:
    """Return a key; one that is not below the prefix is empty."""
    whole = str(field_of(listed, "Key"))
    key = whole.removeprefix(own_prefix) if whole.startswith(own_prefix) else ""
    written = listed["LastModified"].timestamp() if "LastModified" in listed else None
    return FoundKey(key, written)
