"""`mime/multipart.Reader`: an incremental parser that splits a multipart body into parts.

A push parser behind python-multipart's `BaseParser` interface, with the grammar of Go's reader:
what Go accepts (preambles, lines that end in LF alone, folded headers, blanks after a boundary,
a missing `--` at the end) is accepted, and what Go refuses is refused with Go's error text.

It is a state machine; `_STEPS` maps each state to the method that parses the next bytes.
Callbacks: `on_part_begin`, `on_headers_finished`, `on_part_data(data, start, end)`, `on_part_end`.
`header` is set between the first two; data is passed to the callback without a copy.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import IntEnum, auto
from typing import Any, ClassVar, NoReturn, cast

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import BaseParser

from fake_apimart.go import delimiters, part_reader, strconv
from fake_apimart.go.delimiters import Boundary, Data
from fake_apimart.go.part_reader import Input, PartReader, ReadAhead, Steps
from fake_apimart.go.textproto import BUFFER_BYTES, EOF, UNEXPECTED_EOF, MIMEHeaderReader

_LOGGER = logging.getLogger(__name__)


class State(IntEnum):
    """The construct that the next byte belongs to."""

    LINE = auto()
    """A line outside of parts: preamble or boundary delimiter."""
    HEADER = auto()
    DATA = auto()
    END = auto()
    """The epilogue, after the final delimiter or an end of input that Go accepts instead."""


# Looking a member up as an attribute of its class takes ten times as long.
LINE, HEADER, DATA, END = State


class MultipartReader(BaseParser):
    """Parses what `write` is given; `finalize` ends the input.

    Both raise MultipartParseError with Go's error text. `header_bytes` and `header_entries` bound
    the header of the next part; the owner may lower them in `on_part_begin`.
    """

    def __init__(self, boundary: bytes, callbacks: dict[str, Callable[..., Any]]) -> None:
        # BaseParser's own __init__ is not called: it looks the logger up for each form, under a
        # lock. Before python-multipart 0.0.31 each callback writes to the logger.
        self.logger = _LOGGER
        self.callbacks = callbacks  # type: ignore[assignment]
        if not boundary:
            raise MultipartParseError("multipart: boundary is empty")
        self.state = LINE
        self.header: dict[bytes, list[bytes]] = {}
        self.header_bytes = 0
        self.header_entries = 0
        self._boundary = Boundary(boundary)
        self._pending = b""
        self._parts = 0
        self._expect_new_part = False
        self._header_reader: MIMEHeaderReader | None = None
        self._data_started = self._skipping = self._is_quoted_printable = False
        self._offset = 0
        self._header_text = bytearray()
        self._ahead = ReadAhead()
        self._exact: tuple[Input, Steps[None]] | None = None

    def write(self, data: bytes | memoryview) -> int:
        """Parse the next bytes of the body and return their number, as BaseParser does.

        A memoryview must start at byte 0 of a bytearray; the data of parts is passed to the
        callback in that bytearray.
        """
        rest = data if isinstance(data, bytes) else self._write_view(data)
        if rest:
            whole = self._pending + rest if self._pending else rest
            position = self._advance(whole, None)
            self._offset += position
            self._pending = b"" if self.state is END else whole[position:]
        return len(data)

    def _write_view(self, view: memoryview) -> bytes:
        """Emit the leading bytes that can only be a part's data; return the rest of the view."""
        if self.state is not DATA or not self._data_started or self._pending:
            return bytes(view)
        # A memoryview has no `find`.
        data = cast("bytearray", view.obj)
        plain = self._boundary.start_in(data, 0, len(view))
        self._emit_data(data, 0, plain)
        self._offset += plain
        return bytes(view[plain:])

    def finalize(self, error: str = EOF) -> None:
        """Parse the end of the body; `error` is Go's error text, EOF at the announced end."""
        pending, self._pending = self._pending, b""
        self._advance(pending, error)

    def skip(self) -> None:
        """Discard the part's data and any error at its end; call from `on_headers_finished`."""
        self._skipping = True

    def decode_quoted_printable(self) -> None:
        """Decode the part's data; call from `on_headers_finished`."""
        self._is_quoted_printable = True

    def _advance(self, data: bytes, error: str | None) -> int:
        """Run steps until none makes progress and return the bytes consumed."""
        position = 0
        while (state := self.state) is not END:
            consumed = self._STEPS[state](self, data, position, error)
            position += consumed
            if not consumed and self.state is state:
                break
        return position

    # Each step parses from `data` at `position` on and returns the bytes consumed. `error` is None
    # while more may follow. A step that consumes nothing and keeps the state needs more input.

    def _line(self, data: bytes, position: int, error: str | None) -> int:
        end = data.find(b"\n", position, position + BUFFER_BYTES) + 1
        if not end:
            return self._handle_unfinished_line(data[position:], error)
        if not self._parts and (skipped := self._skip_preamble(data, position)):
            return skipped
        self._ahead.follow(ReadAhead.line, self._offset + position, self._offset + end)
        self._handle_line(data[position:end])
        return end - position

    def _handle_unfinished_line(self, line: bytes, error: str | None) -> int:
        # Go sees the announced end of a body together with its last bytes, so that a last line
        # that exactly fills the buffer still ends in EOF.
        if len(line) > BUFFER_BYTES or (len(line) == BUFFER_BYTES and error not in (None, EOF)):
            raise MultipartParseError("multipart: NextPart: bufio: buffer full")
        if error is None:
            return 0
        if error == EOF and self._boundary.is_final(line):
            self.state = END
            return len(line)
        raise MultipartParseError(f"multipart: NextPart: {error}")

    def _skip_preamble(self, data: bytes, position: int) -> int:
        """Return the bytes of whole lines that can be skipped before the first boundary."""
        if data.startswith(self._boundary.dashed, position):
            return 0
        stop = data.find(b"\n" + self._boundary.dashed, position) + 1
        stop = stop or data.rfind(b"\n", position) + 1
        lines = data[position:stop].split(b"\n")
        if max(map(len, lines)) >= BUFFER_BYTES:
            raise MultipartParseError("multipart: NextPart: bufio: buffer full")
        if self._offset < part_reader.TRACKED_BYTES:
            self._ahead.follow(ReadAhead.lines, self._offset + position, data[position:stop])
        return stop - position

    def _handle_line(self, line: bytes) -> None:
        if self._boundary.is_delimiter(line, is_first=not self._parts):
            self._begin_part()
        elif self._boundary.is_final(line):
            self.state = END
        elif self._expect_new_part:
            raise MultipartParseError(
                f"multipart: expecting a new Part; got line {strconv.quote(line)}"
            )
        elif self._parts and line == self._boundary.line_end:
            self._expect_new_part = True
        elif self._parts:
            raise MultipartParseError(
                f"multipart: unexpected line in Next(): {strconv.quote(line)}"
            )

    def _begin_part(self) -> None:
        self._parts += 1
        self._expect_new_part = False
        self.callback("part_begin")
        self._header_reader = MIMEHeaderReader(self.header_bytes, self.header_entries)
        self.state = HEADER

    def _header(self, data: bytes, position: int, error: str | None) -> int:
        reader = self._header_reader
        assert reader is not None
        consumed = reader.feed(data, position) - position
        if self._offset < part_reader.TRACKED_BYTES:
            self._header_text += data[position : position + consumed]
        if reader.done:
            text = bytes(self._header_text)
            self._header_text.clear()
            start = self._offset + position + consumed - len(text)
            self._ahead.follow(ReadAhead.header, start, text)
            self.header = reader.entries
            self._skipping = self._data_started = self._is_quoted_printable = False
            self.state = DATA
            self.callback("headers_finished")
            is_long = len(self._boundary.dashed) > part_reader.MAX_DASHED_BYTES
            if self._is_quoted_printable or is_long:
                source = Input(self._ahead)
                self._exact = source, self._read_exactly(source)
        elif error is not None:
            reader.finish(error)
            self.state = END
        return consumed

    def _read_exactly(self, source: Input) -> Steps[None]:
        """Read the part's data in the pieces in which Go reads it."""
        part = PartReader(source, self._boundary)
        read = part_reader.decode if self._is_quoted_printable else part_reader.copy
        emit = part_reader.skip if self._skipping else self._emit_piece
        yield from part_reader.read_to_end(read(part, emit), forgives=self._skipping)
        self._end_part()

    def _emit_piece(self, piece: bytes) -> None:
        self.callback("part_data", piece, 0, len(piece))

    def _data(self, data: bytes, position: int, error: str | None) -> int:
        if self._exact is not None:
            source, steps = self._exact
            source.offer(self._offset, data, position, error)
            for _ in steps:
                break
            else:
                self._exact = None
            return source.position - position
        if not self._data_started:
            at_start = self._boundary_at_start(data, position, error)
            if at_start is not None:
                return at_start
        delimiter = self._boundary.delimiter
        # Where a piece holds many parts, searching from its end would be quadratic.
        search = delimiters.find_from_end if self._parts == 1 else bytes.find
        found = search(data, delimiter, position, len(data))
        while found >= 0:
            match = Boundary.judge(data, found + len(delimiter), error)
            if match is None:
                return self._emit_data(data, position, found)
            if match:
                consumed = self._emit_data(data, position, found)
                start = self._offset + found
                self._ahead.follow(ReadAhead.line, start, start + len(delimiter) + 1)
                self._end_part()
                # Go reads the line break before a delimiter as a line of its own, after which it
                # expects a new part.
                self._expect_new_part = True
                return consumed + len(self._boundary.line_end)
            found = data.find(delimiter, found + len(delimiter))
        plain = delimiters.partial_match_start(data, position, len(data), delimiter)
        consumed = self._emit_data(data, position, plain)
        if error is not None:
            self._raise_truncated(error)
        return consumed

    def _boundary_at_start(self, data: bytes, position: int, error: str | None) -> int | None:
        """Handle a boundary at a part's first byte; return the bytes consumed, None if not one."""
        dashed = self._boundary.dashed
        rest = data[position : position + len(dashed)]
        match: bool | None = False
        if rest == dashed:
            match = Boundary.judge(data, position + len(rest), error)
        elif dashed.startswith(rest):
            match = None
            if error is not None:
                self._raise_truncated(error)
        if match is None:
            return 0
        following = data[position : position + len(dashed) + 1]
        self._ahead.follow(ReadAhead.data_start, self._offset + position, following, dashed)
        if match:
            self._end_part()
            return 0
        return self._emit_data(data, position, position + len(rest)) if rest == dashed else None

    def _emit_data(self, data: Data, start: int, end: int) -> int:
        if end > start:
            self._data_started = True
            self._ahead.follow_data(self._offset, data, start, end, self._boundary.delimiter)
            if not self._skipping:
                self.callback("part_data", data, start, end)  # type: ignore[arg-type]
        return end - start

    def _end_part(self) -> None:
        self.state = LINE
        if not self._skipping:
            self.callback("part_end")

    def _raise_truncated(self, error: str) -> NoReturn:
        """Raise the error for a body that ends within a part's data."""
        if self._skipping:
            # Go discards the error of a part that is not read, and meets the end a second time.
            raise MultipartParseError(f"multipart: NextPart: {error}")
        raise MultipartParseError(UNEXPECTED_EOF if error == EOF else error)

    _STEPS: ClassVar[dict[State, Callable[[MultipartReader, bytes, int, str | None], int]]] = {
        LINE: _line,
        HEADER: _header,
        DATA: _data,
    }
