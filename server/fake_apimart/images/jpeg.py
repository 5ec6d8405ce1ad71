"""JPEG: the segments of a file up to the end of its first picture, as Go's `image/jpeg` walks them.

What is behind the picture is not looked at (go): further pictures, such as those that an MPF
segment names, may be cut off.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from fake_apimart.images.exif import PREFIX, UPRIGHT, orientation_of
from fake_apimart.images.jpeg_scans import check_pixels
from fake_apimart.images.picture_file import BrokenPicture, Content, PictureFile, Size, take

SIGNATURE = b"\xff\xd8"
_END = b"\xff\xd9"
_SCAN, _QUANTIZATION = 0xDA, 0xDB
_TABLES, _TABLE_VALUES = 4, 64
_JFIF, _EXIF, _ADOBE = 0xE0, 0xE1, 0xEE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})
"""The markers of frames that cannot be decoded at a smaller size."""
_FIRST_MARKER = 0xC0
"""No segment of a picture has a lower marker."""
_DROPPED = (frozenset(range(0xE0, 0xF0)) | {0xFE}) - {_JFIF, _ADOBE}
"""Application segments and comments that say nothing about the colours."""
_FRAME_BYTES = 6
MAX_SCANS = 100
"""A picture of more does not decode: each costs a walk over all pixels (assumed)."""
_COEFFICIENT_BYTES, _SCALED_BYTES = 6, 1
"""Memory for a pixel: of several scans, whose coefficients are all kept, and of a single one."""
MAX_CHECKED_BYTES = 2**18
MAX_CHECKED_PIXELS = 2**21
"""Up to so many bytes and pixels every code is read, which takes up to a second (assumed)."""

# A marker may follow other bytes, which are passed over, and fill bytes. Neither `FF 00` nor a
# restart is one that begins a segment.
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")


def read(content: Content) -> PictureFile:
    """Take the first picture out of a JPEG file. Raises BrokenPicture."""
    kept: list[tuple[int, Content]] = []
    frame: tuple[int, Size] | None = None
    orientation: int | None = None
    scans = 0
    for marker, data in _segments(content):
        if marker == _EXIF and orientation is None and data[2:8] == PREFIX:
            orientation = orientation_of(bytes(data[2:]))
        if marker in _FRAMES:
            if frame is not None:
                raise BrokenPicture("multiple SOF markers")
            frame = marker, _size(data)
        scans += marker == _SCAN
        if scans > MAX_SCANS:
            raise BrokenPicture(f"more than {MAX_SCANS} scans")
        if marker not in _DROPPED:
            kept.append((marker, data))
    if frame is None or not scans:
        raise BrokenPicture("missing SOF or SOS marker")
    kept.insert(0, _spare_tables())
    parts = (part for marker, data in kept for part in (bytes((0xFF, marker)), data))
    is_scalable = frame[0] not in _LOSSLESS
    return PictureFile(
        "JPEG",
        frame[1],
        b"".join([SIGNATURE, *parts, _END]),
        orientation or UPRIGHT,
        is_scalable=is_scalable,
        scans=scans,
        pixel_bytes=_SCALED_BYTES if is_scalable and scans == 1 else _COEFFICIENT_BYTES,
        verify=functools.partial(_check_small, frame[1], kept),
    )


def _check_small(size: Size, segments: list[tuple[int, Content]]) -> None:
    """Check the compressed pixels of a picture that is not too large to read every code."""
    small = sum(len(data) for _, data in segments) <= MAX_CHECKED_BYTES
    if small and size[0] * size[1] <= MAX_CHECKED_PIXELS:
        check_pixels(segments)


def _segments(content: Content) -> Iterator[tuple[int, Content]]:
    """Yield each segment up to the end of the picture: its marker, and its length with its data.

    The data of a scan includes the compressed pixels. Raises BrokenPicture.
    """
    at = len(SIGNATURE)
    while True:
        found = _MARKER.search(content, at)
        if found is None:
            raise BrokenPicture("the file ends before the picture does")
        marker, start = found[1][0], found.end()
        if marker == _END[1]:
            return
        if marker < _FIRST_MARKER:
            raise BrokenPicture("unknown marker")
        length = int.from_bytes(take(content, start, 2), "big")
        if length < 2:
            raise BrokenPicture("short segment length")
        at = start + len(take(content, start, length))
        if marker == _SCAN:
            following = _MARKER.search(content, at)
            at = following.start() if following else len(content)
        yield marker, content[start:at]


def _spare_tables() -> tuple[int, Content]:
    """Return quantization tables in place of all those that may be missing: they are no error (go).

    Those that a file has come later, and count.
    """
    tables = b"".join(bytes((number, *[1] * _TABLE_VALUES)) for number in range(_TABLES))
    return _QUANTIZATION, (2 + len(tables)).to_bytes(2, "big") + tables


def _size(data: Content) -> Size:
    """Return the size that a frame's segment states."""
    if len(data) < 2 + _FRAME_BYTES:
        raise BrokenPicture("SOF has wrong length")
    height, width = int.from_bytes(data[3:5], "big"), int.from_bytes(data[5:7], "big")
    if not width or not height:
        raise BrokenPicture("a side of no pixels")
    return width, height
