"""The body of a request as it arrives, and how it ended."""

from __future__ import annotations

from fake_apimart_storage import Chunk
from starlette.types import Scope

from fake_apimart.go.form import BODY_TOO_LARGE
from fake_apimart.go.textproto import EOF
from fake_apimart.http import incoming_body
from fake_apimart.http.incoming_body import ENOUGH_BYTES, IncomingBody

BROKEN_BODY = "fake_apimart.broken_body"
"""Scope key: the error text of a body that ended otherwise than announced, in Go's words."""


class RequestBody:
    """Take chunks until there are none; `ending` then says how the body ended, in Go's words, of
    which EOF is well.

    Not more than `max_bytes` are handed on. Raises ClientDisconnect.
    """

    def __init__(self, scope: Scope, max_bytes: int) -> None:
        self.ending = EOF
        self._scope = scope
        self._body: IncomingBody | None = scope.get(incoming_body.SCOPE_KEY)
        self._left = max_bytes

    @property
    def is_too_large(self) -> bool:
        return self.ending == BODY_TOO_LARGE

    async def read(self) -> bytes:
        """All of it. Raises ClientDisconnect."""
        read: list[Chunk] = []
        while chunks := await self.take():
            read += chunks
        return b"".join(read)

    async def take(self) -> list[Chunk]:
        """What has arrived since; nothing at the end. Raises ClientDisconnect."""
        chunks: list[Chunk] = []
        while not chunks and self._body is not None and not self._body.has_ended:
            chunks = await self._body.take(ENOUGH_BYTES)
        if not chunks:
            if not self.is_too_large:
                self.ending = self._scope.get(BROKEN_BODY, EOF)
            return []
        self._left -= sum(map(len, chunks))
        if self._left >= 0:
            return chunks
        self.ending = BODY_TOO_LARGE
        self._body = None
        return [b"".join(chunks)[: self._left]]
