"""The memory budget of all uploads in flight to the store."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from fake_apimart_storage.interface import StorageError
from fake_apimart_storage.s3.connection.patience import Pool, Progress, wait_while_moving


class Budget:
    """A fair semaphore of `limit` bytes for all parts that are being collected or sent.

    Memory is waited for as long as `uploads` get on.

    Parts are sent whole, so that many half-collected parts could use up the limit and deadlock.
    Hence only one part at a time, the owner, may use the last `reserve` bytes, the size of a part:
    it can always be completed, and frees its bytes once the store has it.
    """

    def __init__(self, limit: int, reserve: int, uploads: Pool) -> None:
        self._uploads = uploads
        self._free = limit
        self._reserve = reserve
        self._owner: object | None = None
        self._waiters: deque[tuple[object, int, asyncio.Future[None]]] = deque()

    async def acquire(self, part: object, size: int) -> None:
        """Wait until `part` may hold `size` more bytes. Raises StorageError."""
        if self._try_acquire(part, size):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (part, size, waiter)
        self._waiters.append(entry)
        try:
            await wait_while_moving(waiter, Progress(self._uploads))
        except BaseException as error:
            if waiter.done() and not waiter.cancelled():
                self._free += size
                self._wake_waiters()
            else:
                with contextlib.suppress(ValueError):
                    self._waiters.remove(entry)
            if isinstance(error, TimeoutError):
                raise StorageError("too many uploads wait for the store") from error
            raise

    def _try_acquire(self, part: object, size: int) -> bool:
        if self._free - size < self._reserve and self._owner is not part:
            if self._owner is not None:
                return False
            self._owner = part
        self._free -= size
        return True

    def release(self, part: object, size: int) -> None:
        """Release all `size` bytes that `part` holds."""
        self._free += size
        if self._owner is part:
            self._owner = None
        self._wake_waiters()

    def _wake_waiters(self) -> None:
        while self._waiters:
            part, size, waiter = self._waiters[0]
            if not waiter.done() and not self._try_acquire(part, size):
                return
            self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
