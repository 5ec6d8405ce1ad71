"""Image files as no library writes them: PNG of any depth, lossless and YCCK JPEG, odd chunks."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from typing import Any

from fake_apimart.images.decoding import TooManyPixels, decode
from fake_apimart.images.picture_file import BrokenPicture, Size
from hypothesis import strategies as st
from PIL import Image

from tests.harness import RECORDED

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, TRUE_COLOUR, PALETTE, GREY_ALPHA, TRUE_COLOUR_ALPHA = 0, 2, 3, 4, 6
SIDE = 8


def upright_size(content: bytes) -> Size:
    """Decode a picture, and return its size as EXIF says to turn it."""
    return decode(content).size


def thumbnail(content: bytes, side: int) -> Image.Image:
    """Decode a picture to a thumbnail in a square of `side` pixels."""
    decoded = decode(content, side)
    return Image.frombytes("RGB", decoded.size, decoded.pixels)


def decodes(content: bytes) -> bool:
    """Return whether a picture decodes, or is too large for that."""
    try:
        decode(content)
    except BrokenPicture:
        return False
    except TooManyPixels:
        pass
    return True


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


def checked(content: bytes) -> bytes:
    """Put the checksums of a PNG file right, so that damage reaches what is behind them."""
    if not content.startswith(PNG_SIGNATURE):
        return content
    parts, at = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while at + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        parts.append(chunk(name, content[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join(parts)


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
    # Each row but the first begins with a difference of zero from the row above.
    rows = (_lossless_row(width, above) for above in (128, 0))
    bits = next(rows) + next(rows) * (height - 1)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    segments = (
        segment(0xC4, table),
        segment(0xC3, frame),
        segment(0xDA, bytes([1, 1, 0, 1, 0, 0])),
    )
    return b"\xff\xd8" + b"".join(segments) + data + b"\xff\xd9"


def _lossless_row(width: int, above: int) -> str:
    """Return the bits of a row of the ramp, whose first value is predicted to be `above`."""
    bits = ""
    for x in range(width):
        value, left = x * 255 // width, (x - 1) * 255 // width if x else above
        difference = value - left
        category = abs(difference).bit_length()
        offset = difference if difference >= 0 else difference + (1 << category) - 1
        bits += f"{category:04b}" + (f"{offset:0{category}b}" if category else "")
    return bits


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


@functools.cache
def seeds() -> list[bytes]:
    """Return a few whole files of each format."""
    names = ("jpeg-baseline-jfif.jpg", "jpeg-progressive.jpg", "jpeg-jfif-exif.jpg", "png-rgba.png")
    more = ("apng.png", "png-palette.png", "gif-animated.gif", "webp-animated.webp")
    other = ("webp-alpha.webp", "webp-lossless.webp", "webp-lossy.webp", "webp-exif.webp")
    return [(RECORDED / "mime" / name).read_bytes() for name in (*names, *more, *other)]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw an image file with up to four pieces missing, too many or replaced."""
    content = bytearray(draw(st.sampled_from(seeds())))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content)))
        until = at + draw(st.sampled_from([0, 1, 4, 30, len(content)]))
        content[at:until] = draw(st.binary(max_size=6))
    result = bytes(content)
    return checked(result) if draw(st.booleans()) else result


def huge_png(width: int, height: int) -> bytes:
    """Return a small file of many pixels of one bit, all black; above 200 megapixels, of few."""
    if width * height > 200_000_000:
        content = png(1, GREY, b"\0")
        size = struct.pack(">IIBBBBB", width, height, 1, GREY, 0, 0, 0)
        return content.replace(content[8:33], chunk(b"IHDR", size))
    return png(1, GREY, b"\0" * -(-width // 8), size=(width, height))


@functools.cache
def jpeg_of_scans(scans: int, side: int = 64) -> bytes:
    """Return a progressive JPEG of one grey, with so many scans; the last is repeated."""
    content = saved(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * (scans - content.count(b"\xff\xda")) + b"\xff\xd9"


def slow_jpeg() -> bytes:
    """Return a JPEG of as many scans as are decoded, which takes some seconds."""
    return jpeg_of_scans(100, 14_000)
