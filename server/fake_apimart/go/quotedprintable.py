"""`mime/quotedprintable`: an incremental decoder."""

from __future__ import annotations

import re
from typing import NoReturn

from python_multipart.exceptions import DecodeError

from fake_apimart.go import strconv

EOF = "EOF"
LINE_BYTES = 4096
"""Size of Go's read buffer, which a line must fit into."""

_BUFFER_FULL = "bufio: buffer full"
_WHITE_SPACE = b"\n\r \t"
_TOKENS = re.compile(rb"=([0-9A-Fa-f]{2})|(=)|([\x00-\x08\x0b\x0c\x0e-\x1f\x7f])")


class Decoder:
    """Decodes line by line, with Go's deviations from RFC 2045.

    An `=` before a line break joins the lines; one that escapes nothing is literal; bytes from 0x80
    on are passed unchanged.
    """

    def __init__(self) -> None:
        self._line = b""

    def feed(self, data: bytes) -> bytes:
        """Decode the lines that `data` completes; keep the rest. Raises DecodeError."""
        lines = (self._line + data).split(b"\n")
        self._line = lines.pop()
        decoded = [_decode_within_buffer(line + b"\n") for line in lines]
        if len(self._line) > LINE_BYTES:
            _refuse_long_line(self._line)
        return b"".join(decoded)

    def finish(self, end: str = EOF) -> bytes:
        """Decode the rest after the input ended with the error text `end`. Raises DecodeError."""
        line, self._line = self._line, b""
        if len(line) == LINE_BYTES and end != EOF:
            # Go sees the end of a part together with its last bytes. It sees any other end after
            # them, when it has found its buffer full already.
            _refuse_long_line(line)
        return _decode_line(line, end) if line else b""


def _decode_within_buffer(line: bytes) -> bytes:
    if len(line) > LINE_BYTES:
        _refuse_long_line(line)
    return _decode_line(line, None)


def _refuse_long_line(line: bytes) -> NoReturn:
    """Raise the DecodeError of a line that fills Go's buffer, or of an error within the buffer."""
    _decode_line(line[:LINE_BYTES], _BUFFER_FULL)
    raise DecodeError(_BUFFER_FULL)


def _decode_line(whole: bytes, end: str | None) -> bytes:
    """Decode one line; `end` is the error that ended the input after it. Raises DecodeError."""
    line = whole.rstrip(_WHITE_SPACE)
    problem = None
    if line.endswith(b"="):
        following = whole[len(line) :].lstrip(b" \t")
        line = line[:-1]
        joins = following.startswith((b"\n", b"\r\n"))
        if not joins and not (not following and line and end == EOF):
            problem = f"quotedprintable: invalid bytes after =: {strconv.quote(following)}"
    elif whole.endswith(b"\r\n"):
        line += b"\r\n"
    elif whole.endswith(b"\n"):
        line += b"\n"
    decoded = _TOKENS.sub(lambda match: _decode_token(match, line), line)
    if problem is not None:
        raise DecodeError(problem)
    return decoded


def _decode_token(match: re.Match[bytes], line: bytes) -> bytes:
    digits, equals, control = match.groups()
    if digits is not None:
        return bytes([int(digits, 16)])
    if control is not None:
        raise DecodeError(f"quotedprintable: invalid unescaped byte 0x{control[0]:02x} in body")
    following = line[match.end() : match.end() + 2]
    if following and following[0] not in b"\r\n":
        return bytes(equals)
    if len(following) < 2:
        raise DecodeError("unexpected EOF")
    raise DecodeError(f"quotedprintable: invalid hex byte 0x{following[0]:02x}")
