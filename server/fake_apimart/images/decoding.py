"""Decoding of the first picture of a file, as Go's `image.Decode` does (go).

The check of uploads and the check of references are this one function, `decode`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from fake_apimart.images import gif, jpeg, pillow, png, webp
from fake_apimart.images.picture_file import BrokenPicture, Content, PictureFile, Size
from fake_apimart.images.pillow import MAX_PIXELS

if TYPE_CHECKING:
    from PIL import Image

_READERS: dict[bytes, Callable[[Content], PictureFile]] = {
    each.SIGNATURE: each.read for each in (jpeg, png, gif, webp)
}
_CHECKED_SIDE = 64
"""Where the format allows it, a check decodes at the smallest scale of at least this side."""

Mode = Literal["RGB", "RGBA"]
"""What the pixels of a thumbnail are: opaque ones, or with the transparency that they have."""


class TooManyPixels(ValueError):
    """A picture of `pixels`, which are more than MAX_PIXELS."""

    def __init__(self, pixels: int) -> None:
        super().__init__(f"{pixels} pixels are more than {MAX_PIXELS}")
        self.pixels = pixels


class Decoded(NamedTuple):
    """What came of a picture: its upright size, or that of its thumbnail with the pixels."""

    size: Size
    pixels: bytes = b""


def decode(content: Content, side: int = 0, mode: Mode = "RGB") -> Decoded:
    """Decode the first picture of a file, to a thumbnail if it has a `side`.

    Raises BrokenPicture, TooManyPixels, Shortage.
    """
    return decode_file(read(content), side, mode)


def read(content: Content) -> PictureFile:
    """Take the first picture out of a file. Raises BrokenPicture, TooManyPixels."""
    for signature, read_format in _READERS.items():
        if content.startswith(signature):
            file = read_format(content)
            if file.pixels > MAX_PIXELS:
                raise TooManyPixels(file.pixels)
            return file
    raise BrokenPicture("unknown format")


def decode_file(file: PictureFile, side: int, mode: Mode = "RGB") -> Decoded:
    """Decode a picture: to its size as EXIF says to turn it, or to a thumbnail.

    With a `side` above 0 that is an upright picture of a `mode` in a square of so many pixels.
    Raises BrokenPicture, Shortage.
    """
    pillow.load()
    from PIL import Image

    from fake_apimart.images.flattening import shrink

    with _load(file, side or _CHECKED_SIDE) as image:
        if not side:
            width, height = file.size
            is_turned = file.orientation in _SWAPPING
            return Decoded((height, width) if is_turned else (width, height))
        small = shrink(image, side, mode)
    turn = _TURNS.get(file.orientation)
    if turn is not None:
        small = small.transpose(Image.Transpose[turn])
    return Decoded(small.size, small.tobytes())


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


def _load(file: PictureFile, side: int) -> Image.Image:
    from PIL import Image

    pillow.allow_large_pictures()
    try:
        image = Image.open(io.BytesIO(file.data), formats=(file.format_name,))
        if file.is_scalable:
            image.draft("RGB", (2 * side, 2 * side))
        image.load()
        file.verify()
    except (BrokenPicture, MemoryError):
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
