"""Setting text in a box, in a size that fits, with a font for each script.

DejaVu Sans has Latin, Greek, Cyrillic and more, Droid Sans Fallback has Chinese, Japanese and
Korean; both lie beside this module with their licences.
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
LONGEST_TEXT = 800
_LARGEST_SHARE = 14
_SMALLEST = 8
_LINE_HEIGHT = 1.35
_SHRINK = 0.84

_EAST_ASIAN = re.compile(
    "[\u1100-\u11ff\u2e80-\ua4cf\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U00020000-\U0003ffff]"
)
# East Asian text may break anywhere, other text at blanks; a word too long breaks where it must.
_WORD = re.compile(f"{_EAST_ASIAN.pattern}|[^\\s{_EAST_ASIAN.pattern[1:-1]}]+|\\s+")

Run = tuple[str, ImageFont.FreeTypeFont]


@functools.lru_cache(maxsize=32)
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    # Worker threads share fonts, which Pillow allows; the basic layout needs no further library.
    return ImageFont.truetype(str(FONTS / name), size, layout_engine=ImageFont.Layout.BASIC)


def _runs(text: str, size: int) -> Iterator[Run]:
    """Pieces of one line, each with the font that has its characters."""
    for is_asian, characters in itertools.groupby(text, lambda each: bool(_EAST_ASIAN.match(each))):
        name = "DroidSansFallback.ttf" if is_asian else "DejaVuSans.ttf"
        yield "".join(characters), _font(name, size)


def _width(text: str, size: int) -> float:
    return sum(font.getlength(run) for run, font in _runs(text, size))


@dataclass(frozen=True)
class Lettering:
    """Lines of text in one size, in pixels."""

    lines: list[str]
    size: int
    padding: int

    @classmethod
    def fitting(cls, text: str, box: tuple[int, int], padding: int) -> Lettering:
        """`text` as large as fits into a `box` of width and height; its end is cut if need be."""
        text = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
        size = max(_SMALLEST, min(box) // _LARGEST_SHARE)
        while True:
            lines = _wrap(text, size, box[0] - 2 * padding)
            lettering = cls(lines, size, padding)
            # The first line is a name, which is not to be broken.
            fits = lettering.height <= box[1] and text.startswith(lines[0] + "\n")
            if fits or size <= _SMALLEST:
                return lettering
            size = max(_SMALLEST, int(size * _SHRINK))

    @property
    def height(self) -> int:
        return 2 * self.padding + int(len(self.lines) * self.size * _LINE_HEIGHT)

    def draw(self, draw: ImageDraw.ImageDraw) -> None:
        """Write the lines from the top left, in white."""
        for number, line in enumerate(self.lines):
            x: float = self.padding
            baseline = self.padding + int((number + 0.8) * self.size * _LINE_HEIGHT)
            for run, font in _runs(line, self.size):
                draw.text((x, baseline), run, fill=255, font=font, anchor="ls")
                x += font.getlength(run)


def _wrap(text: str, size: int, width: float) -> list[str]:
    return [line for paragraph in text.splitlines() for line in _wrap_line(paragraph, size, width)]


def _wrap_line(text: str, size: int, width: float) -> list[str]:
    lines, line, used = [], "", 0.0
    for word in _WORD.findall(text):
        for piece in _broken(word, size, width):
            wide = _width(piece, size)
            if line and used + wide > width:
                lines.append(line)
                line, used = "", 0.0
                if piece.isspace():
                    continue
            line += piece
            used += wide
    return [*lines, line]


def _broken(word: str, size: int, width: float) -> list[str]:
    """A word in pieces that fit the width."""
    if _width(word, size) <= width:
        return [word]
    length = max(1, int(len(word) * width / _width(word, size)) - 1)
    return [word[start : start + length] for start in range(0, len(word), length)]
