"""The server's start and end, as ASGI tells an application of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.types import ASGIApp, Receive, Scope, Send


class Lifespan:
    """Runs `life` around all that the server does; everything else is `app`'s.

    `stopping` is set once no more requests are taken, for those that would wait for long.
    """

    def __init__(
        self,
        app: ASGIApp,
        life: Callable[[], AbstractAsyncContextManager[None]],
        stopping: asyncio.Event,
    ) -> None:
        self._app = app
        self._life = life
        self.stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        await receive()
        async with self._life():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
