"""GIF: the blocks of a file up to the end of its first image, as Go's `image/gif` reads them (go).

What is behind the first image is not looked at: further frames and the trailer may be missing.
"""

from __future__ import annotations

import struct

from fake_apimart.images.picture_file import BrokenPicture, Content, PictureFile, Size, take

SIGNATURE = b"GIF8"
_EXTENSION, _IMAGE, _TRAILER = b"!", b",", b";"
_TEXT, _GRAPHIC_CONTROL, _COMMENT, _APPLICATION = b"\x01", b"\xf9", b"\xfe", b"\xff"
_TEXT_BYTES = 13
_HAS_TABLE = 0x80
_TABLE_SIZE_BITS = 0x07
_IS_TRANSPARENT = 0x01


class _Reader:
    """Reads a file from its begin to its end. Raises BrokenPicture where the file ends early."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.position = 0

    def take(self, length: int) -> bytes:
        self.position += length
        return bytes(take(self._content, self.position - length, length))

    def skip_blocks(self) -> int:
        """Skip data blocks and the empty one that ends them; return how many bytes of data."""
        skipped = 0
        while length := self.take(1)[0]:
            self.take(length)
            skipped += length
        return skipped


def read(content: Content) -> PictureFile:
    """Take the first image out of a GIF file. Raises BrokenPicture."""
    reader = _Reader(content)
    screen = reader.take(13)
    width, height, fields = struct.unpack("<6xHHB2x", screen)
    colours = _table_size(fields)
    start = screen + reader.take(3 * colours)
    control = b""
    while (kind := reader.take(1)) == _EXTENSION:
        control = _read_extension(reader) or control
    if kind != _IMAGE:
        raise BrokenPicture("missing image data" if kind == _TRAILER else "unknown block type")
    image, own_colours = _read_image(reader, (width, height), has_table=colours > 0)
    palette_size = own_colours or colours
    if control:
        palette_size = max(palette_size, control[6] + 1)
    data = b"".join([start, control, image, _TRAILER])
    return PictureFile("GIF", (width, height), data, palette_size=palette_size)


def _table_size(fields: int) -> int:
    """Return how many colours the table has that a byte of fields announces."""
    return 2 << (fields & _TABLE_SIZE_BITS) if fields & _HAS_TABLE else 0


def _read_extension(reader: _Reader) -> bytes:
    """Read an extension; return that of a transparent image in its simplest form, or nothing."""
    label = reader.take(1)
    if label == _GRAPHIC_CONTROL:
        size, fields, index, end = struct.unpack("<BB2xBB", reader.take(6))
        if size != 4 or end:
            raise BrokenPicture("invalid graphic control extension")
        if not fields & _IS_TRANSPARENT:
            return b""
        return struct.pack("<2sBBHBB", b"!\xf9", 4, _IS_TRANSPARENT, 0, index, 0)
    if label not in (_TEXT, _COMMENT, _APPLICATION):
        raise BrokenPicture("unknown extension")
    if label == _TEXT:
        reader.take(_TEXT_BYTES)
    elif label == _APPLICATION:
        reader.take(reader.take(1)[0])
    reader.skip_blocks()
    return b""


def _read_image(reader: _Reader, screen: Size, *, has_table: bool) -> tuple[bytes, int]:
    """Read an image; return its block, and how many colours its own table has."""
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
    start = reader.position
    reader.skip_blocks()
    length = reader.position - start
    reader.position = start
    return b"".join([_IMAGE, descriptor, table, code_size, reader.take(length)]), colours
