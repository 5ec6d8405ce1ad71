"""GIF: the blocks of a file up to the end of its first image, as Go's `image/gif` reads them (go).

What is behind the first image is not looked at: further frames and the trailer may be missing.
"""

from __future__ import annotations

import struct
from itertools import accumulate
from typing import NamedTuple

from fake_apimart.images.lzw import InvalidCode, unpacked_length
from fake_apimart.images.picture_file import BrokenPicture, Content, PictureFile, Size, take

SIGNATURE = b"GIF8"
_EXTENSION, _IMAGE, _TRAILER = b"!", b",", b";"
_TEXT, _GRAPHIC_CONTROL, _COMMENT, _APPLICATION = b"\x01", b"\xf9", b"\xfe", b"\xff"
_TEXT_BYTES = 13
_HAS_TABLE = 0x80
_TABLE_SIZE_BITS = 0x07
_IS_TRANSPARENT = 0x01
_LAST_INDEX = 255


class _Reader:
    """Reads a file from its begin to its end. Raises BrokenPicture where the file ends early."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.position = 0

    def take(self, length: int) -> bytes:
        self.position += length
        return bytes(take(self._content, self.position - length, length))

    def take_blocks(self) -> list[bytes]:
        """Take data blocks, and the empty one that ends them."""
        blocks: list[bytes] = []
        while length := self.take(1)[0]:
            blocks.append(self.take(length))
        return blocks


class _Image(NamedTuple):
    """An image: its head up to the size of codes, and its compressed pixels in blocks.

    `colours` is how many its own table has.
    """

    head: bytes
    blocks: list[bytes]
    pixels: int
    colours: int

    def to_bytes(self) -> bytes:
        lengths = (bytes([len(block)]) for block in self.blocks)
        framed = (part for pair in zip(lengths, self.blocks, strict=True) for part in pair)
        return b"".join([self.head, *framed, b"\0"])

    def verify(self) -> None:
        """Check that the blocks hold the pixels, and little else. Raises BrokenPicture."""
        data = b"".join(self.blocks)
        try:
            unpacked, read = unpacked_length(data, self.head[-1], self.pixels)
        except InvalidCode as error:
            raise BrokenPicture(str(error)) from None
        if unpacked != self.pixels:
            raise BrokenPicture("not enough image data, or too much")
        # Some encoders write a byte too many: the rest of a block, or one of a single byte (go).
        ends = list(accumulate(map(len, self.blocks)))
        unread = [block for block, end in zip(self.blocks, ends, strict=True) if end > read]
        if len(unread) > 1 or (read in ends and unread and len(unread[0]) > 1):
            raise BrokenPicture("too much image data")


def read(content: Content) -> PictureFile:
    """Take the first image out of a GIF file. Raises BrokenPicture."""
    reader = _Reader(content)
    screen = reader.take(13)
    width, height, fields = struct.unpack("<6xHHB2x", screen)
    colours = _table_size(fields)
    start = screen + reader.take(3 * colours)
    transparent: int | None = None
    while (kind := reader.take(1)) == _EXTENSION:
        index = _read_extension(reader)
        transparent = transparent if index is None else index
    if kind != _IMAGE:
        raise BrokenPicture("missing image data" if kind == _TRAILER else "unknown block type")
    image = _read_image(reader, (width, height), has_table=colours > 0)
    palette_size = image.colours or colours
    if transparent is None and image.pixels < width * height and palette_size <= _LAST_INDEX:
        # What the image leaves free of the screen shows the ground, not the first colour.
        transparent = palette_size
    control = b""
    if transparent is not None:
        palette_size = max(palette_size, transparent + 1)
        control = struct.pack("<2sBBHBB", b"!\xf9", 4, _IS_TRANSPARENT, 0, transparent, 0)
    data = b"".join([start, control, image.to_bytes(), _TRAILER])
    size = width, height
    return PictureFile("GIF", size, data, palette_size=palette_size, verify=image.verify)


def _table_size(fields: int) -> int:
    """Return how many colours the table has that a byte of fields announces."""
    return 2 << (fields & _TABLE_SIZE_BITS) if fields & _HAS_TABLE else 0


def _read_extension(reader: _Reader) -> int | None:
    """Read an extension; return the index of the transparent colour if it states one."""
    label = reader.take(1)
    if label == _GRAPHIC_CONTROL:
        size, fields, index, end = struct.unpack("<BB2xBB", reader.take(6))
        if size != 4 or end:
            raise BrokenPicture("invalid graphic control extension")
        return int(index) if fields & _IS_TRANSPARENT else None
    if label not in (_TEXT, _COMMENT, _APPLICATION):
        raise BrokenPicture("unknown extension")
    if label == _TEXT:
        reader.take(_TEXT_BYTES)
    elif label == _APPLICATION:
        reader.take(reader.take(1)[0])
    reader.take_blocks()
    return None


def _read_image(reader: _Reader, screen: Size, *, has_table: bool) -> _Image:
    descriptor = reader.take(9)
    left, top, width, height, fields = struct.unpack("<HHHHB", descriptor)
    if left + width > screen[0] or top + height > screen[1]:
        raise BrokenPicture("frame bounds larger than image bounds")
    if not width or not height:
        raise BrokenPicture("a side of no pixels")
    colours = _table_size(fields)
    if not colours and not has_table:
        raise BrokenPicture("no colour table")
    table = reader.take(3 * colours)
    code_size = reader.take(1)
    if not 2 <= code_size[0] <= 8:
        raise BrokenPicture("pixel size out of range")
    head = b"".join([_IMAGE, descriptor, table, code_size])
    return _Image(head, reader.take_blocks(), width * height, colours)
