"""Layout of text in a box: font size, line breaks, and a font for each script.

DejaVu Sans covers Latin, Greek, Cyrillic and more; Droid Sans Fallback covers Chinese, Japanese and
Korean. Both are next to this module, with their licences.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageDraw, ImageFont

FONTS = Path(__file__).parent / "fonts"
MAX_TEXT_CHARACTERS = 800
"""Longer text is truncated."""
_MAX_SIZE_DIVISOR = 14
"""The largest font size is the shorter side of the box divided by this."""
_MIN_SIZE = 8
"""The smallest font size in pixels; at this size text may overflow its box."""
_LINE_HEIGHT = 1.35
"""The distance between baselines, as a multiple of the font size."""
_BASELINE = 0.8
"""Where the baseline lies within a line, as a share of the line's height."""
_SHRINK_FACTOR = 0.84
"""By how much the font size shrinks with each attempt to fit the text."""

_EAST_ASIAN = re.compile(
    "[\u1100-\u11ff\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U00020000-\U0003ffff]"
)
# East Asian text may break between any two characters, other text at white space. A word wider
# than the line is split by `_split_word`.
_WORD = re.compile(f"{_EAST_ASIAN.pattern}|[^\\s{_EAST_ASIAN.pattern[1:-1]}]+|\\s+")

Run = tuple[str, ImageFont.FreeTypeFont]
"""Consecutive characters of one line that share a font."""


@functools.lru_cache(maxsize=32)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    # Pillow allows threads to share a font. The basic layout needs no optional library.
    return ImageFont.truetype(str(FONTS / name), size, layout_engine=ImageFont.Layout.BASIC)


def _runs(text: str, size: int) -> Iterator[Run]:
    """Split one line into runs, each with the font that covers its script."""
    for is_east_asian, characters in itertools.groupby(
        text, lambda each: bool(_EAST_ASIAN.match(each))
    ):
        name = "DroidSansFallback.ttf" if is_east_asian else "DejaVuSans.ttf"
        yield "".join(characters), _font(name, size)


def _width(text: str, size: int) -> float:
    return sum(font.getlength(run) for run, font in _runs(text, size))


@dataclass(frozen=True)
class Lettering:
    """Laid-out lines of text; the font `size` and the `padding` around the text are in pixels."""

    lines: list[str]
    size: int
    padding: int

    @classmethod
    def fitting(cls, text: str, box: tuple[int, int], padding: int) -> Lettering:
        """Lay out `text` in the largest font size that fits into `box`, its width and height.

        Text of more than MAX_TEXT_CHARACTERS is truncated; text too long for the smallest font size
        overflows the box.
        """
        text = text if len(text) <= MAX_TEXT_CHARACTERS else text[:MAX_TEXT_CHARACTERS] + "…"
        size = max(_MIN_SIZE, min(box) // _MAX_SIZE_DIVISOR)
        while True:
            lines = _wrap(text, size, box[0] - 2 * padding)
            lettering = cls(lines, size, padding)
            # The first paragraph is a model's name, which should not be broken over two lines.
            fits = lettering.height <= box[1] and text.startswith(lines[0] + "\n")
            if fits or size <= _MIN_SIZE:
                return lettering
            size = max(_MIN_SIZE, int(size * _SHRINK_FACTOR))

    @property
    def height(self) -> int:
        """The height of the text with its padding, in pixels."""
        return 2 * self.padding + int(len(self.lines) * self.size * _LINE_HEIGHT)

    def draw(self, draw: ImageDraw.ImageDraw) -> None:
        """Draw the lines from the top left, in white."""
        for number, line in enumerate(self.lines):
            x: float = self.padding
            baseline = self.padding + int((number + _BASELINE) * self.size * _LINE_HEIGHT)
            for run, font in _runs(line, self.size):
                draw.text((x, baseline), run, fill=255, font=font, anchor="ls")
                x += font.getlength(run)


def _wrap(text: str, size: int, width: float) -> list[str]:
    return [line for paragraph in text.splitlines() for line in _wrap_line(paragraph, size, width)]


def _wrap_line(text: str, size: int, width: float) -> list[str]:
    lines, line, line_width = [], "", 0.0
    for word in _WORD.findall(text):
        for piece in _split_word(word, size, width):
            piece_width = _width(piece, size)
            if line and line_width + piece_width > width:
                lines.append(line)
                line, line_width = "", 0.0
                if piece.isspace():
                    continue
            line += piece
            line_width += piece_width
    return [*lines, line]


def _split_word(word: str, size: int, width: float) -> list[str]:
    """Split a word into pieces that fit `width`; one that fits is a single piece."""
    if _width(word, size) <= width:
        return [word]
    length = max(1, int(len(word) * width / _width(word, size)) - 1)
    return [word[start : start + length] for start in range(0, len(word), length)]
