"""A load balancer without HTTP: each connection goes to the next of several servers."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

_READ_BYTES = 65_536


class Balancer:
    """Spreads connections over the servers at `urls`, in turn, as long as it is entered.

    One that refuses a connection is passed over. `urls` may change meanwhile.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = list(urls)
        self._turns = itertools.count()
        self._serving: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(self._start(), self._loop)
        self.url = started.result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _stop(self) -> None:
        self._server.close()
        running = list(self._serving)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        to_server = await self._connect()
        try:
            if to_server is not None:
                pumps = _pump(reader, to_server[1]), _pump(to_server[0], writer)
                await asyncio.gather(*pumps)
        except (OSError, asyncio.CancelledError):
            # What a server resets is reset for the client too.
            writer.transport.abort()
        finally:
            writer.close()
            if to_server is not None:
                to_server[1].close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in range(len(self.urls)):
            parts = urlsplit(self.urls[next(self._turns) % len(self.urls)])
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(parts.hostname, parts.port)
        return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on all that comes, and the end of it."""
    while chunk := await reader.read(_READ_BYTES):
        writer.write(chunk)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
