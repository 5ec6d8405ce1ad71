"""Locks among the requests of one server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fake_apimart.worlds.state.locks import Locks


class MemoryLocks(Locks):
    """Locks of asyncio, each there as long as anybody wants it."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}
        self._places: dict[str, set[str]] = {}

    @contextlib.asynccontextmanager
    async def holding(self, name: str) -> AsyncIterator[None]:
        lock, users = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(name)
            if users > 1:
                self._locks[name] = lock, users - 1

    async def occupy(self, name: str, holder: str, places: int, seconds: float) -> bool:
        holders = self._places.setdefault(name, set())
        if holder not in holders and len(holders) >= places:
            return False
        holders.add(holder)
        return True

    async def vacate(self, name: str, holder: str | None = None) -> None:
        holders = self._places.get(name, set())
        holders.difference_update([*holders] if holder is None else [holder])
        if not holders:
            self._places.pop(name, None)

    async def claim(self, name: str, seconds: float) -> bool:
        """Return True: nobody else is there to do it."""
        return True
