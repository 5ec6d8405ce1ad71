"""The `Range` header of a request for a file (RFC 9110, section 14.2)."""

from __future__ import annotations

import re

from fake_apimart.contract import errors

_SINGLE_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.ASCII | re.IGNORECASE)


def byte_range(header: str, size: int) -> range | None:
    """Return the offsets that `header` requests of a file of `size` bytes, or None for all of it.

    A malformed header and multiple ranges select the whole file, as on S3. Raises `invalid_range`
    if the range is not satisfiable.
    """
    match = _SINGLE_RANGE.fullmatch(header)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= stop:
        raise errors.invalid_range(size)
    return range(start, stop)
