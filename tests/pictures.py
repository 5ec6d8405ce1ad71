"""Image files as no library writes them: PNG of any depth, lossless and YCCK JPEG, odd chunks."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, TRUE_COLOUR, PALETTE, GREY_ALPHA, TRUE_COLOUR_ALPHA = 0, 2, 3, 4, 6
SIDE = 8


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    depth: int,
    colour: int,
    line: bytes,
    *before: bytes,
    size: tuple[int, int] = (SIDE, SIDE),
    behind: bytes = b"",
) -> bytes:
    """Return a PNG file whose lines are all `line`, with chunks before and behind its pixels."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    pixels = zlib.compress((b"\0" + line) * size[1])
    parts = (chunk(b"IHDR", header), *before, chunk(b"IDAT", pixels), behind, chunk(b"IEND", b""))
    return PNG_SIGNATURE + b"".join(parts)


def saved(image: Image.Image, format_name: str, **options: Any) -> bytes:
    """Return the file that Pillow writes."""
    file = io.BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def lossless_jpeg(width: int, height: int) -> bytes:
    """Return a lossless grey JPEG (SOF3), a ramp from left to right."""
    # A Huffman table in which each of the nine categories has a code of 4 bits; predictor 1.
    table = bytes([0, 0, 0, 0, 9, *[0] * 12, *range(9)])
    frame = struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0)
    bits = ""
    for _ in range(height):
        above = 128 if not bits else 0
        for x in range(width):
            value, left = x * 255 // width, (x - 1) * 255 // width if x else above
            difference = value - left
            category = abs(difference).bit_length()
            offset = difference if difference >= 0 else difference + (1 << category) - 1
            bits += f"{category:04b}" + (f"{offset:0{category}b}" if category else "")
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    segments = (
        segment(0xC4, table),
        segment(0xC3, frame),
        segment(0xDA, bytes([1, 1, 0, 1, 0, 0])),
    )
    return b"\xff\xd8" + b"".join(segments) + data + b"\xff\xd9"


def segment(marker: int, data: bytes) -> bytes:
    """Return a JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def ycck_jpeg(inks: tuple[int, int, int]) -> bytes:
    """Return a JPEG in YCCK, as Photoshop writes it: three inks as stated, and half of black."""
    luma, blue, red = Image.new("RGB", (SIDE, SIDE), inks).convert("YCbCr").split()
    black = Image.new("L", (SIDE, SIDE), 128)
    # Pillow inverts each channel, and states that nothing was transformed: byte 11 of APP14.
    channels = [each.point(lambda value: 255 - value) for each in (luma, blue, red, black)]
    content = bytearray(saved(Image.merge("CMYK", channels), "JPEG", quality=100, subsampling=0))
    content[content.index(b"Adobe") + 11] = 2
    return bytes(content)


def exif(orientation: int, order: str = "<") -> bytes:
    """Return EXIF data that states an orientation, in the byte order `<` or `>`."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    return head + struct.pack(f"{order}IH", 8, 1) + entry + b"\0" * 4
