"""Answers given before the request's body was read, as Go's server gives them.

It reads on and discards up to 256 KiB, so that the connection can be used again; where more is to
come, the answer says `Connection: close`, and the connection is closed only once the client has
stopped sending: closing earlier resets it, and the client loses the answer.
"""

from __future__ import annotations

import asyncio
import contextlib

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fake_apimart import incoming_body
from fake_apimart.incoming_body import IncomingBody

DISCARDED_BYTES = 256 * 1024
IDLE_SECONDS = 5.0
LINGER_SECONDS = 30.0


class EarlyAnswer:
    """Wraps an application, which then need not read what it does not want."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body: IncomingBody | None = scope.get(incoming_body.SCOPE_KEY)
        if body is None:
            await self._app(scope, receive, send)
        else:
            await self._app(scope, body.receive, _Answer(body, send).send)


class _Answer:
    """The answer to a request that has a body."""

    __slots__ = ("_body", "_lingers", "_send")

    def __init__(self, body: IncomingBody, send: Send) -> None:
        self._body = body
        self._send = send
        self._lingers = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if not self._body.has_ended:
                await self._settle_body(message)
        elif self._lingers and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._discard(None, LINGER_SECONDS)
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _settle_body(self, start: Message) -> None:
        """Before an answer begins: let the body end, or say that the connection will."""
        headers = MutableHeaders(scope=start)
        was_asked_for = self._body.was_asked_for
        if "connection" not in headers and was_asked_for:
            await self._discard(DISCARDED_BYTES, IDLE_SECONDS)
        if not self._body.has_ended:
            headers["Connection"] = "close"
            # A client that waits for `100 Continue` sends nothing once it has the answer.
            self._lingers = was_asked_for

    async def _discard(self, limit: int | None, seconds: float) -> None:
        """Read the body to its end, or until `limit` bytes, a pause, or `seconds` have passed."""
        discarded = 0
        with contextlib.suppress(TimeoutError, ClientDisconnect):
            async with asyncio.timeout(seconds):
                while not self._body.has_ended and (limit is None or discarded <= limit):
                    async with asyncio.timeout(IDLE_SECONDS):
                        chunks = await self._body.take()
                    discarded += sum(map(len, chunks))
