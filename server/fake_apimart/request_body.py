"""The body of a request as it arrives, and how it ended."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.types import Scope

from fake_apimart import incoming_body
from fake_apimart.go.form import BODY_TOO_LARGE
from fake_apimart.go.textproto import EOF
from fake_apimart.incoming_body import HIGH_WATER_BYTES, IncomingBody

BROKEN_BODY = "fake_apimart.broken_body"
"""Scope key: the error text of a body that ended otherwise than announced, in Go's words."""


class RequestBody:
    """Iterate over it once, over the chunks that have arrived each time; `ending` then says how the
    body ended, in Go's words: EOF is well.

    Not more than `max_bytes` are handed on. Raises ClientDisconnect.
    """

    def __init__(self, scope: Scope, max_bytes: int) -> None:
        self.ending = EOF
        self._scope = scope
        self._left = max_bytes

    @property
    def is_too_large(self) -> bool:
        return self.ending == BODY_TOO_LARGE

    async def read(self) -> bytes:
        """All of it. Raises ClientDisconnect."""
        return b"".join([chunk async for chunks in self for chunk in chunks])

    async def __aiter__(self) -> AsyncIterator[list[bytes]]:
        body: IncomingBody | None = self._scope.get(incoming_body.SCOPE_KEY)
        while body is not None and not body.has_ended:
            chunks = await body.take(HIGH_WATER_BYTES)
            size = sum(map(len, chunks))
            if size > self._left:
                self.ending = BODY_TOO_LARGE
                yield [b"".join(chunks)[: self._left]]
                return
            self._left -= size
            yield chunks
        self.ending = self._scope.get(BROKEN_BODY, EOF)
