"""Drawing a result: a background, the model's name, the prompt, small copies of the references.

The picture is composed of palette indices in one byte per pixel, which is several times faster
than RGB, and depends on nothing but its arguments: the same request gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw

from fake_apimart.pictures.lettering import Lettering

# The palette: a colour cube for the references, then greys for letters, then the background.
_CUBE_SIDE = 6
_CUBE = _CUBE_SIDE**3
_GREYS = 16
_STEPS = 256 - _CUBE - _GREYS
_PANEL_GREY = 24
_THUMBNAIL_SHARE = 0.18
_MOST_THUMBNAILS = 8
_SMALLEST_THUMBNAIL = 8
_SMALLEST_PANEL = 16

_SAVE = {
    "png": ("PNG", {"compress_level": 1}),
    "jpeg": ("JPEG", {"quality": 85}),
    "webp": ("WEBP", {"quality": 75, "method": 0}),
}
"""By `output_format`: Pillow's name, and settings that favour speed."""


class Picture(NamedTuple):
    """What is to be drawn. `variation` tells the images of one task apart."""

    width: int
    height: int
    model: str
    prompt: str
    output_format: str
    seed: int | None
    variation: int
    references: Sequence[bytes] = ()


def draw(picture: Picture) -> bytes:
    """The encoded picture. Runs for up to some hundred milliseconds: not in an event loop."""
    canvas = _background(picture)
    margin = max(4, min(picture.width, picture.height) // 24)
    top = _paste_references(canvas, picture.references, margin)
    _write(canvas, picture, margin, top)
    canvas.putpalette(_palette(picture))
    name, settings = _SAVE[picture.output_format]
    encoded = io.BytesIO()
    image = canvas if name == "PNG" else canvas.convert("RGB")
    image.save(encoded, name, **settings)
    return encoded.getvalue()


def _digest(picture: Picture) -> bytes:
    """Bytes that differ from request to request."""
    told = repr((picture.model, picture.prompt, picture.seed, picture.variation))
    return hashlib.blake2b(told.encode("utf-8", "replace"), digest_size=16).digest()


def _background(picture: Picture) -> Image.Image:
    """Bands of the background's colours, across or upright, as the request has it."""
    first = _CUBE + _GREYS
    bands = Image.new("L", (1, _STEPS))
    bands.putdata(range(first, first + _STEPS))
    if _digest(picture)[0] % 2:
        bands = bands.transpose(Image.Transpose.ROTATE_90)
    return bands.resize((picture.width, picture.height), Image.Resampling.NEAREST)


def _palette(picture: Picture) -> list[int]:
    digest = _digest(picture)
    start, end = digest[1:4], digest[4:7]
    background = [
        start[channel] + (end[channel] - start[channel]) * step // (_STEPS - 1)
        for step in range(_STEPS)
        for channel in range(3)
    ]
    greys = [255 * step // (_GREYS - 1) for step in range(_GREYS) for _ in range(3)]
    return [*_cube(), *greys, *background]


def _cube() -> list[int]:
    levels = [255 * step // (_CUBE_SIDE - 1) for step in range(_CUBE_SIDE)]
    return [level for r in levels for g in levels for b in levels for level in (r, g, b)]


def _paste_references(canvas: Image.Image, references: Sequence[bytes], margin: int) -> int:
    """Put small copies in a row at the top; gives back where the rest may begin."""
    shown = references[:_MOST_THUMBNAILS]
    across = canvas.width // max(1, len(shown)) - 2 * margin
    side = int(min(canvas.height * _THUMBNAIL_SHARE, across))
    if not shown or side < _SMALLEST_THUMBNAIL:
        return margin
    palette = Image.new("P", (1, 1))
    palette.putpalette(_cube())
    left = margin
    for content in shown:
        with Image.open(io.BytesIO(content)) as image:
            image.draft("RGB", (side * 2, side * 2))
            small = image.convert("RGB")
        small.thumbnail((side, side))
        indices = small.quantize(palette=palette)
        canvas.paste(Image.frombytes("L", indices.size, indices.tobytes()), (left, margin))
        left += side + margin
    return margin * 2 + side


def _write(canvas: Image.Image, picture: Picture, margin: int, top: int) -> None:
    """The model's name and the prompt, on a dark panel that keeps them readable."""
    box = (canvas.width - 2 * margin, canvas.height - top - margin)
    if min(box) < _SMALLEST_PANEL:
        return
    lettering = Lettering.fitting(f"{picture.model}\n{picture.prompt}", box, padding=margin // 2)
    panel = Image.new("L", (box[0], min(box[1], lettering.height)), _PANEL_GREY)
    lettering.draw(ImageDraw.Draw(panel))
    greys = [_CUBE + value * (_GREYS - 1) // 255 for value in range(256)]
    canvas.paste(panel.point(greys), (margin, top))
