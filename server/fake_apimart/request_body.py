"""The body of a request as it arrives, and how it ended."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from fake_apimart.go.form import BODY_TOO_LARGE
from fake_apimart.go.textproto import EOF

BROKEN_BODY = "fake_apimart.broken_body"
"""Scope key: the error text of a body that ended otherwise than announced, in Go's words."""


class RequestBody:
    """Iterate over it once; `ending` then says how the body ended, in Go's words: EOF is well.

    Not more than `max_bytes` are handed on. Raises ClientDisconnect.
    """

    def __init__(self, scope: Scope, receive: Receive, max_bytes: int) -> None:
        self.ending = EOF
        self._scope = scope
        self._receive = receive
        self._left = max_bytes

    @property
    def is_too_large(self) -> bool:
        return self.ending == BODY_TOO_LARGE

    async def read(self) -> bytes:
        """All of it. Raises ClientDisconnect."""
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            more = message.get("more_body", False)
            if len(chunk) > self._left:
                self.ending = BODY_TOO_LARGE
                yield chunk[: self._left]
                return
            self._left -= len(chunk)
            if chunk:
                yield chunk
        self.ending = self._scope.get(BROKEN_BODY, EOF)
