"""The compressed pixels of a JPEG file: whether all are there, as Go's `image/jpeg` finds (go).

libjpeg, which Pillow decodes with, makes up what is missing. This reads every code of a baseline or
progressive picture and keeps no values, only which coefficients are not zero: the codes of a
progressive picture depend on that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from fake_apimart.images.huffman import Bits, Table, tables_in
from fake_apimart.images.picture_file import BrokenPicture, Content

_BASELINE, _PROGRESSIVE = 0xC0, 0xC2
_FRAMES = (_BASELINE, 0xC1, _PROGRESSIVE)
_TABLES, _SCAN, _INTERVAL = 0xC4, 0xDA, 0xDD
_AC = 0x10
"""The class of tables for all coefficients but the first, in the byte that names a table."""
_LAST = 63
_ZERO_RUN = 15
_MOST_DC_BITS = 16
_RESTART = re.compile(rb"\xff+([\xd0-\xd7])")
_NO_TABLE: Table = [0] * (1 << 16)


class _Component(NamedTuple):
    """A colour component: its sampling factors, and the non-zero coefficients of its blocks."""

    across: int
    down: int
    masks: list[int]


class _Scan(NamedTuple):
    """A scan: each component with its tables, the coefficients from first to last, the bit."""

    parts: list[tuple[_Component, Table, Table]]
    first: int
    last: int
    refines: bool


class Unsupported(Exception):
    """A picture of a kind that is not checked here."""


def check_pixels(segments: Sequence[tuple[int, Content]]) -> None:
    """Check the scans of a picture, from its segments behind their lengths.

    Raises BrokenPicture. A picture of a kind that Go does not decode passes.
    """
    checker = _Checker()
    try:
        for marker, data in segments:
            checker.feed(marker, data)
    except Unsupported:
        return
    except IndexError:
        raise BrokenPicture("a segment has wrong length") from None


class _Checker:
    def __init__(self) -> None:
        self._components: dict[int, _Component] = {}
        self._tables: dict[int, Table] = {}
        self._interval = 0
        self._is_progressive = False
        self._highest_table = 3
        self._end_run = 0
        self._width = self._height = self._columns = self._lines = 0

    def feed(self, marker: int, data: Content) -> None:
        """Take in a segment: its length, its parameters, and the pixels of a scan."""
        end = int.from_bytes(data[:2], "big")
        parameters = data[2:end]
        if marker in _FRAMES:
            self._is_progressive = marker == _PROGRESSIVE
            self._highest_table = 1 if marker == _BASELINE else 3
            self._begin(parameters)
        elif marker == _TABLES:
            self._tables.update(tables_in(parameters))
        elif marker == _INTERVAL:
            self._interval = int.from_bytes(parameters, "big")
        elif marker == _SCAN:
            self._read(self._scan(parameters), data[end:])
        elif 0xC3 <= marker <= 0xCF:
            raise Unsupported

    def _begin(self, frame: Content) -> None:
        self._height, self._width = (int.from_bytes(frame[at : at + 2], "big") for at in (1, 3))
        described = [frame[at : at + 3] for at in range(6, len(frame), 3)]
        sampling = [(each[1] >> 4, each[1] & 15) for each in described]
        if len(sampling) == 1:
            sampling = [(1, 1)]
        across, down = sampling[0]
        if sampling[0] not in _SAMPLINGS or any(
            not each[0] or not each[1] or across % each[0] or down % each[1] for each in sampling
        ):
            raise Unsupported
        self._columns = -(-self._width // (8 * across))
        self._lines = -(-self._height // (8 * down))
        for each, (h, v) in zip(described, sampling, strict=True):
            blocks = self._columns * self._lines * h * v if self._is_progressive else 1
            self._components[each[0]] = _Component(h, v, [0] * blocks)

    def _scan(self, parameters: Content) -> _Scan:
        number = parameters[0]
        chosen = [parameters[at : at + 2] for at in range(1, 1 + 2 * number, 2)]
        if len(parameters) != 4 + 2 * number or len({each[0] for each in chosen}) != number:
            raise BrokenPicture("SOS has wrong length, or a component twice")
        if not all(each[0] in self._components for each in chosen):
            raise BrokenPicture("unknown component selector")
        if max(max(divmod(each[1], 16)) for each in chosen) > self._highest_table:
            raise BrokenPicture("bad Td or Ta value")
        parts = [
            (
                self._components[each[0]],
                self._tables.get(each[1] >> 4, _NO_TABLE),
                self._tables.get(_AC | each[1] & 15, _NO_TABLE),
            )
            for each in chosen
        ]
        if not self._is_progressive:
            return _Scan(parts, 0, _LAST, refines=False)
        first, last, bits = parameters[-3:]
        if (first == 0 and last != 0) or first > last or last > _LAST or (first and number != 1):
            raise BrokenPicture("bad spectral selection bounds")
        return _Scan(parts, first, last, refines=bits >> 4 != 0)

    def _read(self, scan: _Scan, pixels: Content) -> None:
        single = scan.parts[0][0] if len(scan.parts) == 1 else None
        if single and self._interval and single.across * single.down > 1:
            # Go counts the intervals of such a scan in another way than encoders do.
            raise Unsupported
        intervals = _intervals(pixels)
        bits = next(intervals)
        read = self._reader(scan)
        for unit in range(self._columns * self._lines):
            if self._interval and unit and unit % self._interval == 0:
                bits, self._end_run = next(intervals), 0
            for part in scan.parts:
                for block in self._blocks(unit, part[0], is_single=single is not None):
                    read(bits, scan, part, block)

    def _blocks(self, unit: int, component: _Component, *, is_single: bool) -> Iterator[int]:
        """Yield the numbers of a component's blocks in a unit of several, in their order."""
        across, down = component.across, component.down
        line_blocks = self._columns * across
        for number in range(across * down):
            if is_single:
                block = unit * across * down + number
                y, x = divmod(block, line_blocks)
                if x * 8 >= self._width or y * 8 >= self._height:
                    continue
            else:
                y, x = divmod(unit, self._columns)
                y, x = y * down + number // across, x * across + number % across
            yield y * line_blocks + x if self._is_progressive else 0

    def _reader(self, scan: _Scan) -> _Reader:
        if not scan.refines:
            return self._read_block
        return self._refine_block if scan.first else _refine_first

    def _read_block(self, bits: Bits, scan: _Scan, part: _Part, block: int) -> None:
        component, dc, ac = part
        at, seen = scan.first, 0
        if at == 0:
            at = 1
            size = bits.code(dc)
            if size > _MOST_DC_BITS:
                raise Unsupported
            bits.bits(size)
        if at <= scan.last and self._end_run:
            self._end_run -= 1
            return
        while at <= scan.last:
            zeros, size = divmod(bits.code(ac), 16)
            if size:
                at += zeros
                if at > scan.last:
                    break
                bits.bits(size)
                seen |= 1 << at
            elif zeros != _ZERO_RUN:
                self._end_run = (1 << zeros | bits.bits(zeros)) - 1
                break
            else:
                at += _ZERO_RUN
            at += 1
        component.masks[block] |= seen

    def _refine_block(self, bits: Bits, scan: _Scan, part: _Part, block: int) -> None:
        component, _, ac = part
        at, mask = scan.first, component.masks[block]
        while not self._end_run and at <= scan.last:
            zeros, size = divmod(bits.code(ac), 16)
            if size > 1:
                raise BrokenPicture("unexpected Huffman code")
            if size:
                bits.bits(1)
            elif zeros != _ZERO_RUN:
                self._end_run = 1 << zeros | bits.bits(zeros)
                break
            at = _refine(bits, mask, at, scan.last, zeros)
            if at > scan.last:
                raise BrokenPicture("too many coefficients")
            mask |= size << at
            at += 1
        if self._end_run:
            self._end_run -= 1
            _refine(bits, mask, at, scan.last, -1)
        component.masks[block] = mask


_Part = tuple[_Component, Table, Table]
_Reader = Callable[[Bits, _Scan, _Part, int], None]
_SAMPLINGS = {(1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2)}
"""The sampling factors of a first component that Go decodes, across and down."""


def _refine_first(bits: Bits, _scan: _Scan, _part: _Part, _block: int) -> None:
    bits.bits(1)


def _refine(bits: Bits, mask: int, at: int, last: int, zeros: int) -> int:
    """Read a bit for each non-zero coefficient, up to that behind `zeros` others; return it."""
    while at <= last:
        if mask >> at & 1:
            bits.bits(1)
        elif zeros == 0:
            break
        else:
            zeros -= 1
        at += 1
    return at


def _intervals(pixels: Content) -> Iterator[Bits]:
    """Yield the bits before, between and behind the restart markers, which count in turn."""
    first, *rest = _RESTART.split(pixels)
    yield Bits(first)
    for number, (marker, data) in enumerate(zip(rest[::2], rest[1::2], strict=True)):
        if marker[0] != 0xD0 + number % 8:
            break
        yield Bits(data)
    raise BrokenPicture("bad RST marker")
