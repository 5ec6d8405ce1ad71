"""What a handler reads of a request's body, whatever server received it.

Under our own protocol the connection fills an IncomingBody; under another ASGI server a
StreamedBody takes what its `receive` hands on.
"""

from __future__ import annotations

from typing import Protocol

from fake_apimart_storage import Chunk
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from fake_apimart.go.textproto import EOF
from fake_apimart.http.incoming_body import ENOUGH_BYTES
from fake_apimart.net_http.form import BODY_TOO_LARGE


class Body(Protocol):
    """The body of a request as it arrives, by whatever server.

    `ending` says how it ended once `has_ended`, in Go's words; EOF is the ordinary end.
    """

    @property
    def has_ended(self) -> bool: ...

    @property
    def ending(self) -> str: ...

    async def take(self, at_least: int = 1) -> list[Chunk]:
        """Return what has arrived. Raises ClientDisconnect."""


class LimitedBody:
    """Hand on at most `max_bytes` of `body`, which is None for a request without one.

    Take chunks until there are none; `ending` then says in Go's words how the body ended.
    """

    def __init__(self, body: Body | None, max_bytes: int) -> None:
        self.ending = EOF
        self._body = body
        self._left = max_bytes

    @property
    def is_too_large(self) -> bool:
        """Whether there was more than is handed on."""
        return self.ending == BODY_TOO_LARGE

    async def read(self) -> bytes:
        """Return all of it. Raises ClientDisconnect."""
        read: list[Chunk] = []
        while chunks := await self.take():
            read += chunks
        return b"".join(read)

    async def take(self, at_least: int = ENOUGH_BYTES) -> list[Chunk]:
        """Return what has arrived since, once it is some `at_least` bytes; nothing at the end.

        Raises ClientDisconnect.
        """
        body = self._body
        if body is None:
            return []
        chunks: list[Chunk] = []
        while not chunks and not body.has_ended:
            chunks = await body.take(at_least)
        if not chunks:
            self.ending = body.ending
            return []
        self._left -= sum(map(len, chunks))
        if self._left >= 0:
            return chunks
        self.ending = BODY_TOO_LARGE
        self._body = None
        return [b"".join(chunks)[: self._left]]


class StreamedBody:
    """The body under a foreign ASGI server, read by `take` or, as plain ASGI, by `receive`.

    `is_requested` is true after the first read. Why a body was truncated is unknown here: such
    servers report a disconnect.
    """

    __slots__ = ("_receive", "ending", "has_ended", "is_requested")

    def __init__(self, receive: Receive) -> None:
        self.ending = EOF
        self.has_ended = False
        self.is_requested = False
        self._receive = receive

    async def receive(self) -> Message:
        """Return the server's next message."""
        self.is_requested = True
        message = await self._receive()
        self.has_ended = not message.get("more_body", False)
        return message

    async def take(self, at_least: int = 1) -> list[Chunk]:
        """Return what the next message holds, however little. Raises ClientDisconnect."""
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        return [chunk] if chunk else []
