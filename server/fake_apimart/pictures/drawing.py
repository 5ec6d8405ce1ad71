"""Drawing of a result: made from the references if there are any, else an abstract composition.

The same request and seed give the same bytes: all numbers come from a hash of them, places are
rounded to whole pixels, and what is done with pixels is Pillow's integer arithmetic.
"""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from PIL import Image

from fake_apimart.pictures.caption import Caption, draw_caption
from fake_apimart.pictures.compositions import compose
from fake_apimart.pictures.photos import filled, paste_strip
from fake_apimart.pictures.seeded import PALETTES, TONES, Palette, Seeded

_COMPOSED_PIXELS = 200_000, 400_000
"""How many pixels a composition has at least, unless the picture has fewer, and at most."""
_COMPOSED_SHARE = 5
"""Of how many pixels of the picture one is composed."""
_MANY_PIXELS = 2**23
"""A picture of so many is drawn with as little work as can be."""

_ENCODERS: dict[str, tuple[str, dict[str, Any]]] = {
    "png": ("PNG", {"compress_level": 1}),
    "jpeg": ("JPEG", {"quality": 85}),
    "webp": ("WEBP", {"quality": 75, "method": 0}),
}
"""By `output_format`: Pillow's name of the format, and encoder options that favour speed."""
_SMOOTH = {"compress_type": zlib.Z_RLE}
"""For a PNG in 24 bits: what its filters leave of a smooth picture are runs, a third smaller so."""


class Picture(NamedTuple):
    """What to draw; it is the one with this `number`, from 0, of the `total` of its task.

    `references` are upright, opaque and in RGB, each as `photos.reference_sides` says.
    """

    width: int
    height: int
    model: str
    prompt: str
    output_format: str
    seed: int | None
    number: int
    total: int = 1
    references: Sequence[Image.Image] = ()


def draw(picture: Picture) -> bytes:
    """Draw and encode a picture.

    Takes up to half a second: do not call it in an event loop.
    """
    seeded = Seeded(picture.model, picture.prompt, picture.seed, picture.number)
    palette = seeded.choice(PALETTES)
    style = compose(picture.model, _composed_size(picture), palette, seeded)
    canvas = _from_references(picture, style) if picture.references else _abstract(picture, style)
    draw_caption(canvas, Caption(picture.model, picture.prompt, picture.number + 1, picture.total))
    return _encoded(canvas, palette, picture.output_format)


def _composed_size(picture: Picture) -> tuple[int, int]:
    pixels = picture.width * picture.height
    fewest, most = _COMPOSED_PIXELS
    wanted = min(max(pixels // _COMPOSED_SHARE, fewest), most, pixels)
    scale = math.sqrt(wanted / pixels)
    return max(1, round(picture.width * scale)), max(1, round(picture.height * scale))


def _abstract(picture: Picture, style: Image.Image) -> Image.Image:
    width, height = picture.width, picture.height
    if width * height < _MANY_PIXELS:
        return style.resize((width, height), Image.Resampling.BILINEAR)
    # Each row twice, which nobody sees in a picture of this size, takes a tenth less time in all.
    rows = style.resize((width, -(-height // 2)), Image.Resampling.BILINEAR)
    return rows.resize((width, height), Image.Resampling.NEAREST)


def _from_references(picture: Picture, style: Image.Image) -> Image.Image:
    first, *others = picture.references
    size = picture.width, picture.height
    canvas = filled(size, first, style, is_smooth=picture.output_format == "png")
    paste_strip(canvas, others, len(picture.references))
    return canvas


def _encoded(canvas: Image.Image, palette: Palette, output_format: str) -> bytes:
    format_name, options = _ENCODERS[output_format]
    if canvas.mode == "RGB" and format_name == "PNG":
        options = {**options, **_SMOOTH}
    if canvas.mode == "L":
        canvas.putpalette([level for tone in range(TONES) for level in palette.tone(tone)])
        canvas = canvas if format_name == "PNG" else canvas.convert("RGB")
    encoded = io.BytesIO()
    canvas.save(encoded, format_name, **options)
    return encoded.getvalue()
