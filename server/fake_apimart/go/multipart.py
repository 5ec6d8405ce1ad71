"""`mime/multipart.Reader`: a multipart body, cut into parts as its bytes arrive.

A push parser behind python-multipart's `BaseParser` interface, with the grammar of Go's reader:
what Go accepts (preambles, lines that end in LF alone, folded headers, blanks behind a boundary,
a missing `--` at the end) is accepted, and what Go refuses is refused in Go's words.

The reader is always in one of the states below; `_STEPS` says what each does with the next bytes.
Callbacks: `on_part_begin`, `on_headers_finished`, `on_part_data(data, start, end)`, `on_part_end`.
Between the first two, `header` becomes the part's own; data reaches the callback without being
copied.
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
_BEHIND_BOUNDARY = b" \t\r\n"


class State(IntEnum):
    """What the next byte belongs to."""

    LINE = auto()
    """A line outside of parts: preamble, or boundary delimiter."""
    HEADER = auto()
    DATA = auto()
    END = auto()
    """The final delimiter has been, or the end that Go takes for one; the rest is epilogue."""


# Looked up as an attribute of its class, a member takes ten times as long.
LINE, HEADER, DATA, END = State


class MultipartReader(BaseParser):
    """Feed it with `write`, end it with `finalize`; both raise MultipartParseError in Go's words.

    `header_bytes` and `header_entries` bound the next part's header; the owner may lower them
    whenever a part begins. `skip()` in `on_headers_finished` drops the part's data.
    """

    def __init__(self, boundary: bytes, callbacks: dict[str, Callable[..., Any]]) -> None:
        # In place of BaseParser's own: that looks up the logger for each form, under a lock. Before
        # python-multipart 0.0.31 each callback writes to it.
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
        self._held = b""
        self._parts = 0
        self._expecting_part = False
        self._header_reader: MIMEHeaderReader | None = None
        self._data_begun = False
        self._skipping = False

    def write(self, data: bytes | memoryview) -> int:
        """Take the next bytes of the body; gives back how many, which is always all.

        A view must show a bytearray, from its first byte on. What the parts' data is of it reaches
        the callback in that bytearray.
        """
        rest = data if isinstance(data, bytes) else self._pass_view(data)
        if rest:
            whole = self._held + rest if self._held else rest
            position = self._run(whole, None)
            self._held = b"" if self.state is END else whole[position:]
        return len(data)

    def _pass_view(self, view: memoryview) -> bytes:
        """Pass on what is plainly a part's data; gives back the rest of the view."""
        if self.state is not DATA or not self._data_begun or self._held:
            return bytes(view)
        # Views cannot be searched.
        data = cast("bytearray", view.obj)
        plain = self._before_delimiter(data, 0, len(view))
        self._pass_data(data, 0, plain)
        return bytes(view[plain:])

    def finalize(self, error: str = EOF) -> None:
        """The body ended with Go's error text `error`: EOF at its announced end."""
        held, self._held = self._held, b""
        self._run(held, error)

    def skip(self) -> None:
        """Drop the data of the part whose header just ended, and what is wrong at its end."""
        self._skipping = True

    def _run(self, data: bytes, error: str | None) -> int:
        """Take steps until none gets further; gives back how many bytes they used."""
        position = 0
        while (state := self.state) is not END:
            used = self._STEPS[state](self, data, position, error)
            position += used
            if not used and self.state is state:
                break
        return position

    # Each step reads from `data` at `position` and gives back how many bytes it used. `error` is
    # None while more may come. A step that used nothing and kept the state waits for more.

    def _line(self, data: bytes, position: int, error: str | None) -> int:
        end = data.find(b"\n", position, position + BUFFER_BYTES) + 1
        if not end:
            return self._unfinished_line(data[position:], error)
        if not self._parts and (skipped := self._skip_preamble(data, position)):
            return skipped
        self._take_line(data[position:end])
        return end - position

    def _unfinished_line(self, line: bytes, error: str | None) -> int:
        # At its announced end a body and its last bytes arrive at once, so that a last line which
        # just fills the buffer still ends in EOF.
        if len(line) > BUFFER_BYTES or (len(line) == BUFFER_BYTES and error not in (None, EOF)):
            raise MultipartParseError("multipart: NextPart: bufio: buffer full")
        if error is None:
            return 0
        if error == EOF and self._is_final(line):
            self.state = END
            return len(line)
        raise MultipartParseError(f"multipart: NextPart: {error}")

    def _skip_preamble(self, data: bytes, position: int) -> int:
        """How many bytes of whole lines before the first boundary can be passed at once."""
        if data.startswith(self._dash_boundary, position):
            return 0
        stop = data.find(b"\n" + self._dash_boundary, position) + 1
        stop = stop or data.rfind(b"\n", position) + 1
        lines = data[position:stop].split(b"\n")
        if max(map(len, lines)) >= BUFFER_BYTES:
            raise MultipartParseError("multipart: NextPart: bufio: buffer full")
        return stop - position

    def _take_line(self, line: bytes) -> None:
        if self._is_delimiter(line):
            self._begin_part()
        elif self._is_final(line):
            self.state = END
        elif self._expecting_part:
            raise MultipartParseError(
                f"multipart: expecting a new Part; got line {strconv.quote(line)}"
            )
        elif self._parts:
            raise MultipartParseError(
                f"multipart: unexpected line in Next(): {strconv.quote(line)}"
            )

    def _is_delimiter(self, line: bytes) -> bool:
        if not line.startswith(self._dash_boundary):
            return False
        rest = line[len(self._dash_boundary) :].lstrip(_BLANKS)
        if not self._parts and rest == b"\n":
            # The first delimiter settles how lines end.
            self._line_end = b"\n"
        return rest == self._line_end

    def _is_final(self, line: bytes) -> bool:
        final = self._dash_boundary + b"--"
        return line.startswith(final) and line[len(final) :].lstrip(_BLANKS) in (
            b"",
            self._line_end,
        )

    def _begin_part(self) -> None:
        self._parts += 1
        self._expecting_part = False
        self.callback("part_begin")
        self._header_reader = MIMEHeaderReader(self.header_bytes, self.header_entries)
        self.state = HEADER

    def _header(self, data: bytes, position: int, error: str | None) -> int:
        reader = self._header_reader
        assert reader is not None
        used = reader.feed(data, position) - position
        if reader.done:
            self.header = reader.entries
            self._skipping = self._data_begun = False
            self.state = DATA
            self.callback("headers_finished")
        elif error is not None:
            reader.finish(error)
            self.state = END
        return used

    def _data(self, data: bytes, position: int, error: str | None) -> int:
        if not self._data_begun:
            at_start = self._boundary_at_start(data, position, error)
            if at_start is not None:
                return at_start
        delimiter = self._line_end + self._dash_boundary
        # For each of many parts in one piece, the search from the end would go through the rest.
        search = delimiters.find_from_end if self._parts == 1 else bytes.find
        found = search(data, delimiter, position, len(data))
        while found >= 0:
            match = self._match_behind(data, found + len(delimiter), error)
            if match is None:
                return self._pass_data(data, position, found)
            if match:
                used = self._pass_data(data, position, found)
                self._end_part()
                # The line end before it is a line of its own, behind which a part may begin.
                self._expecting_part = True
                return used + len(self._line_end)
            found = data.find(delimiter, found + len(delimiter))
        plain = delimiters.held_back(data, position, len(data), delimiter)
        used = self._pass_data(data, position, plain)
        if error is not None:
            self._cut_data(error)
        return used

    def _boundary_at_start(self, data: bytes, position: int, error: str | None) -> int | None:
        """What to do where a part's first bytes may be a boundary; None where they are not one."""
        rest = data[position : position + len(self._dash_boundary)]
        if rest == self._dash_boundary:
            match = self._match_behind(data, position + len(rest), error)
            if match is None:
                return 0
            if match:
                self._end_part()
                return 0
            return self._pass_data(data, position, position + len(rest))
        if self._dash_boundary.startswith(rest):
            if error is not None:
                self._cut_data(error)
            return 0
        return None

    def _match_behind(self, data: bytes, position: int, error: str | None) -> bool | None:
        """Whether what stands behind a boundary makes it one; None where more is needed."""
        behind = data[position : position + 2]
        if not behind:
            return None if error is None else True
        if behind == b"-":
            return None if error is None else False
        return behind == b"--" or behind[0] in _BEHIND_BOUNDARY

    def _before_delimiter(self, data: Data, start: int, end: int) -> int:
        """Where what may be a boundary begins, or may go on behind the end; else the end."""
        delimiter = self._line_end + self._dash_boundary
        found = delimiters.find_from_end(data, delimiter, start, end)
        return found if found >= 0 else delimiters.held_back(data, start, end, delimiter)

    def _pass_data(self, data: Data, start: int, end: int) -> int:
        if end > start:
            self._data_begun = True
            if not self._skipping:
                self.callback("part_data", data, start, end)  # type: ignore[arg-type]
        return end - start

    def _end_part(self) -> None:
        self.state = LINE
        if not self._skipping:
            self.callback("part_end")

    def _cut_data(self, error: str) -> NoReturn:
        """The body ended within a part's data."""
        if self._skipping:
            # Go drops what is wrong with a part that nobody reads, and meets the end again.
            raise MultipartParseError(f"multipart: NextPart: {error}")
        raise MultipartParseError(UNEXPECTED_EOF if error == EOF else error)

    _STEPS: ClassVar[dict[State, Callable[[MultipartReader, bytes, int, str | None], int]]] = {
        LINE: _line,
        HEADER: _header,
        DATA: _data,
    }
