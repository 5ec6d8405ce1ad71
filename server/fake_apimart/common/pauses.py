"""Long loops that pause between batches, so that the event loop gets turns for everything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TypeVar

BATCH = 50
"""Items between two pauses, where each takes some 10 microseconds."""
HEAVY_BATCH = 5
"""Items between two pauses, where each takes some 100 microseconds."""

Item = TypeVar("Item")


async def pausing(
    items: Iterable[Item] | AsyncIterable[Item], batch: int = BATCH
) -> AsyncIterator[Item]:
    """Yield `items`, and let other tasks run after each `batch` of them.

    An asynchronous iterator alone does not: one that has its items in memory never waits.
    """
    number = 0
    async for item in _asynchronous(items):
        yield item
        number += 1
        if number % batch == 0:
            await asyncio.sleep(0)


async def _asynchronous(items: Iterable[Item] | AsyncIterable[Item]) -> AsyncIterator[Item]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item
