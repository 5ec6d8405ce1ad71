"""Drawing of a result: a background, the model's name, the prompt, thumbnails of the references.

The canvas holds palette indices, one byte per pixel, which is several times faster than RGB. The
drawing is deterministic: the same request gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from fake_apimart.pictures.lettering import Lettering

# The palette is a colour cube for the thumbnails, then greys for text, then the background.
_CUBE_SIDE = 6
_CUBE_COLOURS = _CUBE_SIDE**3
_GREYS = 16
_BACKGROUND_COLOURS = 256 - _CUBE_COLOURS - _GREYS
_PANEL_GREY = 24
"""The brightness of the panel behind the text, from 0 to 255."""
_THUMBNAIL_SHARE = 0.18
"""The longest side of a thumbnail, as a share of the picture's height."""
MAX_THUMBNAILS = 8
"""How many references are shown."""
_MIN_THUMBNAIL_SIDE = 8
"""In pixels; no thumbnails are drawn where they would be smaller."""
_MIN_PANEL_SIDE = 16
"""In pixels; no text is drawn where its panel would be smaller."""

_ENCODERS = {
    "png": ("PNG", {"compress_level": 1}),
    "jpeg": ("JPEG", {"quality": 85}),
    "webp": ("WEBP", {"quality": 75, "method": 0}),
}
"""By `output_format`: Pillow's name of the format, and encoder options that favour speed."""


class Picture(NamedTuple):
    """What to draw; `variation` distinguishes the images of one task.

    `references` are thumbnails that fit a square of `thumbnail_side` pixels.
    """

    width: int
    height: int
    model: str
    prompt: str
    output_format: str
    seed: int | None
    variation: int
    references: Sequence[Image.Image] = ()


def thumbnail_side(width: int, height: int, references: int) -> int:
    """Return the longest side in pixels that each of so many references is shown with.

    It is 0 in a picture that is too small to show them.
    """
    columns = max(1, min(references, MAX_THUMBNAILS))
    side = int(min(height * _THUMBNAIL_SHARE, width // columns - 2 * _margin(width, height)))
    return side if side >= _MIN_THUMBNAIL_SIDE else 0


def _margin(width: int, height: int) -> int:
    return max(4, min(width, height) // 24)


def draw(picture: Picture) -> bytes:
    """Draw and encode a picture.

    Takes up to a few hundred milliseconds: do not call it in an event loop.
    """
    canvas = _background(picture)
    margin = _margin(picture.width, picture.height)
    top = _paste_references(canvas, picture.references, margin)
    _draw_text(canvas, picture, margin, top)
    canvas.putpalette(_palette(picture))
    format_name, options = _ENCODERS[picture.output_format]
    encoded = io.BytesIO()
    image = canvas if format_name == "PNG" else canvas.convert("RGB")
    image.save(encoded, format_name, **options)
    return encoded.getvalue()


def _digest(picture: Picture) -> bytes:
    """Hash what the background depends on."""
    inputs = repr((picture.model, picture.prompt, picture.seed, picture.variation))
    return hashlib.blake2b(inputs.encode("utf-8", "replace"), digest_size=16).digest()


def _background(picture: Picture) -> Image.Image:
    """Draw bands of the background's colours, horizontal or vertical depending on the request."""
    first = _CUBE_COLOURS + _GREYS
    bands = Image.new("L", (1, _BACKGROUND_COLOURS))
    bands.putdata(range(first, first + _BACKGROUND_COLOURS))
    if _digest(picture)[0] % 2:
        bands = bands.transpose(Image.Transpose.ROTATE_90)
    return bands.resize((picture.width, picture.height), Image.Resampling.NEAREST)


def _palette(picture: Picture) -> list[int]:
    digest = _digest(picture)
    start, end = digest[1:4], digest[4:7]
    background = [
        start[channel] + (end[channel] - start[channel]) * step // (_BACKGROUND_COLOURS - 1)
        for step in range(_BACKGROUND_COLOURS)
        for channel in range(3)
    ]
    greys = [255 * step // (_GREYS - 1) for step in range(_GREYS) for _ in range(3)]
    return [*_cube(), *greys, *background]


def _cube() -> list[int]:
    levels = [255 * step // (_CUBE_SIDE - 1) for step in range(_CUBE_SIDE)]
    return [level for r in levels for g in levels for b in levels for level in (r, g, b)]


def _paste_references(canvas: Image.Image, references: Sequence[Image.Image], margin: int) -> int:
    """Paste thumbnails in a row at the top; return the y coordinate below them, in pixels."""
    shown = references[:MAX_THUMBNAILS]
    side = thumbnail_side(*canvas.size, len(shown))
    if not shown or not side:
        return margin
    palette = Image.new("P", (1, 1))
    palette.putpalette(_cube())
    left = margin
    for thumbnail in shown:
        indices = thumbnail.quantize(palette=palette)
        canvas.paste(Image.frombytes("L", indices.size, indices.tobytes()), (left, margin))
        left += side + margin
    return margin * 2 + side


def _draw_text(canvas: Image.Image, picture: Picture, margin: int, top: int) -> None:
    """Draw the model's name and the prompt, on a dark panel that keeps them readable."""
    box = (canvas.width - 2 * margin, canvas.height - top - margin)
    if min(box) < _MIN_PANEL_SIDE:
        return
    padding = margin // 2
    size = max(8, min(box) // 14)
    width = box[0] - 2 * padding
    name = Lettering.fitting(picture.model, size=size, width=width, max_lines=1)
    prompt = Lettering.fitting(picture.prompt, size=size, width=width, max_lines=10)
    height = min(box[1], 2 * padding + name.height + prompt.height)
    panel = Image.new("L", (box[0], height), _PANEL_GREY)
    name.draw(ImageDraw.Draw(panel), padding, padding, 255, box_width=width)
    prompt.draw(ImageDraw.Draw(panel), padding, padding + name.height, 255, box_width=width)
    greys = [_CUBE_COLOURS + value * (_GREYS - 1) // 255 for value in range(256)]
    canvas.paste(panel.point(greys), (margin, top))
