"""What all formats have in common: the first picture of a file, taken out of all around it.

The decoder gets a file of that picture alone. So text, profiles and metadata can neither exceed the
decoder's limits nor confuse it, and what is behind the first picture may be cut off (go).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

Content = bytes | bytearray
"""A whole image file."""
Size = tuple[int, int]
"""Width and height in pixels."""


class BrokenPicture(ValueError):
    """The first picture of a file is malformed or cut off, as the message says."""


class PictureFile(NamedTuple):
    """The first picture of a file.

    `size` is that of the stored pixels, and `orientation` (1 to 8, as in EXIF) says how to turn
    them. `data` is a file that holds nothing else. `palette_size` is given where a pixel beyond
    the palette is an error. `is_scalable` says whether the format can be decoded at a smaller size,
    `scans` how often decoding goes over all pixels, and `pixel_bytes` how much memory it takes for
    each of them, at most.
    `verify` raises BrokenPicture for faults that Pillow passes over; it takes as long as decoding.
    """

    format_name: str
    size: Size
    data: bytes
    orientation: int = 1
    palette_size: int | None = None
    is_scalable: bool = False
    scans: int = 1
    pixel_bytes: int = 4
    verify: Callable[[], None] = lambda: None

    @property
    def pixels(self) -> int:
        """How many pixels the picture has."""
        return self.size[0] * self.size[1]

    @property
    def work(self) -> int:
        """How many pixels decoding goes over."""
        return self.pixels * self.scans

    @property
    def memory(self) -> int:
        """How many bytes of memory decoding takes, at most."""
        return self.pixels * self.pixel_bytes


def take(content: Content, start: int, length: int) -> Content:
    """Return `length` bytes from `start` on. Raises BrokenPicture if the file ends before."""
    if start + length > len(content):
        raise BrokenPicture("the file ends within its first picture")
    return content[start : start + length]
