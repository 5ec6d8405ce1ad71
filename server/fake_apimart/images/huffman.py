"""Huffman codes of a JPEG file: their tables, and the bits that they are read from (go)."""

from __future__ import annotations

from collections.abc import Iterator

from fake_apimart.images.picture_file import BrokenPicture, Content

Table = list[int]
"""By the next 16 bits: the symbol of the code that they begin with, and its length above 8 bits.

It is 0 for bits that begin with no code.
"""
_LONGEST = 16
_SHIFT = 8
_FILLED_BYTES = 8


def tables_in(data: Content) -> Iterator[tuple[int, Table]]:
    """Yield each table of a segment, behind the byte of its class and number."""
    at = 0
    while at < len(data):
        counts = data[at + 1 : at + 1 + _LONGEST]
        end = at + 1 + _LONGEST + sum(counts)
        if len(counts) < _LONGEST or not 0 < sum(counts) <= 256 or end > len(data):
            raise BrokenPicture("DHT has wrong length")
        yield data[at], _table(counts, data[end - sum(counts) : end])
        at = end


def _table(counts: Content, symbols: Content) -> Table:
    table: Table = []
    position = 0
    for length, count in enumerate(counts, 1):
        for symbol in symbols[position : position + count]:
            table += [length << _SHIFT | symbol] * (1 << _LONGEST - length)
        position += count
    if len(table) > 1 << _LONGEST:
        raise BrokenPicture("more Huffman codes than there can be")
    return table + [0] * ((1 << _LONGEST) - len(table))


class Bits:
    """The bits of compressed pixels between two markers. Reading beyond them is BrokenPicture."""

    __slots__ = ("_available", "_data", "_pool", "_position")

    def __init__(self, data: Content) -> None:
        self._data = data.replace(b"\xff\0", b"\xff")
        self._position = self._pool = self._available = 0

    def code(self, table: Table) -> int:
        """Read a code and return its symbol."""
        if self._available < _LONGEST:
            self._fill()
        spare = self._available - _LONGEST
        seen = self._pool >> spare if spare >= 0 else self._pool << -spare
        entry = table[seen & 0xFFFF]
        length = entry >> _SHIFT
        if not entry or length > self._available:
            raise BrokenPicture("bad Huffman code")
        self._available -= length
        return entry & 0xFF

    def bits(self, number: int) -> int:
        """Read bits, at most 16, as an unsigned integer."""
        if self._available < number:
            self._fill()
            if self._available < number:
                raise BrokenPicture("short Huffman data")
        self._available -= number
        return self._pool >> self._available & (1 << number) - 1

    def _fill(self) -> None:
        more = self._data[self._position : self._position + _FILLED_BYTES]
        self._position += len(more)
        rest = self._pool & (1 << self._available) - 1
        self._pool = rest << 8 * len(more) | int.from_bytes(more, "big")
        self._available += 8 * len(more)
