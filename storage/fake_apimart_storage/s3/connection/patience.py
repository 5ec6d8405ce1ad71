"""Patience with the store: how long something is waited for that does not get on.

A transfer over a slow line takes as long as it takes. What counts is when the store's end last took
or gave a byte.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from time import monotonic
from typing import TypeVar

PATIENCE_SECONDS = 20.0

SHARE_OF_LATECOMERS = 1 / 8
"""How much of the patience those have who come when nothing has moved for long."""

T = TypeVar("T")


class GivenUp(Exception):
    """Nobody waits for this transfer any more."""


class Pool:
    """All transfers that wait for the same threads, each at most `seconds` at a stand."""

    def __init__(self, seconds: float = PATIENCE_SECONDS) -> None:
        self.seconds = seconds
        self._moved_at = monotonic()
        self._running = 0
        self._lock = threading.Lock()

    def moved_at(self) -> float:
        """Return when one of them last got on, in seconds of the monotonic clock."""
        return self._moved_at

    def note(self) -> None:
        """Take note that one of them got on."""
        self._moved_at = monotonic()

    def add(self) -> None:
        """Take note of one more."""
        with self._lock:
            if not self._running:
                self._moved_at = monotonic()
            self._running += 1

    def remove(self) -> None:
        """Take note that one has ended."""
        with self._lock:
            self._running -= 1

    def waited_since(self) -> float:
        """Return since when one that begins now counts as waiting, in monotonic seconds.

        Where nothing has moved for long, each step of an upload would else have the whole patience
        once more with a store that hangs.
        """
        now = monotonic()
        latest = now - self.seconds * (1 - SHARE_OF_LATECOMERS)
        return max(self._moved_at, latest) if self._running else now


class Progress:
    """One transfer: in the queue it gets on when the others do, and then by itself.

    One that nobody waits for `is_patient` as if it were the first of its pool.
    """

    def __init__(self, pool: Pool, *, is_patient: bool = False) -> None:
        self.pool = pool
        self._waits_since = monotonic if is_patient else pool.waited_since
        self._moved_at = self._waits_since()
        self._began_at: float | None = None
        self._is_given_up = False

    def moved_at(self) -> float:
        """Return when it last got on, in seconds of the monotonic clock."""
        moved_at, pool_moved_at = self._moved_at, self.pool.moved_at()
        if self._began_at is None:
            return max(moved_at, pool_moved_at)
        # The store was not hanging when this began, it turns out.
        return max(moved_at, self._began_at) if pool_moved_at > self._began_at else moved_at

    def begin(self) -> None:
        """Take note that a thread has taken it up."""
        self._moved_at = max(self._moved_at, self._waits_since())
        self._began_at = monotonic()

    def note(self) -> None:
        """Take note that the store took or gave something. Raises GivenUp where nobody waits."""
        if self._is_given_up:
            raise GivenUp
        self._moved_at = monotonic()
        self.pool.note()

    def give_up(self) -> None:
        """Let the transfer end where it next could get on."""
        self._is_given_up = True


class SharedProgress(Progress):
    """One of several transfers over the same line: it gets on when any of them does.

    The last of its bytes are under way behind those of the others, and so is the answer to them.
    """

    def moved_at(self) -> float:
        return max(super().moved_at(), self.pool.moved_at())


async def wait_while_moving(waiter: Awaitable[T], progress: Progress) -> T:
    """Wait for `waiter`, which is not cancelled. Raises TimeoutError at the end of the patience."""
    future = asyncio.ensure_future(waiter)
    while True:
        moved_at = progress.moved_at()
        try:
            async with asyncio.timeout(moved_at + progress.pool.seconds - monotonic()):
                return await asyncio.shield(future)
        except TimeoutError:
            if future.done() or progress.moved_at() <= moved_at:
                raise
