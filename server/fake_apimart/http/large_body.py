"""Zero-copy receiving of the rest of a large body, into a pool of buffers.

For a plain asyncio.Protocol the event loop allocates a bytes object for each read. A LargeBody is a
BufferedProtocol that replaces it up to the last byte of the body and reads nothing beyond. The
buffers are reused, since allocating memory for each read costs more than the read itself: Python
has just returned it to the operating system, which maps it again page by page.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable

from fake_apimart_storage import Chunk

# On Windows asyncio reads into memory of its own, of any size, and copies from it.
LARGE_BYTES = 256 * 1024 if sys.platform != "win32" else sys.maxsize
"""A body is large if at least so many bytes of it are still to be received."""

BUFFER_BYTES = 1024 * 1024
MAX_POOLED_BUFFERS = 16
"""How many buffers the pool keeps; further ones are allocated on demand and not reused."""

_MAX_CANDIDATES = 4
"""How many pooled buffers a lease checks before it allocates another."""


class BufferPool:
    """A thread-safe pool of buffers of BUFFER_BYTES each.

    There is no release: a buffer is free again once no memoryview of it exists.
    """

    def __init__(self) -> None:
        self._buffers: deque[bytearray] = deque()

    def lease(self, size: int) -> memoryview:
        """Return `size` bytes, at most BUFFER_BYTES, of a free buffer; their content is stale."""
        for _ in range(min(_MAX_CANDIDATES, len(self._buffers))):
            # The least recently leased buffer is the most likely to be free. It is removed during
            # the check, so that no other thread can lease it.
            buffer = self._buffers.popleft()
            view = memoryview(buffer)[:size] if _is_free(buffer) else None
            self._buffers.append(buffer)
            if view is not None:
                return view
        if len(self._buffers) >= MAX_POOLED_BUFFERS:
            return memoryview(bytearray(size))
        buffer = bytearray(BUFFER_BYTES)
        view = memoryview(buffer)[:size]
        self._buffers.append(buffer)
        return view


def _is_free(buffer: bytearray) -> bool:
    """Return whether no memoryview of `buffer` exists: if one did, it could not be resized."""
    try:
        buffer.append(0)
    except BufferError:
        return False
    buffer.pop()
    return True


_POOL = BufferPool()


class LargeBody(asyncio.BufferedProtocol):
    """A protocol that takes the place of `original` for the next `remaining` bytes of a body.

    They are passed to `on_chunk` in chunks of at most `max_read_bytes`. A chunk that is a
    memoryview starts at the first byte of a bytearray.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        original: asyncio.Protocol,
        remaining: int,
        max_read_bytes: int,
        on_chunk: Callable[[Chunk], None],
    ) -> None:
        self._transport = transport
        self._original = original
        self._remaining = remaining
        self._max_read_bytes = min(max_read_bytes, BUFFER_BYTES)
        self._on_chunk = on_chunk
        self._buffer: memoryview | None = None

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._buffer is None:
            self._buffer = _POOL.lease(min(self._max_read_bytes, self._remaining))
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        assert self._buffer is not None
        chunk: Chunk = self._buffer[:nbytes]
        self._buffer = None
        self._remaining -= nbytes
        if not self._remaining:
            self._transport.set_protocol(self._original)
        # A small chunk is copied: a client that sends little at a time must not occupy a buffer for
        # each of its chunks.
        self._on_chunk(chunk if nbytes >= self._max_read_bytes // 2 else bytes(chunk))

    def eof_received(self) -> bool | None:
        return self._original.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._original.connection_lost(exc)

    def pause_writing(self) -> None:
        self._original.pause_writing()

    def resume_writing(self) -> None:
        self._original.resume_writing()
