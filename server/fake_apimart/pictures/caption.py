"""The bar below a result that says what it is: model, size, number, and the prompt."""

from __future__ import annotations

from typing import NamedTuple

from PIL import Image, ImageDraw

from fake_apimart.pictures.lettering import Align, Lettering

MAX_PROMPT_LINES = 3
PROJECT = "fake-apimart"
_NAME_DIVISOR = 18
"""The size of the model's name is the shorter side of the picture divided by this."""
_PROMPT_DIVISOR = 25
_MIN_SIZE = 8
"""The smallest font size in pixels; a picture that asks for smaller has no caption."""
_MOST_OF_HEIGHT = 0.5
"""The share of the picture that the bar covers at most; lines are left out until it fits."""
_SHADE = 0.72
"""How dark the bar is: at 1 nothing of the picture would be seen."""
_BLUR = 8
_INK = "#ffffff"
_MUTED_INK = "#d4d4d8"
_DARK = "#0b0c10"


class Caption(NamedTuple):
    """What a caption says; `number` is that of the picture among `total`, from 1."""

    model: str
    prompt: str
    number: int
    total: int


def draw_caption(canvas: Image.Image, caption: Caption) -> None:
    """Draw the bar over the lower part of a canvas in RGB or in tones, if it is large enough."""
    short = min(canvas.size)
    if short // _PROMPT_DIVISOR < _MIN_SIZE // 2:
        return
    padding = max(4, short // 28)
    rows = _rows(canvas.size, caption, canvas.width - 2 * padding)
    while rows and _height(rows, padding) > canvas.height * _MOST_OF_HEIGHT:
        rows.pop()
    if not rows:
        return
    top = canvas.height - _height(rows, padding)
    _shade(canvas, (0, top, *canvas.size))
    draw = ImageDraw.Draw(canvas)
    top += padding
    for row in rows:
        for text, ink, align, room in row.texts:
            down = top + row.height - text.height
            text.draw(draw, padding, down, ink, align, room)
        top += row.height + _gap(padding)


class _Row(NamedTuple):
    """Texts beside each other, each with the width in pixels that it is aligned in."""

    texts: list[tuple[Lettering, str, Align, int]]

    @property
    def height(self) -> int:
        return max(text.height for text, *_ in self.texts)


def _rows(size: tuple[int, int], caption: Caption, width: int) -> list[_Row]:
    short = min(size)
    name_size = max(_MIN_SIZE, short // _NAME_DIVISOR)
    prompt_size = max(_MIN_SIZE, short // _PROMPT_DIVISOR)
    number = f"{caption.number} / {caption.total}" if caption.total > 1 else ""
    facts = f"{size[0]} \u00d7 {size[1]}  ·  {PROJECT}"
    numbered = _line(number, name_size, width)
    room = width - (int(numbered.width) + prompt_size if number else 0)
    name = _name(caption.model, name_size, prompt_size, room)
    prompt = Lettering.fitting(
        caption.prompt, size=prompt_size, width=width, max_lines=MAX_PROMPT_LINES
    )
    small = _line(facts, max(_MIN_SIZE, prompt_size * 3 // 4), width)
    rows = (
        _Row([(name, _INK, "left", room), (numbered, _INK, "right", width)]),
        _Row([(prompt, _INK, "left", width)]),
        _Row([(small, _MUTED_INK, "left", width)]),
    )
    return [row for row in rows if row.height]


def _name(model: str, size: int, smallest: int, width: int) -> Lettering:
    """Lay out a model's name, in smaller letters where it would not fit."""
    # A name twice as wide as what fits in the smallest letters need not be measured further.
    whole = _line(model, size, 2 * width * size // smallest)
    if whole.width > width:
        # A font has whole pixels for each letter, so that sizes are not quite in proportion.
        size = max(smallest, int(size * width / whole.width * 0.97))
    return _line(model, size, width)


def _line(text: str, size: int, width: int) -> Lettering:
    return Lettering.fitting(text, size=size, width=width, max_lines=1)


def _height(rows: list[_Row], padding: int) -> int:
    return 2 * padding + sum(row.height for row in rows) + _gap(padding) * (len(rows) - 1)


def _gap(padding: int) -> int:
    return max(1, padding // 4)


def _shade(canvas: Image.Image, box: tuple[int, int, int, int]) -> None:
    """Darken a part of the canvas, out of focus, so that text on it can be read."""
    small = canvas.reduce(_BLUR, box)
    dark = Image.blend(small, Image.new(canvas.mode, small.size, _DARK), _SHADE)
    size = box[2] - box[0], box[3] - box[1]
    canvas.paste(dark.resize(size, Image.Resampling.BILINEAR), box)
