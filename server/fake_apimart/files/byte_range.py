"""The `Range` header of a request for a file (RFC 9110, section 14.2)."""

from __future__ import annotations

import re

from fake_apimart.contract import errors

_SINGLE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.ASCII | re.IGNORECASE)


def byte_range(header: str, size: int) -> range | None:
    """The offsets that `header` asks for in a file of `size` bytes; None for all of it.

    What is malformed, and several ranges at once, give the whole file, as S3 does. Raises
    `invalid_range` where no byte of the file is asked for.
    """
    match = _SINGLE.fullmatch(header)
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
