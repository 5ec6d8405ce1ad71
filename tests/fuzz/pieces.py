"""Cutting an input into pieces, as a connection may bring it."""

from __future__ import annotations

from collections.abc import Iterator


def cut(data: bytes, seed: int) -> Iterator[bytes]:
    """Yield all of `data` in pieces of one to sixteen bytes, whose sizes follow from `seed`."""
    position = 0
    while position < len(data):
        seed = (seed * 1_103_515_245 + 12_345) % 2**31
        size = 1 + (seed >> 16) % 16
        yield data[position : position + size]
        position += size
