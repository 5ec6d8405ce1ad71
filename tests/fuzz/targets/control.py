"""Bodies of the control API: taken or refused with a reason, and never a fault of the server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fake_apimart import create_app
from fake_apimart.settings.settings import Settings
from starlette.types import ASGIApp, Message

PATHS = ("/_fake/faults", "/_fake/clock", "/_fake/world", "/_fake/reset")
METHODS = {"/_fake/world": "PATCH"}


def run(data: bytes) -> None:
    """Take the first byte for the operation and whose world it is about."""
    _server.run(sum(data[:1]), data[1:])


class _Server:
    """An application that runs as long as the process, on a loop of its own."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._app: ASGIApp

    def run(self, choice: int, body: bytes) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            app = create_app(Settings(storage="memory://"))
            self._app = app
            # Kept: what ends with it would stop the application.
            self._lifespan = app.router.lifespan_context(app)
            self._loop.run_until_complete(self._lifespan.__aenter__())
        self._loop.run_until_complete(self._call(choice, body))

    async def _call(self, choice: int, body: bytes) -> None:
        path = PATHS[choice % len(PATHS)]
        key = choice // len(PATHS) % 2 == 0
        status, answer = await self._ask(METHODS.get(path, "POST"), path, body, has_key=key)
        assert status < 500, (path, status, answer)
        json.loads(answer)
        status, answer = await self._ask("GET", "/_fake/requests", b"", has_key=key)
        assert status == 200, answer
        json.loads(answer)

    async def _ask(
        self, method: str, path: str, body: bytes, *, has_key: bool
    ) -> tuple[int, bytes]:
        headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
        if has_key:
            headers.append((b"authorization", b"Bearer sk-fuzz"))
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8080),
        }
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


_server = _Server()
