"""`net/http/internal.chunkedReader`: a body in chunks, up to the end of its trailer.

A push parser. It is a state machine; `_STEPS` maps each state to the method that reads the next
bytes. What Go accepts (blanks behind a size, any extension) is accepted, and what Go refuses is
refused with Go's error text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum, auto
from typing import ClassVar

from python_multipart.exceptions import MultipartParseError

from fake_apimart.go.textproto import UNEXPECTED_EOF, MIMEHeaderReader

MALFORMED = "malformed chunked encoding"
LINE_TOO_LONG = "header line too long"
TRAILER_EOF = "http: unexpected EOF reading trailer"
LONG_TRAILER = "http: suspiciously long trailer after chunked body"

MAX_LINE_BYTES = 4096
"""The longest line of a size with its extension, and the longest trailer: Go's read buffer."""
MAX_SIZE_DIGITS = 16
FREE_OVERHEAD_BYTES = 16
"""Overhead that each chunk may have, beside twice its own length."""
MAX_EXCESS_BYTES = 16 * 1024
"""Overhead beyond that of all chunks together, where larger ones make up for smaller ones."""

_CRLF = b"\r\n"
_HEX = re.compile(rb"[0-9A-Fa-f]*")
_NO_LIMIT = 2**63 - 1


class ChunkError(ValueError):
    """The chunks are malformed; the message is Go's."""


class State(IntEnum):
    """What comes next."""

    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    """The line end behind a chunk's data."""
    TRAILER = auto()
    DONE = auto()


class ChunkedReader:
    """Reads one body, whose data it passes to `on_data` piece by piece."""

    def __init__(self, on_data: Callable[[bytes], None]) -> None:
        self.state = State.SIZE
        self._on_data = on_data
        self._held = b""
        self._left = 0
        self._excess = 0

    def feed(self, data: bytes, position: int) -> int:
        """Read from `data` at `position` on, and return the position after what was read.

        That is the end of the data, or of the body. Raises ChunkError.
        """
        while position < len(data) and self.state is not State.DONE:
            position = self._STEPS[self.state](self, data, position)
        return position

    def finish(self) -> str:
        """Return Go's error for an input that ends here."""
        if self.state is not State.TRAILER:
            return UNEXPECTED_EOF
        return LONG_TRAILER if len(self._held) >= len(_CRLF) else TRAILER_EOF

    def _read_size(self, data: bytes, position: int) -> int:
        end = data.find(b"\n", position) + 1 or len(data)
        line = self._held = self._held + data[position:end]
        is_whole = line.endswith(b"\n")
        if len(line) > MAX_LINE_BYTES or (len(line) == MAX_LINE_BYTES and not is_whole):
            raise ChunkError(LINE_TOO_LONG)
        if is_whole:
            self._held = b""
            self._begin_chunk(line)
        return end

    def _begin_chunk(self, line: bytes) -> None:
        position = line.find(b"\r")
        if position < 0:
            raise ChunkError("chunked line ends with bare LF")
        if position != len(line) - len(_CRLF):
            raise ChunkError("invalid CR in chunked line")
        text = line[:position]
        self._left = _parse_size(text.rstrip(b" \t").partition(b";")[0])
        # Small chunks may cost some overhead, but not without end.
        overhead = len(text) + len(_CRLF) - FREE_OVERHEAD_BYTES - 2 * self._left
        self._excess = max(0, self._excess + overhead)
        if self._excess > MAX_EXCESS_BYTES:
            raise ChunkError("chunked encoding contains too much non-data")
        self.state = State.DATA if self._left else State.TRAILER

    def _read_data(self, data: bytes, position: int) -> int:
        piece = data[position : position + self._left]
        self._left -= len(piece)
        if not self._left:
            self.state = State.DATA_END
        self._on_data(piece)
        return position + len(piece)

    def _read_data_end(self, data: bytes, position: int) -> int:
        end = position + len(_CRLF) - len(self._held)
        self._held += data[position:end]
        if len(self._held) == len(_CRLF):
            if self._held != _CRLF:
                raise ChunkError(MALFORMED)
            self._held = b""
            self.state = State.SIZE
        return min(end, len(data))

    def _read_trailer(self, data: bytes, position: int) -> int:
        """Read the trailer, which is ignored: none of it may pass for a header."""
        already = len(self._held)
        self._held += data[position : position + MAX_LINE_BYTES - already]
        if self._held.startswith(_CRLF):
            self.state = State.DONE
            return position + len(_CRLF) - already
        end = self._held.find(_CRLF * 2) + 2 * len(_CRLF)
        if end < 2 * len(_CRLF):
            if len(self._held) == MAX_LINE_BYTES:
                raise ChunkError(LONG_TRAILER)
            return len(data)
        _check_trailer(self._held[:end])
        self.state = State.DONE
        return position + end - already

    _STEPS: ClassVar[dict[State, Callable[[ChunkedReader, bytes, int], int]]] = {
        State.SIZE: _read_size,
        State.DATA: _read_data,
        State.DATA_END: _read_data_end,
        State.TRAILER: _read_trailer,
    }


def _check_trailer(trailer: bytes) -> None:
    header = MIMEHeaderReader(_NO_LIMIT, _NO_LIMIT)
    try:
        end = header.feed(trailer, 0)
    except MultipartParseError as error:
        raise ChunkError(str(error)) from None
    if end < len(trailer):
        # An empty line that ends in LF alone. Go goes on behind it, which allows request smuggling.
        raise ChunkError(MALFORMED)


def _parse_size(digits: bytes) -> int:
    if not digits:
        raise ChunkError("empty hex number for chunk length")
    valid = _HEX.match(digits)
    assert valid is not None
    if valid.end() > MAX_SIZE_DIGITS:
        raise ChunkError("http chunk length too large")
    if valid.end() < len(digits):
        raise ChunkError("invalid byte in chunk length")
    return int(digits, 16)
