"""`textproto.Reader.ReadMIMEHeader`: an incremental parser of one part's header."""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

from python_multipart.exceptions import MultipartParseError

from fake_apimart.common.caches import cache_short_inputs
from fake_apimart.go import strconv

EOF = "EOF"
UNEXPECTED_EOF = "unexpected EOF"
MESSAGE_TOO_LARGE = "multipart: message too large"

BUFFER_BYTES = 4096
"""Size of Go's read buffer. The line of a boundary must fit; that of a header need not."""
INITIAL_LINE_BYTES = 80
"""Longest first line that begins with a blank: Go quotes no more of it in its error."""
HEADER_BYTES = 400
"""Go's estimated overhead of a header."""
ENTRY_BYTES = 200
"""Go's estimated overhead of each distinct name."""

_BLANKS = re.compile(rb"[ \t]*")
_WHITESPACE = b" \t"
_NAME = re.compile(rb"[!#$%&'*+\-.0-9A-Z^_`a-z|~]+")
_NAME_WITH_SPACES = re.compile(rb"[!#$%&'*+\-.0-9A-Z^_`a-z|~ ]+")
# The fast path: a whole header of plain lines, up to the blank one. Possessive, as backtracking
# could not find another match.
_PLAIN = re.compile(rb"((?:[!#$%&'*+\-.0-9A-Z^_`a-z|~]++: [ -~]++\r\n)++)\r\n")
_INVALID_VALUE_BYTE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class MIMEHeaderReader:
    """Parses `Name: value` lines, including folded ones, up to a blank line.

    `max_bytes` bounds the bytes of names and values with an overhead, `max_entries` the number of
    lines, both as Go counts them. When it is `done`, `entries` holds the values by canonical name,
    in the order of the lines.
    """

    def __init__(self, max_bytes: int, max_entries: int) -> None:
        self.entries: dict[bytes, list[bytes]] = {}
        self.done = False
        self._bytes_left = max_bytes - HEADER_BYTES
        self._entries_left = max_entries
        self._physical = bytearray()
        self._logical: bytearray | None = None
        self._logical_limit = 0
        self._folding = False
        self._initial = True

    def feed(self, data: bytes, position: int) -> int:
        """Parse from `data` at `position` on and return the position at which it stopped.

        That is the end of the data, or the position after the blank line (`done`). Raises
        MultipartParseError.
        """
        if self._initial and not self._physical and (plain := _PLAIN.match(data, position)):
            header = _plain_header(plain[1])
            if header.needed_bytes <= self._bytes_left and header.lines <= self._entries_left:
                # The owner may change the dict; the lists are shared through the cache.
                self.entries, self.done = header.entries.copy(), True
                return plain.end()
        while position < len(data) and not self.done:
            if self._logical is not None and not self._physical:
                position = self._continue_line(data, position)
                continue
            end = data.find(b"\n", position) + 1
            self._physical += data[position : end or len(data)]
            position = end or len(data)
            if end:
                self._handle_line()
            else:
                self._check_length(len(self._physical) - self._physical.endswith(b"\r"))
        return position

    def finish(self, error: str) -> None:
        """Parse the end of the input; `error` is Go's error text. Raises MultipartParseError.

        Go takes a truncated line for a whole one, unless it had read all of it when it met the
        error. EOF after a line ends the form without an error; `done` is then false.
        """
        if self._physical and (error == EOF or not _fills_buffers(self._physical)):
            self._handle_line()
        if self._logical is not None:
            self._end_logical_line()
        if error != EOF:
            raise MultipartParseError(error)

    def _continue_line(self, data: bytes, position: int) -> int:
        """Parse the first bytes after a line: if they are blanks, the line is folded."""
        assert self._logical is not None
        blanks = _BLANKS.match(data, position)
        assert blanks is not None
        if blanks.end() > position and not self._folding:
            self._folding = True
            self._logical += b" "
            if len(self._logical) >= self._logical_limit:
                raise MultipartParseError(MESSAGE_TOO_LARGE)
        if blanks.end() == len(data):
            return blanks.end()
        if not self._folding:
            self._end_logical_line()
            return blanks.end()
        # The text of the continuation, which may be empty.
        end = data.find(b"\n", blanks.end()) + 1
        self._physical += data[blanks.end() : end or len(data)]
        if end:
            self._handle_line()
        return end or len(data)

    def _check_length(self, length: int) -> None:
        if length > self._line_limit():
            raise MultipartParseError(MESSAGE_TOO_LARGE)

    def _line_limit(self) -> int:
        if self._initial and self._physical.startswith((b" ", b"\t")):
            return INITIAL_LINE_BYTES
        if self._logical is not None:
            return self._logical_limit - len(self._logical)
        return self._bytes_limit()

    def _bytes_limit(self) -> int:
        # Go's line reader takes a negative limit for none; the next entry is refused then.
        return self._bytes_left if self._bytes_left >= 0 else sys.maxsize

    def _handle_line(self) -> None:
        line = bytes(self._physical)
        if line.endswith(b"\n"):
            line = line[:-1].removesuffix(b"\r")
        self._check_length(len(line))
        initial, self._initial = self._initial, False
        self._physical.clear()
        if self._logical is not None:
            self._folding = False
            self._logical += line.strip(_WHITESPACE)
        elif initial and line[:1] in (b" ", b"\t"):
            raise MultipartParseError(f"malformed MIME header initial line: {_text(line)}")
        elif not line:
            self.done = True
        elif b":" not in line:
            raise MultipartParseError(
                f"malformed MIME header: missing colon: {strconv.quote(line)}"
            )
        else:
            self._logical = bytearray(line.strip(_WHITESPACE))
            self._logical_limit = self._bytes_limit() - len(self._logical)

    def _end_logical_line(self) -> None:
        assert self._logical is not None
        line, self._logical = bytes(self._logical), None
        self._parse_entry(line)

    def _parse_entry(self, line: bytes) -> None:
        sent_name, _, value = line.partition(b":")
        name = _canonical(sent_name)
        if name is None:
            raise MultipartParseError(f"malformed MIME header line: {_text(line)}")
        if _INVALID_VALUE_BYTE.search(value):
            # Go has canonicalized the name in the line itself by then.
            raise MultipartParseError(f"malformed MIME header line: {_text(name + b':' + value)}")
        self._add(name, value.lstrip(_WHITESPACE))

    def _add(self, name: bytes, value: bytes) -> None:
        self._entries_left -= 1
        if self._entries_left < 0:
            raise MultipartParseError(MESSAGE_TOO_LARGE)
        if name not in self.entries:
            self._bytes_left -= len(name) + ENTRY_BYTES
        self._bytes_left -= len(value)
        if self._bytes_left < 0:
            raise MultipartParseError(MESSAGE_TOO_LARGE)
        self.entries.setdefault(name, []).append(value)


def _fills_buffers(line: bytearray) -> bool:
    """Return whether an unfinished line ends exactly where Go's last full buffer ends."""
    position = 0
    while len(line) - position >= BUFFER_BYTES:
        # Go puts a CR at a buffer's end back, since LF may follow.
        position += BUFFER_BYTES - line.endswith(b"\r", position, position + BUFFER_BYTES)
    return position == len(line)


@cache_short_inputs
def _canonical(name: bytes) -> bytes | None:
    """Return the canonical form of a name, such as `Content-Type`; None if it is invalid.

    Go leaves a name that contains a space unchanged.
    """
    if not _NAME.fullmatch(name):
        return name if _NAME_WITH_SPACES.fullmatch(name) else None
    return _capitalized(name)


def _capitalized(name: bytes) -> bytes:
    return b"-".join(word.capitalize() for word in name.split(b"-"))


class _PlainHeader(NamedTuple):
    """A header that arrived in one piece without folded lines, as nearly all do.

    It is within the limits if `needed_bytes` and `lines` are left; with less it may still be.
    """

    entries: dict[bytes, list[bytes]]
    needed_bytes: int
    lines: int


@cache_short_inputs
def _plain_header(text: bytes) -> _PlainHeader:
    lines = text.split(b"\r\n")[:-1]
    entries: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        entries.setdefault(_capitalized(name), []).append(value.strip(_WHITESPACE))
    return _PlainHeader(entries, len(text) + ENTRY_BYTES * len(entries), len(lines))


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")
