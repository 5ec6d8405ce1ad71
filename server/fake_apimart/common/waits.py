"""Waits that end at shutdown: no deliberate wait may delay the server's exit."""

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


async def wait_for_event(event: Awaitable[Any], stopping: asyncio.Event) -> None:
    """Wait for `event`, or until `stopping` is set; `event` is then cancelled.

    Raises what `event` raises.
    """
    awaited = asyncio.ensure_future(event)
    stop = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({awaited, stop}, return_when=asyncio.FIRST_COMPLETED)
        if awaited.done():
            awaited.result()
    finally:
        awaited.cancel()
        stop.cancel()
