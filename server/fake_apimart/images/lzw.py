"""LZW as in GIF, after Go's `compress/lzw`: the length of what codes unpack to, but no bytes."""

from __future__ import annotations

_MAX_WIDTH = 12


class InvalidCode(ValueError):
    """A code that nothing before it has defined."""


def unpacked_length(data: bytes, literal_bits: int, limit: int) -> tuple[int, int]:
    """Return how many bytes `data` unpacks to, and how many bytes of it that takes.

    The codes end at their own end code or with the data. Counting ends where the length exceeds
    `limit`. Raises InvalidCode.
    """
    clear = 1 << literal_bits
    end = clear + 1
    lengths = [1] * (1 << _MAX_WIDTH)
    width, newest, previous = literal_bits + 1, end, -1
    total = position = bits = available = 0
    while total <= limit:
        while available < width:
            if position == len(data):
                return total, position
            bits |= data[position] << available
            position += 1
            available += 8
        code = bits & (1 << width) - 1
        bits >>= width
        available -= width
        if code == clear:
            width, newest, previous = literal_bits + 1, end, -1
            continue
        if code == end:
            return total, position
        if code > newest:
            raise InvalidCode(f"code {code} is not defined")
        if previous >= 0:
            lengths[newest] = lengths[previous] + 1
        total += lengths[code] if code > end else 1
        previous, newest = code, newest + 1
        if newest == 1 << width:
            if width < _MAX_WIDTH:
                width += 1
            else:
                previous, newest = -1, newest - 1
    return total, position
