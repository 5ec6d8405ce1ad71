"""A part's data in the pieces in which Go's `multipart.Part` reads it.

Where the pieces end shows in two cases alone. Broken quoted-printable in a part that is skipped
ends the skipping behind the last piece that was read, and a boundary that nearly fills the buffer
of `bufio.Reader` may never be seen whole. Elsewhere data is data, and `multipart` finds its end
faster. Go fills its buffer as far as it can: the whole body is taken to be there when it asks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from python_multipart.exceptions import DecodeError, MultipartParseError

from fake_apimart.go.delimiters import Boundary, Data
from fake_apimart.go.quotedprintable import decode_line
from fake_apimart.go.textproto import BUFFER_BYTES, EOF, UNEXPECTED_EOF

BUFFER_FULL = "bufio: buffer full"
TRACKED_BYTES = 256 * 1024
"""How much of a body is followed; what Go holds of a part behind that is taken to be nothing."""
MAX_DASHED_BYTES = BUFFER_BYTES - 4
"""The longest boundary, with its two dashes, that Go always sees whole in its buffer.

Before it stands a line end, and two bytes behind it tell what it is.
"""
_BLANKS = b" \t"

T = TypeVar("T")
Steps = Generator[None, None, T]
"""Code that yields where it needs more of the body."""


class ReadAhead:
    """How far Go's `bufio.Reader` has read: `end` is the offset in the body behind its buffer.

    All offsets are the body's. The buffer is filled where something is wanted that it lacks. What
    is noted to `follow` is followed once `end` is asked for, which few forms need.
    """

    __slots__ = ("_end", "_unfollowed")

    def __init__(self) -> None:
        self._end = 0
        self._unfollowed: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    @property
    def end(self) -> int:
        """Where the buffer ends, all that was noted being followed."""
        noted, self._unfollowed = self._unfollowed, []
        for step, arguments in noted:
            step(self, *arguments)
        return self._end

    def follow(self, step: Callable[..., None], *arguments: Any) -> None:
        """Note that Go takes a `step`, one of the methods below, with these arguments."""
        self._unfollowed.append((step, arguments))

    def follow_data(self, base: int, data: Data, start: int, stop: int, delimiter: bytes) -> None:
        """Note that Go reads a part's data, `data[start:stop]`; `data` begins at `base`."""
        if base + stop > TRACKED_BYTES:
            # What was noted would hold the data for nothing.
            self._unfollowed.clear()
            return
        if isinstance(data, bytearray):
            # It is used again for other data.
            base, data, start, stop = base + start, bytes(data[start:stop]), 0, stop - start
        self.follow(ReadAhead._data, base, data, start, stop, delimiter)

    def fill(self, offset: int) -> None:
        """Fill the buffer when all before `offset` has been read."""
        self._unfollowed.clear()
        self._fill(offset)

    def _fill(self, offset: int) -> None:
        self._end = offset + BUFFER_BYTES

    def line(self, start: int, stop: int) -> None:
        """Follow `ReadSlice` of a line that fits into the buffer."""
        if stop > self._end:
            self._fill(start)

    def lines(self, start: int, text: bytes) -> None:
        """Follow the reading of several such lines."""
        if start + len(text) > self._end:
            for line in _lines(text):
                self.line(start, start + len(line))
                start += len(line)

    def header(self, start: int, text: bytes) -> None:
        """Follow `ReadMIMEHeader` through a whole header, whose lines may be longer."""
        if start + len(text) <= self._end:
            return
        self._bytes(start, start)
        offset = 0
        for line in _lines(text):
            blanks = len(line) - len(line.lstrip(_BLANKS))
            self._bytes(start + offset, start + offset + blanks)
            self._header_line(start, offset + blanks, offset + len(line), text)
            offset += len(line)

    def _bytes(self, start: int, stop: int) -> None:
        """Follow `ReadByte` from `start` up to and including `stop`."""
        while self._end <= stop:
            self._fill(max(start, self._end))

    def _header_line(self, start: int, position: int, stop: int, text: bytes) -> None:
        """Follow `ReadLine` from `position` to `stop`, both in `text`, which begins at `start`."""
        while start + stop > self._end:
            if self._end - (start + position) < BUFFER_BYTES:
                self._fill(start + position)
            else:
                # A carriage return at the buffer's end is put back, since LF may follow.
                position = self._end - start
                position -= text[position - 1 : position] == b"\r"

    def data_start(self, offset: int, data: bytes, dash_boundary: bytes) -> None:
        """Follow the look for a boundary at the first byte of a part, from which `data` is on."""
        held = self._end - offset
        if held <= len(dash_boundary) + 1 and (dash_boundary + b"-").startswith(data[:held]):
            self._fill(offset)

    def _data(self, base: int, data: Data, start: int, stop: int, delimiter: bytes) -> None:
        """Follow the reading of a part's data."""
        end = self._end - base
        if end > stop:
            return
        first, undecided = delimiter[:1], delimiter + b"-"
        while end <= stop:
            begin = data.rfind(first, max(start, end - len(undecided)), end)
            is_cut = begin >= 0 and undecided.startswith(bytes(data[begin:end]))
            end = BUFFER_BYTES + (begin if is_cut else end)
        self._end = base + end


def _lines(text: bytes) -> list[bytes]:
    """Split at LF alone, and keep it."""
    lines = [line + b"\n" for line in text.split(b"\n")]
    return lines[:-1] if lines[-1] == b"\n" else [*lines[:-1], lines[-1][:-1]]


class Input:
    """What has arrived of the body: `data` from the offset `base` on, read up to `position`.

    `error` is how the body ended behind `data`, None while more may follow.
    """

    def __init__(self, ahead: ReadAhead) -> None:
        self.position = 0
        self._ahead = ahead
        self._data = b""
        self._base = 0
        self._error: str | None = None

    def offer(self, base: int, data: bytes, position: int, error: str | None) -> None:
        """Replace what has arrived; all that was offered and not taken is in it again."""
        self._base, self._data, self.position, self._error = base, data, position, error

    def take(self, size: int) -> bytes:
        """Return the next bytes, which are in Go's buffer, and step over them."""
        taken = self._data[self.position : self.position + size]
        self.position += size
        return taken

    def buffered(self) -> Steps[bytes]:
        """Return all that is in Go's buffer."""
        while self._base + len(self._data) < self._ahead.end and self._error is None:
            yield
        return self._data[self.position : max(self.position, self._ahead.end - self._base)]

    def read_more(self, held: int) -> Steps[str | None]:
        """Have Go's buffer hold more than `held` bytes; return the error where it cannot."""
        if held >= BUFFER_BYTES:
            return BUFFER_FULL
        self._ahead.fill(self._base + self.position)
        while len(self._data) <= self.position + held:
            if self._error is not None:
                return UNEXPECTED_EOF if self._error == EOF else self._error
            yield
        return None


class PartReader:
    """`multipart.partReader`: reads up to the delimiter of the next part."""

    def __init__(self, source: Input, boundary: Boundary) -> None:
        self._source = source
        self._boundary = boundary
        self._known = 0
        self._total = 0
        self._error: str | None = None
        self._read_error: str | None = None

    def read(self, size: int) -> Steps[tuple[bytes, str | None]]:
        """Return up to `size` bytes, and the error behind them once it is known; EOF is the end."""
        while not self._known and self._error is None:
            buffered = yield from self._source.buffered()
            self._known, self._error = self._scan(buffered)
            if not self._known and self._error is None:
                self._read_error = yield from self._source.read_more(len(buffered))
        piece = self._source.take(min(size, self._known))
        self._known -= len(piece)
        self._total += len(piece)
        return piece, None if self._known else self._error

    def _scan(self, buffered: bytes) -> tuple[int, str | None]:
        """Return how many of these bytes are data, and the error behind them."""
        if not self._total:
            if buffered.startswith(self._boundary.dashed):
                return self._judged(buffered, 0, self._boundary.dashed)
            if self._boundary.dashed.startswith(buffered):
                return 0, self._read_error
        found = buffered.find(self._boundary.delimiter)
        if found >= 0:
            return self._judged(buffered, found, self._boundary.delimiter)
        if self._boundary.delimiter.startswith(buffered):
            return 0, self._read_error
        begin = buffered.rfind(self._boundary.delimiter[:1])
        if begin >= 0 and self._boundary.delimiter.startswith(buffered[begin:]):
            return begin, None
        return len(buffered), self._read_error

    def _judged(self, buffered: bytes, found: int, prefix: bytes) -> tuple[int, str | None]:
        """Return the same for bytes that have `prefix` at `found`."""
        stop = found + len(prefix)
        is_end = Boundary.judge(buffered, stop, self._read_error)
        if is_end is None:
            return found, None
        return (found, EOF) if is_end else (stop, None)


def read_to_end(reading: Steps[str], *, forgives: bool) -> Steps[None]:
    """Read a part to its end. Raises ParseError where that is an error, unless it `forgives`.

    Go goes on behind what it has read of a part that it skips.
    """
    try:
        error = yield from reading
    except DecodeError:
        if not forgives:
            raise
        return
    if error != EOF and not forgives:
        raise MultipartParseError(error)


def skip(piece: bytes) -> None:
    """Take a piece of a part that nobody reads."""


def copy(part: PartReader, emit: Callable[[bytes], None]) -> Steps[str]:
    """Read a part to its end, and return the error that ended it."""
    error = None
    while error is None:
        piece, error = yield from part.read(BUFFER_BYTES)
        if piece:
            emit(piece)
    return error


def decode(part: PartReader, emit: Callable[[bytes], None]) -> Steps[str]:
    """Do the same as `copy` through `quotedprintable.Reader`, which has a buffer of its own.

    Raises DecodeError.
    """
    held = b""
    behind: str | None = None
    error: str | None = None
    while error is None:
        stop = held.find(b"\n") + 1
        while not stop and behind is None and len(held) < BUFFER_BYTES:
            piece, behind = yield from part.read(BUFFER_BYTES - len(held))
            held += piece
            stop = held.find(b"\n") + 1
        if not stop:
            stop = len(held)
            error = behind or BUFFER_FULL
        emit(decode_line(held[:stop], error))
        held = held[stop:]
    return error
