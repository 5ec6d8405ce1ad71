"""`compress/gzip.Reader`: an incremental decoder of gzip, one member behind the other."""

from __future__ import annotations

import zlib
from enum import Enum, auto

from fake_apimart.go.textproto import EOF, UNEXPECTED_EOF

INVALID_HEADER = "gzip: invalid header"
INVALID_CHECKSUM = "gzip: invalid checksum"
MAX_TEXT_BYTES = 512
"""The longest name or comment in a header, with its NUL."""

_MAGIC = b"\x1f\x8b\x08"
_FIXED_BYTES = 10
_CRC_BYTES = 2
_LENGTH_BYTES = 2
_TRAILER_BYTES = 8
_FEWEST_BYTES = 512
_MOST_BYTES = 64 * 1024
"""How much of a member is decoded at once, at first and later on."""
_HAS_CRC, _HAS_EXTRA, _HAS_NAME, _HAS_COMMENT = 0x02, 0x04, 0x08, 0x10


class GzipError(ValueError):
    """The data is no gzip; the message is Go's."""


class State(Enum):
    """What comes next of a member."""

    HEADER = auto()
    DATA = auto()
    TRAILER = auto()


class Reader:
    """Decodes what it is fed: call `read` until it returns nothing, then `feed` more."""

    def __init__(self) -> None:
        self.state = State.HEADER
        self._data = b""
        self._position = 0
        self._member = _Member()

    def feed(self, data: bytes) -> None:
        """Add coded data."""
        self._data = self._data[self._position :] + data
        self._position = 0

    def begin(self) -> bool:
        """Read the header, and return whether it is whole. Raises GzipError."""
        if self.state is State.HEADER:
            end = _header_end(self._data, self._position)
            if end is not None:
                self._position = end
                self._member = _Member()
                self.state = State.DATA
        return self.state is not State.HEADER

    def read(self, max_bytes: int) -> bytes:
        """Return the next decoded bytes, none where more must be fed first. Raises GzipError."""
        while self.begin():
            if self.state is State.DATA:
                decoded, self._position = self._member.read(self._data, self._position, max_bytes)
                if self._member.has_ended:
                    self.state = State.TRAILER
                if decoded:
                    return decoded
                if self.state is State.DATA and self._position == len(self._data):
                    break
            elif not self._read_trailer():
                break
        return b""

    def _read_trailer(self) -> bool:
        """Check the trailer, and return whether it is whole. Raises GzipError."""
        end = self._position + _TRAILER_BYTES
        if end > len(self._data):
            return False
        self._member.check(self._data[self._position : end])
        self._position = end
        self.state = State.HEADER
        return True

    def finish(self) -> str:
        """Return Go's error for an input that ends here: EOF where it may."""
        is_whole = self.state is State.HEADER and self._position == len(self._data)
        return EOF if is_whole else UNEXPECTED_EOF


class _Member:
    """The data of one member."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._checksum = 0
        self._size = 0
        self._read = 0
        self._is_corrupt = False
        # zlib copies what it did not use, which may be a thousand further members.
        self._most_bytes = _FEWEST_BYTES

    @property
    def has_ended(self) -> bool:
        """Whether the trailer comes next."""
        return self._inflate.eof

    def read(self, data: bytes, position: int, max_bytes: int) -> tuple[bytes, int]:
        """Decode from `data` at `position` on, and return the position after what was read.

        Raises GzipError.
        """
        piece = data[position : position + self._most_bytes]
        before = self._inflate.copy()
        try:
            decoded = self._inflate.decompress(piece, max_bytes)
        except zlib.error:
            self._inflate = before
            self._approach_corruption(len(piece))
            return b"", position
        if not self._is_corrupt:
            self._most_bytes = min(2 * self._most_bytes, _MOST_BYTES)
        self._checksum = zlib.crc32(decoded, self._checksum)
        self._size += len(decoded)
        left = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
        used = len(piece) - len(left)
        self._read += used
        return decoded, position + used

    def _approach_corruption(self, length: int) -> None:
        """Read less at a time, up to the corrupt byte: all before it counts. Raises GzipError."""
        if length <= 1:
            raise GzipError(f"flate: corrupt input before offset {self._read + length}")
        self._is_corrupt = True
        self._most_bytes = length // 2

    def check(self, trailer: bytes) -> None:
        """Compare the trailer with the data. Raises GzipError."""
        checksum, size = (int.from_bytes(part, "little") for part in (trailer[:4], trailer[4:]))
        if checksum != self._checksum or size != self._size & 0xFFFFFFFF:
            raise GzipError(INVALID_CHECKSUM)


def _header_end(data: bytes, start: int) -> int | None:
    """Return where the header ends that begins at `start`, or None if it is not whole.

    Raises GzipError.
    """
    end = start + _FIXED_BYTES
    if len(data) < end:
        return None
    if not data.startswith(_MAGIC, start):
        raise GzipError(INVALID_HEADER)
    flags = data[start + len(_MAGIC)]
    if flags & _HAS_EXTRA:
        end += _LENGTH_BYTES + int.from_bytes(data[end : end + _LENGTH_BYTES], "little")
    for flag in (_HAS_NAME, _HAS_COMMENT):
        if flags & flag:
            end = _text_end(data, end)
    if not flags & _HAS_CRC:
        return end if end <= len(data) else None
    if end + _CRC_BYTES > len(data):
        return None
    checksum = int.from_bytes(data[end : end + _CRC_BYTES], "little")
    if checksum != zlib.crc32(data[start:end]) & 0xFFFF:
        raise GzipError(INVALID_HEADER)
    return end + _CRC_BYTES


def _text_end(data: bytes, start: int) -> int:
    """Return where a text ends that a NUL ends; beyond the data if it is not whole."""
    end = data.find(b"\0", start, start + MAX_TEXT_BYTES) + 1
    if not end and len(data) >= start + MAX_TEXT_BYTES:
        raise GzipError(INVALID_HEADER)
    return end or len(data) + 1
