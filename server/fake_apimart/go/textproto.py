"""`textproto.Reader.ReadMIMEHeader`: the header of one part, fed as the bytes arrive."""

from __future__ import annotations

import re
import sys
from typing import NamedTuple

from python_multipart.exceptions import MultipartParseError

from fake_apimart.common.caches import cache_short_inputs
from fake_apimart.go import strconv

EOF = "EOF"
MESSAGE_TOO_LARGE = "multipart: message too large"

# Go reads through a buffer of this size. A boundary's line must fit; a header's comes in pieces.
BUFFER_BYTES = 4096
# Go quotes no more than this of a first line that begins with a space.
INITIAL_LINE_BYTES = 80
HEADER_BYTES = 400
ENTRY_BYTES = 200

_BLANKS = re.compile(rb"[ \t]*")
_WHITE = b" \t"
_NAME = re.compile(rb"[!#$%&'*+\-.0-9A-Z^_`a-z|~]+")
_NAME_WITH_SPACES = re.compile(rb"[!#$%&'*+\-.0-9A-Z^_`a-z|~ ]+")
# Lines without anything to look twice at, up to the blank one. Possessive: nothing to try again.
_PLAIN = re.compile(rb"((?:[!#$%&'*+\-.0-9A-Z^_`a-z|~]++: [ -~]++\r\n)++)\r\n")
_BAD_VALUE_BYTE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class MIMEHeaderReader:
    """Reads `Name: value` lines, continued lines among them, up to a blank line.

    `max_bytes` bounds names, values and an overhead for each, `max_entries` the number of lines,
    as Go counts them. After `done`, `entries` holds the values by canonical name, and the order
    of each name's values is that of the lines.
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
        """Read from `data` at `position`; gives back where reading stopped.

        Stops at the end of the data, or behind the blank line (`done`). Raises
        MultipartParseError.
        """
        if self._initial and not self._physical and (plain := _PLAIN.match(data, position)):
            header = _plain_header(plain[1])
            if header.needed_bytes <= self._bytes_left and header.lines <= self._entries_left:
                # The dict is the owner's to change, the values are those of all who send the same.
                self.entries, self.done = header.entries.copy(), True
                return plain.end()
        while position < len(data) and not self.done:
            if self._logical is not None and not self._physical:
                position = self._continue(data, position)
                continue
            end = data.find(b"\n", position) + 1
            self._physical += data[position : end or len(data)]
            position = end or len(data)
            if end:
                self._take_line()
            else:
                self._check_length(len(self._physical) - self._physical.endswith(b"\r"))
        return position

    def finish(self, error: str) -> None:
        """The input ended, with Go's error text `error`. Raises MultipartParseError.

        Go takes a line that was cut as a whole one, unless it had read all of it when it met the
        error, and an end behind a line with EOF as the end of the form (the caller's `done` stays
        false then).
        """
        if self._physical and (error == EOF or not _fills_buffers(self._physical)):
            self._take_line()
        if self._logical is not None:
            self._take_logical()
        if error != EOF:
            raise MultipartParseError(error)

    def _continue(self, data: bytes, position: int) -> int:
        """At the first bytes behind a line: blanks there mean that it goes on."""
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
            self._take_logical()
            return blanks.end()
        # The folded line's own text, which may be nothing but its line end.
        end = data.find(b"\n", blanks.end()) + 1
        self._physical += data[blanks.end() : end or len(data)]
        if end:
            self._take_line()
        return end or len(data)

    def _check_length(self, length: int) -> None:
        if length > self._line_limit():
            raise MultipartParseError(MESSAGE_TOO_LARGE)

    def _line_limit(self) -> int:
        if self._initial and self._physical.startswith((b" ", b"\t")):
            return INITIAL_LINE_BYTES
        if self._logical is not None:
            return self._logical_limit - len(self._logical)
        return self._limit()

    def _limit(self) -> int:
        # Nothing left at all means no limit to Go's line reader: the next entry is refused then.
        return self._bytes_left if self._bytes_left >= 0 else sys.maxsize

    def _take_line(self) -> None:
        line = bytes(self._physical)
        if line.endswith(b"\n"):
            line = line[:-1].removesuffix(b"\r")
        self._check_length(len(line))
        initial, self._initial = self._initial, False
        self._physical.clear()
        if self._logical is not None:
            self._folding = False
            self._logical += line.strip(_WHITE)
        elif initial and line[:1] in (b" ", b"\t"):
            raise MultipartParseError(f"malformed MIME header initial line: {_text(line)}")
        elif not line:
            self.done = True
        elif b":" not in line:
            raise MultipartParseError(
                f"malformed MIME header: missing colon: {strconv.quote(line)}"
            )
        else:
            self._logical = bytearray(line.strip(_WHITE))
            self._logical_limit = self._limit() - len(self._logical)

    def _take_logical(self) -> None:
        assert self._logical is not None
        line, self._logical = bytes(self._logical), None
        self._take_entry(line)

    def _take_entry(self, line: bytes) -> None:
        sent_name, _, value = line.partition(b":")
        name = _canonical(sent_name)
        if name is None:
            raise MultipartParseError(f"malformed MIME header line: {_text(line)}")
        if _BAD_VALUE_BYTE.search(value):
            # Go has put the name in its canonical form by then, in the line itself.
            raise MultipartParseError(f"malformed MIME header line: {_text(name + b':' + value)}")
        self._add(name, value.lstrip(_WHITE))

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
    """Whether Go has nothing left of an unfinished line once it has emptied its full buffers."""
    position = 0
    while len(line) - position >= BUFFER_BYTES:
        # A CR at a buffer's end goes back, since LF may follow.
        position += BUFFER_BYTES - line.endswith(b"\r", position, position + BUFFER_BYTES)
    return position == len(line)


@cache_short_inputs
def _canonical(name: bytes) -> bytes | None:
    """`Content-Type` from any case of it; None where it is no name.

    A name with a space in it stays as it is.
    """
    if not _NAME.fullmatch(name):
        return name if _NAME_WITH_SPACES.fullmatch(name) else None
    return _capitalized(name)


def _capitalized(name: bytes) -> bytes:
    return b"-".join(word.capitalize() for word in name.split(b"-"))


class _PlainHeader(NamedTuple):
    """A whole header that came at once, as nearly all do: nothing to put together.

    It fits where `needed_bytes` and `lines` are left; where less is, it may yet fit.
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
        entries.setdefault(_capitalized(name), []).append(value.strip(_WHITE))
    return _PlainHeader(entries, len(text) + ENTRY_BYTES * len(entries), len(lines))


def _text(line: bytes) -> str:
    return line.decode("utf-8", "surrogateescape")
