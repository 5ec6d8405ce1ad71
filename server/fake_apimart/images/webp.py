"""WebP: the chunks of a file up to its first picture, which is the first frame of an animation.

Go's `golang.org/x/image/webp` ends there too, but knows no animations; those are no less whole
(assumed). What is behind the picture may be cut off.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from fake_apimart.images.exif import UPRIGHT, orientation_of
from fake_apimart.images.picture_file import BrokenPicture, Content, PictureFile, Size

SIGNATURE = b"RIFF"
_FIRST_CHUNK = b"WEBPVP8"
_HEADER_BYTES = 12
_EXTENDED, _ALPHA, _FRAME, _EXIF = b"VP8X", b"ALPH", b"ANMF", b"EXIF"
_LOSSY, _LOSSLESS = b"VP8 ", b"VP8L"
_PICTURES = (_LOSSY, _LOSSLESS, _FRAME)
_PIXEL_BYTES = 16
"""The decoder keeps two canvases, and copies the picture out of them twice."""
_HAS_ANIMATION, _HAS_ALPHA = 0x02, 0x10
_ANIMATION = struct.pack("<4sIIH", b"ANIM", 6, 0, 0)
"""The chunk that announces frames: background and repetitions matter to no first picture."""


def read(content: Content) -> PictureFile:
    """Take the first picture out of a WebP file. Raises BrokenPicture."""
    if not content.startswith(_FIRST_CHUNK, 8):
        raise BrokenPicture("no picture")
    found: dict[bytes, Content] = {}
    chunks = _chunks(content)
    for name, data in chunks:
        found.setdefault(name, data)
        if name in _PICTURES:
            return _picture(name, found, _orientation(found, chunks))
    raise BrokenPicture("no picture")


def _chunks(content: Content) -> Iterator[tuple[bytes, Content]]:
    """Yield the name and data of each chunk. Raises BrokenPicture where one is cut off."""
    end = 8 + int.from_bytes(content[4:8], "little")
    at = _HEADER_BYTES
    while at + 8 <= min(end, len(content)):
        name, length = struct.unpack_from("<4sI", content, at)
        at += 8
        if at + length > min(end, len(content)):
            raise BrokenPicture("chunk is longer than the file")
        yield name, content[at : at + length]
        at += length + length % 2


def _orientation(found: dict[bytes, Content], rest: Iterator[tuple[bytes, Content]]) -> int:
    """Return the orientation that a file states before or behind its picture."""
    try:
        exif = found[_EXIF] if _EXIF in found else dict(rest).get(_EXIF, b"")
    except BrokenPicture:
        return UPRIGHT
    return orientation_of(bytes(exif))


def _picture(name: bytes, found: dict[bytes, Content], orientation: int) -> PictureFile:
    extended = found.get(_EXTENDED)
    if extended is not None and len(extended) != 10:
        raise BrokenPicture("bad length of VP8X")
    chunks = [_chunk(name, found[name])]
    size = _stored_size(name, found[name]) if extended is None else _canvas(extended)
    if name == _FRAME:
        if extended is None:
            raise BrokenPicture("a frame without VP8X")
        chunks = [_extended(_HAS_ANIMATION | _HAS_ALPHA, extended), _ANIMATION, *chunks]
    elif extended is not None and name == _LOSSY and _ALPHA in found:
        alpha = _chunk(_ALPHA, found[_ALPHA])
        chunks = [_extended(_HAS_ALPHA, extended), alpha, *chunks]
    elif extended is not None and size != _stored_size(name, found[name]):
        raise BrokenPicture("picture and canvas differ in size")
    body = b"WEBP" + b"".join(chunks)
    data = struct.pack("<4sI", SIGNATURE, len(body)) + body
    return PictureFile("WEBP", size, data, orientation, pixel_bytes=_PIXEL_BYTES)


def _chunk(name: bytes, data: Content) -> bytes:
    return struct.pack("<4sI", name, len(data)) + data + b"\0" * (len(data) % 2)


def _extended(flags: int, data: Content) -> bytes:
    return _chunk(_EXTENDED, bytes((flags, 0, 0, 0)) + data[4:])


def _canvas(extended: Content) -> Size:
    width, height = extended[4:7], extended[7:10]
    return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1


def _stored_size(name: bytes, data: Content) -> Size:
    """Return the size that a lossy or lossless picture states at its begin."""
    if len(data) < 10:
        raise BrokenPicture("picture without a header")
    if name == _LOSSY:
        width, height = struct.unpack_from("<HH", data, 6)
        return width & 0x3FFF, height & 0x3FFF
    bits = int.from_bytes(data[1:5], "little")
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
