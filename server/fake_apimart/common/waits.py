"""Waits that end at shutdown, and pauses of long loops: neither the exit nor others are held up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Iterable
from typing import Any, TypeVar

BATCH = 50
"""Items between two pauses, where each takes some 10 microseconds."""
HEAVY_BATCH = 5
"""Items between two pauses, where each takes some 100 microseconds."""

Item = TypeVar("Item")


async def pause(seconds: float, stopping: asyncio.Event) -> None:
    """Wait `seconds`, or until `stopping` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return


async def wait_for_event(event: Awaitable[Any], stopping: asyncio.Event) -> None:
    """Wait for `event`, or until `stopping` is set; `event` is then cancelled.

    Raises what `event` raises.
    """
    await first_of(event, stopping.wait())


async def first_of(*events: Awaitable[Any]) -> None:
    """Wait until one of `events` has come, and cancel the others. Raises what the one raises."""
    awaited = [asyncio.ensure_future(event) for event in events]
    try:
        done, _ = await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
        for event in done:
            event.result()
    finally:
        for event in awaited:
            event.cancel()


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
