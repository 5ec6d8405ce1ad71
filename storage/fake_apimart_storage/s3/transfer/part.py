"""The buffer of one part: filled as bytes arrive, then read by boto3 as a file."""

from __future__ import annotations

import base64
import hashlib
import io
import mmap
from time import monotonic

from fake_apimart_storage.s3.connection.patience import Progress

PART_BYTES = 8 * 1024 * 1024
"""Size of all parts but the last; some stores require equal sizes, and S3 at least 5 MiB."""

SEND_BYTES = range(16 * 1024, 256 * 1024 + 1)
"""Least and greatest number of bytes per read of boto3."""
QUICK_SECONDS = 0.05
SLOW_SECONDS = 0.25
"""Bounds of the time that a block takes, within which blocks stay as large as they are."""
_SMALL_BYTES = 64 * 1024
"""Largest part on the heap."""


class Part:
    """A buffer of up to PART_BYTES in its own memory pages.

    Many buffers that grow side by side fragment the heap to several times their size. Mapped pages
    return to the system at once. Small parts are on the heap.
    """

    def __init__(self) -> None:
        self.size = 0
        self.progress: Progress | None = None
        self._block = 64 * 1024
        self._read_at = 0.0
        self._small = bytearray()
        self._pages: mmap.mmap | None = None
        self._position = 0

    @property
    def room(self) -> int:
        """Number of bytes that still fit."""
        return PART_BYTES - self.size

    def append(self, piece: memoryview) -> None:
        """Append a copy of `piece`, which must fit."""
        if self._pages is None and self.size + len(piece) <= _SMALL_BYTES:
            self._small += piece
        else:
            if self._pages is None:
                self._pages = mmap.mmap(-1, PART_BYTES)
                self._pages[: self.size] = self._small
                self._small.clear()
            self._pages[self.size : self.size + len(piece)] = piece
        self.size += len(piece)

    def __len__(self) -> int:
        return self.size

    def read(self, size: int = -1) -> bytes:
        """Return the next block, in a size of its own even if `size` is less.

        boto3 asks for 16 KiB at a time, each of which would cost a system call and a thread switch.
        A block is read when the one before is on its way, so that each read is progress. Raises
        GivenUp.
        """
        length = self.size if size < 0 else max(size, self._next_block())
        start, stop = self._position, min(self.size, self._position + length)
        self._position = max(start, stop)
        return bytes((self._small if self._pages is None else self._pages)[start:stop])

    def _next_block(self) -> int:
        """Return a length such that a block takes neither a moment nor an age."""
        if self.progress is not None:
            self.progress.note()
        now = monotonic()
        taken, self._read_at = now - self._read_at, now
        if self._position and taken < QUICK_SECONDS:
            self._block = min(self._block * 2, SEND_BYTES[-1])
        elif self._position and taken > SLOW_SECONDS:
            self._block = max(self._block // 2, SEND_BYTES[0])
        return self._block

    def md5(self) -> str:
        """Return the MD5 of all bytes, as S3 wants it: in base64."""
        source = self._small if self._pages is None else self._pages
        with memoryview(source) as whole, whole[: self.size] as used:
            digest = hashlib.md5(used, usedforsecurity=False).digest()
        return base64.b64encode(digest).decode()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position, as a file does. Raises GivenUp."""
        if self.progress is not None:
            self.progress.note()
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position, as a file does."""
        return self._position

    def release(self) -> None:
        """Free the memory."""
        self.size = 0
        self._small.clear()
        if self._pages is not None:
            self._pages.close()
            self._pages = None
