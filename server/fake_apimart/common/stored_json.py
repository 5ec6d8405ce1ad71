"""Small JSON objects in the storage that holds the files."""

from __future__ import annotations

from fake_apimart_storage import ObjectInfo, ObjectNotFound, Storage

_NANOSECONDS = 1_000_000_000


async def write_json(
    storage: Storage, key: str, text: bytes, now_ns: int, life_seconds: int
) -> None:
    """Put `text` under `key`, in place of what is there. Raises StorageError."""
    created_at = now_ns // _NANOSECONDS
    info = ObjectInfo(key, "application/json", created_at, created_at + life_seconds)
    writer = storage.writer(info)
    try:
        await writer.write([text])
        await writer.commit()
    finally:
        await writer.abort()


async def read_json(storage: Storage, key: str, now_ns: int) -> bytes | None:
    """What is under `key`; None where nothing is, or what is there has expired.

    Raises StorageError.
    """
    try:
        stored = await storage.get(key)
    except ObjectNotFound:
        return None
    async with stored:
        if now_ns >= stored.info.expires_at * _NANOSECONDS:
            return None
        return b"".join([chunk async for chunk in stored.chunks(0, stored.size)])
