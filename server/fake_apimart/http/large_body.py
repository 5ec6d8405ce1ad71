"""The rest of a large body, received into memory that is used again.

A connection's usual protocol is given an object made anew for each read, into which the event loop
copies what it read. This takes its place until the body's last byte, and reads nothing behind it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from fake_apimart_storage import Chunk

from fake_apimart.http.receive_buffers import BUFFER_BYTES, ReceiveBuffers

# On Windows asyncio reads as much as it likes, and copies it out.
LARGE_BYTES = 256 * 1024 if sys.platform != "win32" else sys.maxsize
"""A body of which this is still to come is large."""

_BUFFERS = ReceiveBuffers()


class LargeBody(asyncio.BufferedProtocol):
    """In place of the `usual` protocol: the next `left` bytes, chunk by chunk to `on_chunk`.

    Not more than `at_once` bytes are read at once. A chunk that is a memoryview shows a bytearray,
    from its first byte on.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        usual: asyncio.Protocol,
        left: int,
        at_once: int,
        on_chunk: Callable[[Chunk], None],
    ) -> None:
        self._transport = transport
        self._usual = usual
        self._left = left
        self._at_once = min(at_once, BUFFER_BYTES)
        self._on_chunk = on_chunk
        self._buffer: memoryview | None = None

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._buffer is None:
            self._buffer = _BUFFERS.lend(min(self._at_once, self._left))
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        assert self._buffer is not None
        chunk: Chunk = self._buffer[:nbytes]
        self._buffer = None
        self._left -= nbytes
        if not self._left:
            self._transport.set_protocol(self._usual)
        # A client that sends little at a time must not cost a buffer for each bit.
        self._on_chunk(chunk if nbytes >= self._at_once // 2 else bytes(chunk))

    def eof_received(self) -> bool | None:
        return self._usual.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._usual.connection_lost(exc)

    def pause_writing(self) -> None:
        self._usual.pause_writing()

    def resume_writing(self) -> None:
        self._usual.resume_writing()
