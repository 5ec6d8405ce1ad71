"""Doing the same for many: in batches, several at once, and so that one keeps no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, TypeVar

MAX_FAILURES = 10
"""How many failures in a row are enough to give up the rest."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Attempts:
    """Attempts, each a `with` block, that may fail by an error of one kind.

    The first failure is raised at the end, or after MAX_FAILURES in a row.
    """

    def __init__(self, kind: type[Exception]) -> None:
        self._kind = kind
        self._failure: Exception | None = None
        self._in_a_row = 0

    def __enter__(self) -> None:
        """Begin an attempt, which is the block."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, self._kind):
            if error is None:
                self._in_a_row = 0
            return False
        self._failure = self._failure or error
        self._in_a_row += 1
        if self._in_a_row >= MAX_FAILURES:
            raise self._failure
        return True

    def end(self) -> None:
        """Raise the first failure, if there was one."""
        if self._failure is not None:
            raise self._failure


async def batches_of(items: AsyncIterable[Item], size: int) -> AsyncGenerator[list[Item]]:
    """Yield the items in lists of `size`; the last may be shorter."""
    batch: list[Item] = []
    async for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


async def in_parallel(
    items: Iterable[Item], work: Callable[[Item], Awaitable[Result]], at_once: int
) -> AsyncGenerator[asyncio.Future[Result]]:
    """Do `work` with each item, with so many `at_once`; yield each outcome as soon as it is there.

    What has not begun when the generator ends never begins.
    """
    rest = iter(items)
    running: set[asyncio.Future[Result]] = set()
    try:
        while True:
            for item in rest:
                begun = asyncio.ensure_future(work(item))
                # Whoever has seen one failure may not look at the others.
                begun.add_done_callback(lambda done: done.cancelled() or done.exception())
                running.add(begun)
                if len(running) >= at_once:
                    break
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for outcome in done:
                yield outcome
    finally:
        await _cancel(running)


async def _cancel(running: set[asyncio.Future[Any]]) -> None:
    for each in running:
        each.cancel()
    if running:
        await asyncio.wait(running)
