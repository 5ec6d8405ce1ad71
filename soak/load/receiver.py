"""The receiver of callbacks: an HTTP server that refuses the first try of some."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from typing import Any, Self

REFUSED = 0.05
_LIMIT_BYTES = 1 << 20


class Receiver:
    """Keeps the object of each callback by the task's id. Refused callbacks do not count."""

    def __init__(self, rng: random.Random) -> None:
        self._random = rng
        self._server: asyncio.Server | None = None
        self.received: dict[str, list[dict[str, Any]]] = {}
        self.refused: set[str] = set()
        self.is_refusing = True
        self.count = 0
        self._came = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LIMIT_BYTES)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def url(self) -> str:
        """The webhook to give to the server."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hooks"

    async def wait_for(self, task_id: str, seconds: float) -> None:
        """Wait until a callback of the task has come, for at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while task_id not in self.received:
                    self._came.clear()
                    await self._came.wait()

    def forget(self, task_id: str) -> None:
        """Drop what has come for a task."""
        self.received.pop(task_id, None)
        self.refused.discard(task_id)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                status = self._take(json.loads(await reader.readexactly(length)))
                writer.write(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status)
                await writer.drain()
        writer.close()

    def _take(self, task: dict[str, Any]) -> bytes:
        self.count += 1
        task_id = str(task.get("id"))
        is_first = task_id not in self.refused and task_id not in self.received
        if self.is_refusing and is_first and self._random.random() < REFUSED:
            self.refused.add(task_id)
            return b"503 Service Unavailable"
        self.received.setdefault(task_id, []).append(task)
        self._came.set()
        return b"200 OK"
