"""PNG: the chunks of a file, checked as Go's `image/png` checks them (go).

Every chunk up to the last must have its checksum. Text, profiles and the frames of an animation are
skipped, whatever they hold.
"""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Iterator

from fake_apimart.images.exif import UPRIGHT, orientation_of
from fake_apimart.images.picture_file import BrokenPicture, Content, PictureFile, Size, take

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_LENGTH = 0x7FFFFFFF
_GREY, _TRUE_COLOUR, _PALETTE, _GREY_ALPHA, _TRUE_COLOUR_ALPHA = 0, 2, 3, 4, 6
_DEPTHS = {
    _GREY: (1, 2, 4, 8, 16),
    _TRUE_COLOUR: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GREY_ALPHA: (8, 16),
    _TRUE_COLOUR_ALPHA: (8, 16),
}
"""By colour type: the bits per sample that it may have."""
_PALETTE_BYTES = 768
_GREY_STEPS = {1: 0xFF, 2: 0x55, 4: 0x11}
"""By bits per sample: what a grey value is multiplied by to become one of 8 bits."""
_SAMPLES = {_GREY: 1, _TRUE_COLOUR: 3, _PALETTE: 1, _GREY_ALPHA: 2, _TRUE_COLOUR_ALPHA: 4}
"""By colour type: how many samples a pixel has."""
_PASSES = {
    0: ((0, 0, 1, 1),),
    1: (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ),
}
"""By interlace method: the first column and row of each pass, and the steps to the next ones."""
_UNPACKED_BYTES = 2**20
"""How much of the pixels is in memory at once while they are counted."""
_STAGES = {b"IHDR": 1, b"PLTE": 2, b"tRNS": 3, b"IDAT": 4, b"IEND": 5}
"""The chunks that decoding needs, in their order."""


class _Header:
    """The chunk `IHDR`. Raises BrokenPicture if it is not valid."""

    def __init__(self, data: Content) -> None:
        if len(data) != 13:
            raise BrokenPicture("bad IHDR length")
        width, height, self.depth, self.colour, *methods = struct.unpack(">iiBBBBB", data)
        self.size: Size = (width, height)
        self._passes = _PASSES.get(methods[2], ())
        if methods[:2] != [0, 0] or not self._passes:
            raise BrokenPicture("unknown compression, filter or interlace method")
        if width <= 0 or height <= 0:
            raise BrokenPicture("non-positive dimension")
        if self.depth not in _DEPTHS.get(self.colour, ()):
            raise BrokenPicture("unknown bit depth and colour type")

    @property
    def pixel_bytes(self) -> int:
        """How many bytes the pixels unpack to, with a byte for the filter of each line."""
        bits, total = self.depth * _SAMPLES[self.colour], 0
        for left, top, across, down in self._passes:
            columns = -(-(self.size[0] - left) // across)
            lines = -(-(self.size[1] - top) // down)
            total += lines * (1 + (columns * bits + 7) // 8) if columns > 0 else 0
        return total


def read(content: Content) -> PictureFile:
    """Take the picture out of a PNG file. Raises BrokenPicture."""
    header: _Header | None = None
    kept: list[Content] = [SIGNATURE]
    pixels: list[Content] = []
    orientation, stage, previous = UPRIGHT, 0, b""
    for name, data in _chunks(content):
        if name == b"eXIf" and orientation == UPRIGHT:
            orientation = orientation_of(bytes(data))
        is_stray = name == b"IDAT" and stage == _STAGES[b"IDAT"] and previous != b"IDAT"
        if name in _STAGES and not is_stray:
            _check_order(name, stage, header)
            stage = _STAGES[name]
            header = header or _Header(data)
            if name == b"IDAT":
                pixels.append(data)
            kept.append(_chunk(name, _CLEANERS.get(name, _as_it_is)(data, header)))
        previous = name
    if header is None:
        raise BrokenPicture("no IHDR")
    verify = functools.partial(_check_pixels, pixels, header.pixel_bytes)
    return PictureFile("PNG", header.size, b"".join(kept), orientation, verify=verify)


def _check_pixels(pieces: list[Content], expected: int) -> None:
    """Check that the compressed pixels unpack to `expected` bytes, and their checksum."""
    unpacking, unpacked = zlib.decompressobj(), 0
    try:
        for piece in pieces:
            rest: Content = piece
            while rest and not unpacking.eof and unpacked <= expected:
                unpacked += len(unpacking.decompress(rest, _UNPACKED_BYTES))
                rest = unpacking.unconsumed_tail
        while not unpacking.eof and (more := unpacking.decompress(b"", _UNPACKED_BYTES)):
            unpacked += len(more)
    except zlib.error as error:
        raise BrokenPicture(str(error)) from None
    if not unpacking.eof or unpacked != expected:
        raise BrokenPicture("not enough pixel data, or too much")


def _chunks(content: Content) -> Iterator[tuple[bytes, Content]]:
    """Yield the name and data of each chunk, `IEND` included. Raises BrokenPicture."""
    at, name = len(SIGNATURE), b""
    while name != b"IEND":
        length, name = struct.unpack(">I4s", take(content, at, 8))
        if length > _MAX_LENGTH:
            raise BrokenPicture("bad chunk length")
        data = take(content, at + 8, length)
        (checksum,) = struct.unpack(">I", take(content, at + 8 + length, 4))
        if zlib.crc32(data, zlib.crc32(name)) != checksum:
            raise BrokenPicture("invalid checksum")
        yield name, data
        at += 12 + length


def _check_order(name: bytes, stage: int, header: _Header | None) -> None:
    needs_palette = header is not None and header.colour == _PALETTE
    allowed = {
        b"IHDR": (0,),
        b"PLTE": (1,),
        b"tRNS": (2,) if needs_palette else (1, 2),
        b"IDAT": (2, 3, 4) if needs_palette else (1, 2, 3, 4),
        b"IEND": (4,),
    }
    if stage not in allowed[name]:
        raise BrokenPicture("chunk out of order")


def _chunk(name: bytes, data: Content) -> bytes:
    checksum = zlib.crc32(data, zlib.crc32(name))
    return struct.pack(">I4s", len(data), name) + data + struct.pack(">I", checksum)


def _as_it_is(data: Content, _: _Header) -> Content:
    return data


def _palette(data: Content, header: _Header) -> Content:
    """Check the palette, and fill it up: pixels beyond it are black (go)."""
    colours, rest = divmod(len(data), 3)
    if rest or not 0 < colours <= min(256, 1 << header.depth):
        raise BrokenPicture("bad PLTE length")
    if header.colour in (_GREY, _GREY_ALPHA):
        raise BrokenPicture("PLTE, colour type mismatch")
    return data.ljust(_PALETTE_BYTES, b"\0")


def _transparency(data: Content, header: _Header) -> Content:
    """Check the transparent colour, and state it in the 8 bits that Pillow compares it in."""
    if header.colour == _PALETTE and len(data) <= 256:
        return data
    if header.colour == _GREY and len(data) == 2:
        (grey,) = struct.unpack(">H", data)
        step = _GREY_STEPS.get(header.depth)
        return data if step is None else struct.pack(">H", grey * step & 0xFF)
    if header.colour == _TRUE_COLOUR and len(data) == 6:
        shift = header.depth - 8
        return struct.pack(">3H", *(value >> shift & 0xFF for value in struct.unpack(">3H", data)))
    raise BrokenPicture("bad tRNS length")


def _end(data: Content, _: _Header) -> Content:
    if data:
        raise BrokenPicture("bad IEND length")
    return data


_CLEANERS = {b"PLTE": _palette, b"tRNS": _transparency, b"IEND": _end}
