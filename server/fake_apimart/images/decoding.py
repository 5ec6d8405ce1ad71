"""Decoding of the first picture of a file, as Go's `image.Decode` does (go).

The check of uploads and the check of references are this one function, `upright_size`.
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fake_apimart.images import gif, jpeg, png, webp
from fake_apimart.images.picture_file import BrokenPicture, Content, PictureFile, Size

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 200_000_000
"""A picture of more is not decoded."""
_READERS: dict[bytes, Callable[[Content], PictureFile]] = {
    each.SIGNATURE: each.read for each in (jpeg, png, gif, webp)
}
_CHECKED_SIDE = 64
"""Where the format allows it, a check decodes at the smallest scale of at least this side."""
_LARGE_PIXELS = 2**24
_large_picture = threading.Lock()
"""Held while a picture of more than _LARGE_PIXELS is in memory: one at a time."""


class TooManyPixels(ValueError):
    """A picture of `pixels`, which are more than MAX_PIXELS."""

    def __init__(self, pixels: int) -> None:
        super().__init__(f"{pixels} pixels are more than {MAX_PIXELS}")
        self.pixels = pixels


def upright_size(content: Content) -> Size:
    """Decode the first picture of a file, and return its size as EXIF says to turn it.

    Raises BrokenPicture, and TooManyPixels without having decoded it. Takes up to a few seconds.
    """
    file = _read(content)
    with _decoded(file, _CHECKED_SIDE):
        width, height = file.size
    return (height, width) if file.orientation in _SWAPPING else (width, height)


def decodes(content: Content) -> bool:
    """Return whether the first picture of a file decodes, or is too large for us to decode it."""
    try:
        upright_size(content)
    except BrokenPicture:
        return False
    except TooManyPixels:
        pass
    return True


def thumbnail(content: Content, side: int) -> Image.Image:
    """Decode the first picture of a file to an opaque RGB picture in a square of `side` pixels.

    It is upright as EXIF says. Raises BrokenPicture, TooManyPixels. Takes up to a few seconds.
    """
    # Imported here because Pillow slows the start.
    from PIL import Image

    from fake_apimart.images.flattening import shrink

    file = _read(content)
    with _decoded(file, side) as image:
        small = shrink(image, side)
    turn = _TURNS.get(file.orientation)
    return small if turn is None else small.transpose(Image.Transpose[turn])


_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""By EXIF's orientation: what Pillow calls the way back; 1 needs none."""
_SWAPPING = frozenset({5, 6, 7, 8})
"""The orientations that swap width and height."""


def _read(content: Content) -> PictureFile:
    for signature, read in _READERS.items():
        if content.startswith(signature):
            return read(content)
    raise BrokenPicture("unknown format")


@contextlib.contextmanager
def _decoded(file: PictureFile, side: int) -> Iterator[Image.Image]:
    """Decode a picture; where the format allows it, only to twice `side` pixels or more."""
    pixels = file.size[0] * file.size[1]
    if pixels > MAX_PIXELS:
        raise TooManyPixels(pixels)
    with _large_picture if pixels > _LARGE_PIXELS else contextlib.nullcontext():
        image = _load(file, side)
        with image:
            yield image


def _load(file: PictureFile, side: int) -> Image.Image:
    from PIL import Image

    _allow_large_pictures()
    try:
        image = Image.open(io.BytesIO(file.data), formats=(file.format_name,))
        if file.is_scalable:
            image.draft("RGB", (2 * side, 2 * side))
        image.load()
        file.verify()
    except BrokenPicture:
        raise
    except Exception as error:
        # Pillow's decoders let any exception of their parsing through, even SyntaxError.
        raise BrokenPicture(str(error)) from error
    if file.palette_size is not None and _last_index(image) >= file.palette_size:
        raise BrokenPicture("invalid pixel value")
    return image


def _last_index(image: Image.Image) -> int:
    """Return the largest palette index of a picture."""
    extrema = image.getextrema()
    return int(extrema[1]) if isinstance(extrema[1], int) else 0


def _allow_large_pictures() -> None:
    """Raise Pillow's limit to ours, but not that of an application which has none.

    It is the limit of the whole process, and set nowhere else.
    """
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is not None:
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, MAX_PIXELS)
