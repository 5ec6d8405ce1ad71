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

from fake_apimart.go import delimiters, strconv
from fake_apimart.go.delimiters import Data
from fake_apimart.go.textproto import BUFFER_BYTES, EOF, MIMEHeaderReader

UNEXPECTED_EOF = "unexpected EOF"

_LOGGER = logging.getLogger(__name__)
_BLANKS = b" \t"
_AFTER_BOUNDARY = b" \t\r\n"


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
        self._dash_boundary = b"--" + boundary
        self._line_end = b"\r\n"
        self._pending = b""
        self._parts = 0
        self._expect_new_part = False
        self._header_reader: MIMEHeaderReader | None = None
        self._data_started = False
        self._skipping = False

    def write(self, data: bytes | memoryview) -> int:
        """Parse the next bytes of the body and return their number, as BaseParser does.

        A memoryview must start at byte 0 of a bytearray; the data of parts is passed to the
        callback in that bytearray.
        """
        rest = data if isinstance(data, bytes) else self._write_view(data)
        if rest:
            whole = self._pending + rest if self._pending else rest
            position = self._advance(whole, None)
            self._pending = b"" if self.state is END else whole[position:]
        return len(data)

    def _write_view(self, view: memoryview) -> bytes:
        """Emit the leading bytes that can only be a part's data; return the rest of the view."""
        if self.state is not DATA or not self._data_started or self._pending:
            return bytes(view)
        # A memoryview has no `find`.
        data = cast("bytearray", view.obj)
        plain = self._delimiter_start(data, 0, len(view))
        self._emit_data(data, 0, plain)
        return bytes(view[plain:])

    def finalize(self, error: str = EOF) -> None:
        """Parse the end of the body; `error` is Go's error text, EOF at the announced end."""
        pending, self._pending = self._pending, b""
        self._advance(pending, error)

    def skip(self) -> None:
        """Discard the part's data and any error at its end; call from `on_headers_finished`."""
        self._skipping = True

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
        self._handle_line(data[position:end])
        return end - position

    def _handle_unfinished_line(self, line: bytes, error: str | None) -> int:
        # Go sees the announced end of a body together with its last bytes, so that a last line
        # that exactly fills the buffer still ends in EOF.
        if len(line) > BUFFER_BYTES or (len(line) == BUFFER_BYTES and error not in (None, EOF)):
            raise MultipartParseError("multipart: NextPart: bufio: buffer full")
        if error is None:
            return 0
        if error == EOF and self._is_final_boundary(line):
            self.state = END
            return len(line)
        raise MultipartParseError(f"multipart: NextPart: {error}")

    def _skip_preamble(self, data: bytes, position: int) -> int:
        """Return the bytes of whole lines that can be skipped before the first boundary."""
        if data.startswith(self._dash_boundary, position):
            return 0
        stop = data.find(b"\n" + self._dash_boundary, position) + 1
        stop = stop or data.rfind(b"\n", position) + 1
        lines = data[position:stop].split(b"\n")
        if max(map(len, lines)) >= BUFFER_BYTES:
            raise MultipartParseError("multipart: NextPart: bufio: buffer full")
        return stop - position

    def _handle_line(self, line: bytes) -> None:
        if self._is_boundary_delimiter(line):
            self._begin_part()
        elif self._is_final_boundary(line):
            self.state = END
        elif self._expect_new_part:
            raise MultipartParseError(
                f"multipart: expecting a new Part; got line {strconv.quote(line)}"
            )
        elif self._parts:
            raise MultipartParseError(
                f"multipart: unexpected line in Next(): {strconv.quote(line)}"
            )

    def _is_boundary_delimiter(self, line: bytes) -> bool:
        if not line.startswith(self._dash_boundary):
            return False
        rest = line[len(self._dash_boundary) :].lstrip(_BLANKS)
        if not self._parts and rest == b"\n":
            # The first delimiter decides the line ending of the whole body.
            self._line_end = b"\n"
        return rest == self._line_end

    def _is_final_boundary(self, line: bytes) -> bool:
        final = self._dash_boundary + b"--"
        return line.startswith(final) and line[len(final) :].lstrip(_BLANKS) in (
            b"",
            self._line_end,
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
        if reader.done:
            self.header = reader.entries
            self._skipping = self._data_started = False
            self.state = DATA
            self.callback("headers_finished")
        elif error is not None:
            reader.finish(error)
            self.state = END
        return consumed

    def _data(self, data: bytes, position: int, error: str | None) -> int:
        if not self._data_started:
            at_start = self._boundary_at_start(data, position, error)
            if at_start is not None:
                return at_start
        delimiter = self._line_end + self._dash_boundary
        # Where a piece holds many parts, searching from its end would be quadratic.
        search = delimiters.find_from_end if self._parts == 1 else bytes.find
        found = search(data, delimiter, position, len(data))
        while found >= 0:
            match = self._match_after_prefix(data, found + len(delimiter), error)
            if match is None:
                return self._emit_data(data, position, found)
            if match:
                consumed = self._emit_data(data, position, found)
                self._end_part()
                # Go reads the line break before a delimiter as a line of its own, after which it
                # expects a new part.
                self._expect_new_part = True
                return consumed + len(self._line_end)
            found = data.find(delimiter, found + len(delimiter))
        plain = delimiters.partial_match_start(data, position, len(data), delimiter)
        consumed = self._emit_data(data, position, plain)
        if error is not None:
            self._raise_truncated(error)
        return consumed

    def _boundary_at_start(self, data: bytes, position: int, error: str | None) -> int | None:
        """Handle a boundary at a part's first byte; return the bytes consumed, None if not one."""
        rest = data[position : position + len(self._dash_boundary)]
        if rest == self._dash_boundary:
            match = self._match_after_prefix(data, position + len(rest), error)
            if match is None:
                return 0
            if match:
                self._end_part()
                return 0
            return self._emit_data(data, position, position + len(rest))
        if self._dash_boundary.startswith(rest):
            if error is not None:
                self._raise_truncated(error)
            return 0
        return None

    def _match_after_prefix(self, data: bytes, position: int, error: str | None) -> bool | None:
        """Return whether the bytes after a boundary make it one, or None if more are needed."""
        following = data[position : position + 2]
        if not following:
            return None if error is None else True
        if following == b"-":
            return None if error is None else False
        return following == b"--" or following[0] in _AFTER_BOUNDARY

    def _delimiter_start(self, data: Data, start: int, end: int) -> int:
        """Return where a delimiter begins, possibly one that is cut off at `end`; else `end`."""
        delimiter = self._line_end + self._dash_boundary
        found = delimiters.find_from_end(data, delimiter, start, end)
        return found if found >= 0 else delimiters.partial_match_start(data, start, end, delimiter)

    def _emit_data(self, data: Data, start: int, end: int) -> int:
        if end > start:
            self._data_started = True
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
