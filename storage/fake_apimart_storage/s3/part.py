"""The bytes of one part on its way: filled as they arrive, then read by boto3 as a file."""

from __future__ import annotations

import io
import mmap

PART_BYTES = 8 * 1024 * 1024
"""All parts but the last are of one size: some stores demand it. S3 itself demands 5 MiB."""

SEND_BYTES = 256 * 1024
_SMALL_BYTES = 64 * 1024


class Part:
    """Up to PART_BYTES, in pages of its own.

    Many buffers that grow side by side on the heap leave it in pieces, several times their size.
    Pages of its own go back to the system at once; small parts stay on the heap.
    """

    def __init__(self) -> None:
        self.size = 0
        self._small = bytearray()
        self._pages: mmap.mmap | None = None
        self._position = 0

    @property
    def room(self) -> int:
        """How many bytes still fit."""
        return PART_BYTES - self.size

    def append(self, piece: memoryview) -> None:
        """Take a copy of `piece`, which fits."""
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
        """The next bytes, and more of them than asked.

        boto3 asks for 16 KiB at a time, and each would cost a system call and a change of threads.
        """
        wanted = self.size if size < 0 else max(size, SEND_BYTES)
        start, stop = self._position, min(self.size, self._position + wanted)
        self._position = max(start, stop)
        return bytes((self._small if self._pages is None else self._pages)[start:stop])

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As files do."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """As files do."""
        return self._position

    def release(self) -> None:
        """Give the memory back."""
        self.size = 0
        self._small.clear()
        if self._pages is not None:
            self._pages.close()
            self._pages = None
