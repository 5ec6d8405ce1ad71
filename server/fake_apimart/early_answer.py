"""Answers given before the request's body was read, as Go's server gives them.

It reads on and discards up to 256 KiB, so that the connection can be used again; where more is to
come, the answer says `Connection: close`, and the connection is closed only once the client has
stopped sending: closing earlier resets it, and the client loses the answer.
"""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DISCARDED_BYTES = 256 * 1024
IDLE_SECONDS = 5.0
LINGER_SECONDS = 30.0

_BODY_HEADERS = (b"content-length", b"transfer-encoding")


class EarlyAnswer:
    """Wraps an application, which then need not read what it does not want."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if _has_body(scope):
            exchange = _Exchange(Headers(scope=scope), receive, send)
            await self._app(scope, exchange.receive, exchange.send)
        else:
            await self._app(scope, receive, send)


def _has_body(scope: Scope) -> bool:
    return any(name in _BODY_HEADERS for name, _ in scope["headers"])


class _Exchange:
    """One request and its answer, between the server and the application."""

    def __init__(self, headers: Headers, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._body_ended = False
        self._body_asked_for = headers.get("expect", "").lower() != "100-continue"
        self._lingers = False

    async def receive(self) -> Message:
        self._body_asked_for = True
        message = await self._receive()
        self._body_ended = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._settle_body(message)
            await self._send(message)
        elif self._lingers and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._discard(None, LINGER_SECONDS)
            await self._send({"type": "http.response.body", "body": b""})
        else:
            await self._send(message)

    async def _settle_body(self, start: Message) -> None:
        """Before an answer begins: let the body end, or say that the connection will."""
        headers = MutableHeaders(scope=start)
        if not self._body_ended and "connection" not in headers and self._body_asked_for:
            await self._discard(DISCARDED_BYTES, IDLE_SECONDS)
        if not self._body_ended:
            headers["Connection"] = "close"
            # A client that waits for `100 Continue` sends nothing once it has the answer.
            self._lingers = self._body_asked_for

    async def _discard(self, limit: int | None, seconds: float) -> None:
        """Read the body to its end, or until `limit` bytes, a pause, or `seconds` have passed."""
        discarded = 0
        try:
            async with asyncio.timeout(seconds):
                while not self._body_ended and (limit is None or discarded <= limit):
                    async with asyncio.timeout(IDLE_SECONDS):
                        message = await self.receive()
                    discarded += len(message.get("body", b""))
        except TimeoutError:
            return
