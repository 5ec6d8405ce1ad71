"""Where the delimiter of a multipart body stands among a part's bytes."""

from __future__ import annotations

Data = bytes | bytearray


def find_from_end(data: Data, delimiter: bytes, start: int, end: int) -> int:
    """What `data.find` gives back, sooner where there are few.

    Most of a file holds no delimiter, and from the end CPython leaps a whole one wherever a byte is
    none of the delimiter's.
    """
    first = -1
    while (found := data.rfind(delimiter, start, end)) >= 0:
        first = end = found
    return first


def held_back(data: Data, start: int, end: int, delimiter: bytes) -> int:
    """Where the last bytes begin that may yet turn out to be the delimiter; else the end."""
    last = data.rfind(delimiter[:1], max(start, end - len(delimiter)), end)
    return last if last >= 0 and delimiter.startswith(bytes(data[last:end])) else end
