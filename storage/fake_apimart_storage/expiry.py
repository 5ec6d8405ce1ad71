"""Deleting what has expired, on any storage that can list its objects."""

from __future__ import annotations

from fake_apimart_storage.interface import Storage


async def delete_expired(storage: Storage, now: float) -> int:
    """Delete every object whose `expires_at` is not after `now`, in Unix seconds.

    Gives back how many were deleted. Raises StorageError.
    """
    expired = [info.key async for info in storage.entries() if info.expires_at <= now]
    for key in expired:
        await storage.delete(key)
    return len(expired)
