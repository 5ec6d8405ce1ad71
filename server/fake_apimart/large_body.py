"""The rest of a large body, received into memory that is used again.

A connection's usual protocol is given an object made anew for each read, into which the event loop
copies what it read. This takes its place until the body's last byte, and reads nothing behind it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

from fake_apimart_storage import Chunk

from fake_apimart.receive_buffers import BUFFER_BYTES, ReceiveBuffers

# On Windows asyncio reads as much as it likes, and copies it out.
LARGE_BYTES = BUFFER_BYTES if sys.platform != "win32" else sys.maxsize
"""A body of which this is still to come is large."""

KEPT_BYTES = BUFFER_BYTES * 3 // 4
"""Less than this is copied out of its buffer: else a client that sends little at a time would keep
a buffer for each bit."""

_BUFFERS = ReceiveBuffers()


class LargeBody(asyncio.BufferedProtocol):
    """In place of the `usual` protocol: the next `left` bytes, chunk by chunk to `on_chunk`.

    A chunk that is a memoryview shows a bytearray, from its first byte on.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        usual: asyncio.Protocol,
        left: int,
        on_chunk: Callable[[Chunk], None],
    ) -> None:
        self._transport = transport
        self._usual = usual
        self._left = left
        self._on_chunk = on_chunk
        self._buffer: memoryview | None = None

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._buffer is None:
            self._buffer = _BUFFERS.lend()[: self._left]
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        assert self._buffer is not None
        chunk: Chunk = self._buffer[:nbytes]
        self._buffer = None
        self._left -= nbytes
        if not self._left:
            self._transport.set_protocol(self._usual)
        self._on_chunk(chunk if nbytes >= KEPT_BYTES else bytes(chunk))

    def eof_received(self) -> bool | None:
        return self._usual.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._usual.connection_lost(exc)

    def pause_writing(self) -> None:
        self._usual.pause_writing()

    def resume_writing(self) -> None:
        self._usual.resume_writing()
