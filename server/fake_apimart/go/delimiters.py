"""Search for the boundary delimiter of a multipart body in a part's bytes."""

from __future__ import annotations

Data = bytes | bytearray


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
