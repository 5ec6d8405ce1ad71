"""The `Range` header of a request for a file (RFC 9110, section 14.2)."""

from __future__ import annotations

import re

from fake_apimart.contract import errors

_SINGLE_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.ASCII | re.IGNORECASE)
_DIGITS = 18
"""How many digits an offset has at most that lies within any file."""


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
        start, stop = max(0, size - _offset(last)), size
    else:
        start, stop = _offset(first), min(size, _offset(last) + 1) if last else size
        if last and _is_less(last, first):
            return None
    if start >= stop:
        raise errors.invalid_range(size)
    return range(start, stop)


def _offset(digits: str) -> int:
    """Return a number of any length, or one beyond the end of any file for a longer one."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _DIGITS else 10**_DIGITS


def _is_less(digits: str, others: str) -> bool:
    digits, others = digits.lstrip("0"), others.lstrip("0")
    return (len(digits), digits) < (len(others), others)
