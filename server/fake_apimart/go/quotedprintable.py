"""`mime/quotedprintable`: the decoding of a line."""

from __future__ import annotations

import re

from python_multipart.exceptions import DecodeError

from fake_apimart.go import strconv

EOF = "EOF"

_WHITE_SPACE = b"\n\r \t"
_TOKENS = re.compile(rb"=([0-9A-Fa-f]{2})|(=)|([\x00-\x08\x0b\x0c\x0e-\x1f\x7f])")


def decode_line(whole: bytes, end: str | None) -> bytes:
    """Decode one line; `end` is the error that ended the input after it. Raises DecodeError.

    As in Go, and unlike in RFC 2045, an `=` that escapes nothing is literal, and bytes from 0x80 on
    are passed unchanged. An `=` before a line break joins the lines.
    """
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
