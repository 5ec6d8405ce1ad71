"""The rest of a large body, received into memory that is used again.

A connection's usual protocol is given a new object for each read, into which the event loop copies
what it read. A LargeBody takes its place until the body's last byte, and reads nothing behind it.
New memory for each read would cost more than the read: what Python has just given back, the
operating system hands out again page by page.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable

from fake_apimart_storage import Chunk

# On Windows asyncio reads as much as it likes, and copies it out.
LARGE_BYTES = 256 * 1024 if sys.platform != "win32" else sys.maxsize
"""A body is large where so many bytes are still to come."""

BUFFER_BYTES = 1024 * 1024
KEPT_BUFFERS = 16
"""As many are kept; whoever needs more has them made, and thrown away."""

_LOOKED_AT = 4


class ReceiveBuffers:
    """Buffers of up to BUFFER_BYTES, for any thread. One that somebody still has a memoryview of is
    not lent again.
    """

    def __init__(self) -> None:
        self._kept: deque[bytearray] = deque()

    def lend(self, size: int) -> memoryview:
        """`size` bytes that nobody looks at; what they hold is left from before."""
        for _ in range(min(_LOOKED_AT, len(self._kept))):
            # The one that was lent longest ago is the likeliest to be back. While it is looked at,
            # no other thread finds it.
            buffer = self._kept.popleft()
            lent = memoryview(buffer)[:size] if _is_free(buffer) else None
            self._kept.append(buffer)
            if lent is not None:
                return lent
        if len(self._kept) >= KEPT_BUFFERS:
            return memoryview(bytearray(size))
        buffer = bytearray(BUFFER_BYTES)
        lent = memoryview(buffer)[:size]
        self._kept.append(buffer)
        return lent


def _is_free(buffer: bytearray) -> bool:
    """Whether there is no memoryview of it: Python refuses to change the size of what one shows."""
    try:
        buffer.append(0)
    except BufferError:
        return False
    buffer.pop()
    return True


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
