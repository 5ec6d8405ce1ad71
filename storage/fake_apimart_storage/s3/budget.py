"""How much all uploads together may hold in memory on their way to the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from fake_apimart_storage.interface import StorageError


class Budget:
    """`limit` bytes for all parts that are collected or under way.

    Parts go out whole, so that many which are half collected could use up the limit and wait for
    each other for ever. Hence the last `reserve` bytes, as many as one part has, are for one part
    at a time, which can then be completed, and frees what it held when the store has it.
    """

    def __init__(self, limit: int, reserve: int) -> None:
        self._free = limit
        self._reserve = reserve
        self._owner: object | None = None
        self._waiting: deque[tuple[object, int, asyncio.Future[None]]] = deque()

    async def take(self, part: object, size: int, seconds: float) -> None:
        """Wait until `part` may hold `size` bytes more. Raises StorageError after `seconds`."""
        if self._granted(part, size):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (part, size, waiter)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():
                self._free += size
                self._wake()
            else:
                with contextlib.suppress(ValueError):
                    self._waiting.remove(entry)
            if isinstance(error, TimeoutError):
                raise StorageError("too many uploads wait for the store") from error
            raise

    def _granted(self, part: object, size: int) -> bool:
        if self._free - size < self._reserve and self._owner is not part:
            if self._owner is not None:
                return False
            self._owner = part
        self._free -= size
        return True

    def give_back(self, part: object, size: int) -> None:
        """`part` no longer holds any of its `size` bytes."""
        self._free += size
        if self._owner is part:
            self._owner = None
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            part, size, waiter = self._waiting[0]
            if not waiter.done() and not self._granted(part, size):
                return
            self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
