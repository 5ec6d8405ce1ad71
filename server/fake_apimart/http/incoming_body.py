"""The body of a request between the connection, which receives it, and the handler that reads it.

A chunk that came from the socket is the very object that the form's parser looks through and the
storage writes: nothing is copied on the way.
"""

from __future__ import annotations

import asyncio

from fake_apimart_storage import Chunk
from starlette.requests import ClientDisconnect
from starlette.types import Message

from fake_apimart.go.textproto import EOF
from fake_apimart.http.flow_control import FlowControl

ENOUGH_BYTES = 128 * 1024
"""No reader has to wait for more than these bytes before it takes what has arrived."""

HIGHEST_WATER_BYTES = 8 * ENOUGH_BYTES
"""The most bytes that one connection may hold for a reader that has not taken them yet."""

RECEIVED_BYTES = 4 * 1024 * 1024
"""About as many bytes as all connections together may hold for readers."""

MOST_CHUNKS = 64
"""A client that sends byte by byte must not cost an object per byte."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def high_water(connections: int) -> int:
    """Return how many bytes each of so many connections may hold, and read of a large body at once.

    Few connections get much, since each read costs a turn of the event loop. Among many, all others
    would wait for that long.
    """
    share = RECEIVED_BYTES // max(1, connections)
    return max(ENOUGH_BYTES, min(HIGHEST_WATER_BYTES, share))


class IncomingBody:
    """Chunks that were received and not yet taken.

    `length` is the announced one in bytes, None for a body in chunks. From `high_water` bytes on,
    nothing more is read from the socket. A client that `expects_continue` sends nothing until
    somebody wants to take, from when on the body `is_requested`; it `is_awaited` while a reader
    waits for more. `ending` says how a body ended that has ended, in Go's words; EOF is the
    ordinary end.
    """

    __slots__ = (
        "_arrived",
        "_chunks",
        "_flow",
        "_high_water",
        "_is_abandoned",
        "_is_complete",
        "_length",
        "_size",
        "_taken",
        "_transport",
        "_wanted",
        "_was_end_received",
        "ending",
        "expects_continue",
        "is_awaited",
        "is_requested",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        flow: FlowControl,
        high_water: int,
        *,
        length: int | None,
        expects_continue: bool,
    ) -> None:
        self.ending = EOF
        self.expects_continue = expects_continue
        self.is_awaited = False
        self.is_requested = not expects_continue
        self._transport = transport
        self._flow = flow
        self._high_water = high_water
        self._chunks: list[Chunk] = []
        self._length = length
        self._size = 0
        self._taken = 0
        self._wanted = 1
        self._arrived = asyncio.Event()
        self._is_complete = False
        self._is_abandoned = False
        self._was_end_received = False

    @property
    def has_ended(self) -> bool:
        """Whether all that there will ever be has been taken."""
        return self._is_complete and not self._chunks

    @property
    def is_complete(self) -> bool:
        """Whether the connection has received all of it."""
        return self._is_complete

    @property
    def untaken_bytes(self) -> int | None:
        """How many bytes are still to be taken, None for a body in chunks."""
        return None if self._length is None else self._length - self._taken

    @property
    def received_bytes(self) -> int:
        """How many bytes have come for a reader."""
        return self._taken + self._size

    def put(self, chunk: Chunk) -> None:
        """Add a chunk that the connection has received."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size >= self._high_water:
            self._flow.pause_reading()
        if self._is_enough:
            self._arrived.set()

    def end(self, ending: str = EOF) -> None:
        """Mark the body as complete; `ending` is the reason in Go's words."""
        self.ending = ending
        self._is_complete = True
        # What comes now is no longer the reader's, and a client that leaves is to be noticed.
        self._flow.resume_reading()
        self._arrived.set()

    def abandon(self) -> None:
        """Make readers raise ClientDisconnect: the client is gone, or has its whole answer."""
        self._is_abandoned = True
        self._arrived.set()

    @property
    def _is_enough(self) -> bool:
        return self._size >= self._wanted or len(self._chunks) >= MOST_CHUNKS

    async def take(self, at_least: int = 1) -> list[Chunk]:
        """Return what has arrived, in order, once it is some `at_least` bytes or the body's end.

        Raises ClientDisconnect.
        """
        if not self.is_requested and not self._transport.is_closing():
            self._transport.write(_CONTINUE)
            self.is_requested = True
        self._wanted = min(at_least, ENOUGH_BYTES)
        while not (self._is_enough or self._is_complete or self._is_abandoned):
            self._flow.resume_reading()
            self.is_awaited = True
            try:
                await self._next_change()
            finally:
                self.is_awaited = False
        if self._is_abandoned:
            raise ClientDisconnect
        self._taken += self._size
        chunks, self._chunks, self._size = self._chunks, [], 0
        if not self._is_complete:
            self._flow.resume_reading()
        return chunks if len(chunks) <= MOST_CHUNKS else [b"".join(chunks)]

    async def receive(self) -> Message:
        """Return the next ASGI message: the body's, and after its end `http.disconnect`."""
        while self._was_end_received and not self._is_abandoned:
            await self._next_change()
        try:
            chunks = await self.take()
        except ClientDisconnect:
            return {"type": "http.disconnect"}
        self._was_end_received = self.has_ended
        return {
            "type": "http.request",
            "body": b"".join(chunks),
            "more_body": not self._was_end_received,
        }

    async def _next_change(self) -> None:
        self._arrived.clear()
        await self._arrived.wait()
