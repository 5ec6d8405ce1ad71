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
        self._held = b""
        self._fed = 0
        self._checksum = 0
        self._size = 0
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)

    def feed(self, data: bytes) -> None:
        """Add coded data."""
        self._held += data
        self._fed += len(data)

    def begin(self) -> bool:
        """Read the header, and return whether it is whole. Raises GzipError."""
        if self.state is State.HEADER and self._held:
            length = _header_length(self._held)
            if length is not None:
                self._held = self._held[length:]
                self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
                self._checksum = self._size = 0
                self.state = State.DATA
        return self.state is not State.HEADER

    def read(self, max_bytes: int) -> bytes:
        """Return the next decoded bytes, none where more must be fed first. Raises GzipError."""
        while self.begin():
            if self.state is State.DATA and (decoded := self._read_data(max_bytes)):
                return decoded
            if self.state is State.DATA or not self._read_trailer():
                break
        return b""

    def _read_data(self, max_bytes: int) -> bytes:
        held, self._held = self._held, b""
        try:
            decoded = self._inflate.decompress(held, max_bytes)
        except zlib.error:
            # Go names the very byte.
            raise GzipError(f"flate: corrupt input before offset {self._fed}") from None
        self._held = self._inflate.unconsumed_tail
        self._checksum = zlib.crc32(decoded, self._checksum)
        self._size += len(decoded)
        if self._inflate.eof:
            self._held = self._inflate.unused_data
            self.state = State.TRAILER
        return decoded

    def _read_trailer(self) -> bool:
        """Check the trailer, and return whether it is whole."""
        trailer = self._held[:_TRAILER_BYTES]
        if len(trailer) < _TRAILER_BYTES:
            return False
        checksum, size = (int.from_bytes(part, "little") for part in (trailer[:4], trailer[4:]))
        if checksum != self._checksum or size != self._size & 0xFFFFFFFF:
            raise GzipError(INVALID_CHECKSUM)
        self._held = self._held[_TRAILER_BYTES:]
        self.state = State.HEADER
        return True

    def finish(self) -> str:
        """Return Go's error for an input that ends here: EOF where it may."""
        return EOF if self.state is State.HEADER and not self._held else UNEXPECTED_EOF


def _header_length(data: bytes) -> int | None:
    """Return the length of the header that `data` begins with, or None if it is not whole.

    Raises GzipError.
    """
    if len(data) < _FIXED_BYTES:
        return None
    if not data.startswith(_MAGIC):
        raise GzipError(INVALID_HEADER)
    flags, end = data[len(_MAGIC)], _FIXED_BYTES
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
    if checksum != zlib.crc32(data[:end]) & 0xFFFF:
        raise GzipError(INVALID_HEADER)
    return end + _CRC_BYTES


def _text_end(data: bytes, start: int) -> int:
    """Return where a text ends that a NUL ends; beyond the data if it is not whole."""
    end = data.find(b"\0", start, start + MAX_TEXT_BYTES) + 1
    if not end and len(data) >= start + MAX_TEXT_BYTES:
        raise GzipError(INVALID_HEADER)
    return end or len(data) + 1
