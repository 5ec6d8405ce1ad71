"""The boundary of a multipart body: its lines, and the search for it in a part's bytes."""

from __future__ import annotations

Data = bytes | bytearray

_BLANKS = b" \t"
_AFTER_BOUNDARY = b" \t\r\n"


class Boundary:
    """A boundary: `dashed` with the two dashes before it, `delimiter` with the line end too.

    The first delimiter decides the `line_end` of the whole body.
    """

    __slots__ = ("dashed", "delimiter", "line_end")

    def __init__(self, boundary: bytes) -> None:
        self.dashed = b"--" + boundary
        self.line_end = b"\r\n"
        self.delimiter = self.line_end + self.dashed

    def is_delimiter(self, line: bytes, *, is_first: bool) -> bool:
        """Return whether a line begins a part; the `is_first` one may end in LF alone."""
        if not line.startswith(self.dashed):
            return False
        rest = line[len(self.dashed) :].lstrip(_BLANKS)
        if is_first and rest == b"\n":
            self.line_end = b"\n"
            self.delimiter = self.line_end + self.dashed
        return rest == self.line_end

    def is_final(self, line: bytes) -> bool:
        """Return whether a line ends the form."""
        final = self.dashed + b"--"
        rest = line[len(final) :].lstrip(_BLANKS)
        return line.startswith(final) and rest in (b"", self.line_end)

    def start_in(self, data: Data, start: int, end: int) -> int:
        """Return where a delimiter begins, possibly one that is cut off at `end`; else `end`."""
        found = find_from_end(data, self.delimiter, start, end)
        return found if found >= 0 else partial_match_start(data, start, end, self.delimiter)

    @staticmethod
    def judge(data: bytes, stop: int, error: str | None) -> bool | None:
        """Return whether what follows a boundary at `stop` makes it one, None if more is needed.

        `error` is how the input ended behind `data`, None while more may follow.
        """
        following = data[stop : stop + 2]
        if not following:
            return None if error is None else True
        if following == b"-":
            return None if error is None else False
        return following == b"--" or following[0] in _AFTER_BOUNDARY


def find_from_end(data: Data, delimiter: bytes, start: int, end: int) -> int:
    """Return the same as `data.find`, faster where the delimiter is rare.

    Most of a file holds no delimiter, and CPython's `rfind` skips a whole delimiter's length at
    each byte that does not occur in the delimiter.
    """
    first = -1
    while (found := data.rfind(delimiter, start, end)) >= 0:
        first = end = found
    return first


def partial_match_start(data: Data, start: int, end: int, delimiter: bytes) -> int:
    """Return where a delimiter that is cut off at `end` may begin, or `end` if none can."""
    last = data.rfind(delimiter[:1], max(start, end - len(delimiter)), end)
    return last if last >= 0 and delimiter.startswith(bytes(data[last:end])) else end
