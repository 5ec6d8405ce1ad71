"""Memory that large bodies are received into, again and again.

A new object for each read would cost more than the read: memory that Python has just given back,
the operating system hands out page by page.
"""

from __future__ import annotations

from collections import deque

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
