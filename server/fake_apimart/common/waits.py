"""Waiting that ends with the server: nothing that stands still on purpose may delay its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any


async def pause(seconds: float, stopping: asyncio.Event) -> None:
    """Wait `seconds`, or until `stopping` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        return


async def until(event: Awaitable[Any], stopping: asyncio.Event) -> None:
    """Wait for `event`, or until `stopping` is set."""
    waited_for = {asyncio.ensure_future(event), asyncio.ensure_future(stopping.wait())}
    try:
        await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waited_for:
            each.cancel()
