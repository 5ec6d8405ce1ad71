"""Small JSON objects in the same storage as the files."""

from __future__ import annotations

from fake_apimart_storage import ObjectInfo, ObjectNotFound, Storage

_NANOSECONDS = 1_000_000_000


async def write_json(
    storage: Storage, key: str, data: bytes, now_ns: int, ttl_seconds: int
) -> None:
    """Write `data`, encoded JSON, to `key`, replacing what is there. Raises StorageError.

    The object is created at `now_ns` nanoseconds and expires `ttl_seconds` later.
    """
    created_at = now_ns // _NANOSECONDS
    info = ObjectInfo(key, "application/json", created_at, created_at + ttl_seconds)
    writer = storage.writer(info)
    try:
        await writer.write([data])
        await writer.commit()
    finally:
        await writer.abort()


async def read_json(storage: Storage, key: str, now_ns: int) -> bytes | None:
    """Return the encoded JSON under `key`, or None if there is none or it has expired.

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
