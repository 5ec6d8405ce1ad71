"""Abstract compositions: a style for each family of models, so that one sees which was asked.

Each is drawn in half the width and height, or less, and doubled afterwards: soft edges look better
than steps, and are cheaper.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFilter

from fake_apimart.pictures.seeded import Colour, Palette, Seeded, mixed

_FLOW = (36, 36)
"""The size in pixels in which colours are made to flow into each other."""
_FINER = 2
"""By how much shapes are drawn larger than they are shown, for soft edges."""

Size = tuple[int, int]
Compose = Callable[[Size, Palette, Seeded], Image.Image]


class Style(NamedTuple):
    """How the models are drawn whose names have one of the `marks`."""

    name: str
    marks: tuple[str, ...]
    compose: Compose


def dunes(size: Size, palette: Palette, seeded: Seeded) -> Image.Image:
    """Draw hills before a sky, the nearer the darker, and a sun."""
    width, height = size
    ground = _flow(size, seeded, [palette.middle, palette.colours[-2:]], columns=2)
    sun = _place(seeded, width, height // 3)
    _glow(ground, palette.colours[-1], sun, min(size) // 3)
    _disc(ground, palette.colours[-1], sun, min(size) // 12, 235)
    layers = 5
    for layer in range(layers):
        colour = palette.tone(190 - layer * 165 // (layers - 1))
        base = height * (45 + layer * 11) // 100
        crest = list(_wave(seeded, width, base, height // (9 + layer)))
        _fill(ground, [*crest, (width, height), (0, height)], colour)
    return ground


def orbs(size: Size, palette: Palette, seeded: Seeded) -> Image.Image:
    """Draw lights out of focus, large faint ones behind small bright ones."""
    ground = _flow(size, seeded, [palette.colours[:3]] * 3)
    side = min(size)
    for number in range(9):
        radius = side * (42 - 4 * number) // 100 + side // 30
        _glow(ground, seeded.choice(palette.colours[1:]), _place(seeded, *size), radius)
    for number in range(16):
        radius = side // (9 + number)
        colour = seeded.choice(palette.colours[2:])
        _disc(ground, colour, _place(seeded, *size), radius, 70 + 9 * number)
    return ground


def ribbons(size: Size, palette: Palette, seeded: Seeded) -> Image.Image:
    """Draw bands beside each other that flow from the top to the bottom."""
    ground = _flow((size[1], size[0]), seeded, [palette.colours[1:]] * 3)
    shapes = _finer(ground.size)
    draw = ImageDraw.Draw(shapes)
    width, height = shapes.size
    swing = height // 6
    edges = [*_wave(seeded, width, -swing, swing)]
    left = -swing
    while left < height + swing:
        breadth = max(1, height // seeded.choice((7, 9, 12, 18)))
        other = [(across, down + breadth) for across, down in edges]
        draw.polygon([*edges, *reversed(other)], fill=seeded.choice(palette.colours))
        edges, left = other, left + breadth
    return Image.blend(ground, shapes.reduce(_FINER), 0.85).transpose(Image.Transpose.ROTATE_90)


def facets(size: Size, palette: Palette, seeded: Seeded) -> Image.Image:
    """Draw a surface of triangles that catch the light differently."""
    width, height = size
    flowing = _flow(size, seeded, [palette.colours[1:]] * 3)
    ground = flowing.copy()
    step = max(8, max(width, height) // 9)
    columns, rows = width // step + 3, height // step + 3
    points = [
        [
            (
                (column - 1) * step + seeded.number(-step // 3, step // 3),
                (row - 1) * step + seeded.number(-step // 3, step // 3),
            )
            for column in range(columns)
        ]
        for row in range(rows)
    ]
    for row in range(rows - 1):
        for column in range(columns - 1):
            a, b = points[row][column], points[row][column + 1]
            c, d = points[row + 1][column], points[row + 1][column + 1]
            for corners in ((a, b, c), (b, d, c)):
                shade = palette.colours[seeded.choice((0, -1))]
                colour = mixed(_colour_at(flowing, corners), shade, seeded.number(0, 32))
                ImageDraw.Draw(ground).polygon(corners, fill=colour)
    return ground


def tiles(size: Size, palette: Palette, seeded: Seeded) -> Image.Image:
    """Draw squares with quarters of discs in them, which sometimes meet."""
    ground = _flow(size, seeded, [palette.colours[1:]] * 3)
    shapes = _finer(size)
    step = max(8, -(-max(shapes.size) // 7))
    for top in range(0, shapes.height, step):
        for left in range(0, shapes.width, step):
            tile = Image.new("RGB", (step, step), seeded.choice(palette.colours))
            # The middle of the disc is a corner of the tile.
            across, down = seeded.number(0, 1) * step, seeded.number(0, 1) * step
            disc = (across - step, down - step, across + step - 1, down + step - 1)
            ImageDraw.Draw(tile).ellipse(disc, fill=seeded.choice(palette.colours[1:]))
            shapes.paste(tile, (left, top))
    return Image.blend(ground, shapes.reduce(_FINER), 0.82)


def rings(size: Size, palette: Palette, seeded: Seeded) -> Image.Image:
    """Draw circles around each other, as on water."""
    ground = _flow(size, seeded, [palette.colours[1:]] * 3)
    shapes = _finer(size)
    draw = ImageDraw.Draw(shapes)
    across, down = _place(seeded, *shapes.size)
    step = max(6, max(shapes.size) // 14)
    for number in range(20, 0, -1):
        radius = number * step
        colour = mixed(palette.tone(235 - number * 10), seeded.choice(palette.middle), 30)
        box = (across - radius, down - radius, across + radius, down + radius)
        draw.ellipse(box, fill=colour)
    return Image.blend(ground, shapes.reduce(_FINER), 0.7)


STYLES = (
    Style("dunes", ("gpt", "dall-e", "openai"), dunes),
    Style("orbs", ("gemini", "banana", "imagen", "google"), orbs),
    Style("ribbons", ("seedream", "doubao", "jimeng", "seededit"), ribbons),
    Style("facets", ("flux", "midjourney", "mj"), facets),
    Style("tiles", ("qwen", "wan", "z-image", "kling", "ideogram"), tiles),
)
OTHERS = Style("rings", (), rings)
"""For models of no family that is known."""


def style_of(model: str) -> Style:
    """Return the style of a model's family."""
    name = model.lower()
    return next((each for each in STYLES if any(mark in name for mark in each.marks)), OTHERS)


def compose(model: str, size: Size, palette: Palette, seeded: Seeded) -> Image.Image:
    """Return an RGB picture of this size in pixels, in the style of the model's family."""
    return style_of(model).compose(size, palette, seeded)


def _flow(
    size: Size, seeded: Seeded, rows: Sequence[Sequence[Colour]], columns: int = 4
) -> Image.Image:
    """Return colours that flow into each other, from the top to the bottom one of each row's."""
    mesh = Image.new("RGB", (columns, len(rows)))
    mesh.putdata([seeded.choice(row) for row in rows for _ in range(columns)])
    flowing = mesh.resize(_FLOW, Image.Resampling.BILINEAR).filter(ImageFilter.BoxBlur(4))
    return flowing.resize(size, Image.Resampling.BILINEAR)


def _wave(seeded: Seeded, width: int, base: int, swing: int) -> Iterator[tuple[int, int]]:
    """Yield the points of a line from the left to the right, around the height `base`."""
    turns = [(seeded.share() * 1.4 + 0.4, seeded.share() * math.tau) for _ in range(3)]
    points = 48
    for number in range(points + 1):
        at = number / points * math.tau
        rises = (math.sin(at * turn + start) / each for each, (turn, start) in enumerate(turns, 1))
        yield width * number // points, base + round(sum(rises) * swing)


def _place(seeded: Seeded, width: int, height: int) -> tuple[int, int]:
    return seeded.number(0, width), seeded.number(0, height)


def _finer(size: Size) -> Image.Image:
    return Image.new("RGB", (size[0] * _FINER, size[1] * _FINER))


def _fill(ground: Image.Image, points: list[tuple[int, int]], colour: Colour) -> None:
    """Fill a shape with soft edges."""
    mask = Image.new("L", (ground.width * _FINER, ground.height * _FINER))
    finer = [(across * _FINER, down * _FINER) for across, down in points]
    ImageDraw.Draw(mask).polygon(finer, fill=255)
    ground.paste(colour, mask=mask.reduce(_FINER))


def _glow(ground: Image.Image, colour: Colour, place: tuple[int, int], radius: int) -> None:
    """Lay a light around a place that fades to its edge."""
    side = max(2, 2 * radius)
    light = _light().resize((side, side), Image.Resampling.BILINEAR)
    ground.paste(colour, (place[0] - radius, place[1] - radius), light)


@functools.cache
def _light() -> Image.Image:
    """Return how bright a light is around its middle."""
    # Where the gradient has come to the edge of its square, it is not yet at the corners.
    return Image.radial_gradient("L").point(
        [max(0, 179 - dark) * 200 // 179 for dark in range(256)]
    )


def _disc(
    ground: Image.Image, colour: Colour, place: tuple[int, int], radius: int, strength: int
) -> None:
    """Draw a disc with a soft edge, which covers as much as `strength` says, up to 255."""
    side = max(2, 2 * radius)
    mask = Image.new("L", (side * _FINER, side * _FINER))
    ImageDraw.Draw(mask).ellipse((0, 0, side * _FINER - 1, side * _FINER - 1), fill=strength)
    ground.paste(colour, (place[0] - radius, place[1] - radius), mask.reduce(_FINER))


def _colour_at(ground: Image.Image, corners: tuple[tuple[int, int], ...]) -> Colour:
    """Return the colour in the middle of a triangle, as far as that is within the picture."""
    across = sum(corner[0] for corner in corners) // len(corners)
    down = sum(corner[1] for corner in corners) // len(corners)
    place = min(max(across, 0), ground.width - 1), min(max(down, 0), ground.height - 1)
    colour = ground.getpixel(place)
    assert isinstance(colour, tuple)
    return colour[0], colour[1], colour[2]
