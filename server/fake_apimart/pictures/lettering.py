"""Lettering: text in lines of a width, drawn with the font of each script, or as a marked box."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from PIL import ImageDraw

from fake_apimart.pictures.scripts import LATIN, TALL_THAI, THAI, font, font_of, may_break, side
from fake_apimart.pictures.shaping import (
    Cluster,
    clusters,
    is_right_to_left,
    places_itself,
    readable,
    shaped,
    visual,
)

_LINE_HEIGHT = 1.35
"""The distance between baselines, as a multiple of the font size."""
_BASELINE = 0.8
"""Where the baseline lies within a line, as a share of the line's height."""
_NARROWEST = 0.25
"""What the narrowest letters are wide, as a multiple of the font size."""
_ELLIPSIS = "…"

# A box for a character that no font has, in multiples of the font size: digits in two rows.
_BOX_TOP, _BOX_BOTTOM, _DIGIT_SIZE, _DIGIT_STEP, _BOX_SPACE = 0.78, 0.12, 0.4, 0.27, 0.08

# Marks that do not stand in the middle of their base.
_AT_RIGHT, _AT_LEFT = "\u05c1", "\u05b9\u05c2"

Align = Literal["left", "right"]


class Ink(NamedTuple):
    """Where a glyph is black, in pixels from where it is drawn; y grows downwards."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Lettering:
    """Lines of clusters from the left to the right; `size` is that of the font in pixels."""

    lines: tuple[tuple[Cluster, ...], ...]
    size: int
    right_to_left: bool = False

    @classmethod
    def fitting(cls, text: str, *, size: int, width: float, max_lines: int) -> Lettering:
        """Lay out a text in at most `max_lines` lines of at most `width` pixels.

        White space of any kind counts as one blank, controls are dropped. What does not fit is cut,
        with an ellipsis at its end. A line has one character at least, however narrow it is.
        """
        most = max(0, max_lines) * (int(max(0.0, width) / (size * _NARROWEST)) + 2)
        shown, is_whole = readable(text, most)
        right_to_left = is_right_to_left(shown)
        wrapping = _Wrapping(clusters(shaped(shown)), size, width, right_to_left)
        return cls(tuple(wrapping.lines(max_lines, is_whole)), size, right_to_left)

    @property
    def height(self) -> int:
        """The height of all lines, in pixels."""
        return int(len(self.lines) * self.size * _LINE_HEIGHT)

    @property
    def width(self) -> float:
        """The width of the widest line, in pixels."""
        return max((_width(line, self.size) for line in self.lines), default=0.0)

    def draw(
        self,
        draw: ImageDraw.ImageDraw,
        left: float,
        top: float,
        fill: Any,
        align: Align = "left",
        box_width: float | None = None,
    ) -> None:
        """Draw the lines below `top`, in a box of `box_width` or of their own width in pixels.

        A text that begins with a script written from the right is aligned right in `box_width`.
        """
        to_right = align == "right" or (self.right_to_left and box_width is not None)
        room = self.width if box_width is None else box_width
        for number, line in enumerate(self.lines):
            spare = room - _width(line, self.size) if to_right else 0.0
            baseline = top + int((number + _BASELINE) * self.size * _LINE_HEIGHT)
            pen = _Pen(draw, round(baseline), self.size, fill)
            pen.draw(line, round(left + spare))


class _Wrapping:
    """The breaking of a text, given in the order of reading, into lines."""

    def __init__(self, text: list[Cluster], size: int, width: float, right_to_left: bool) -> None:
        self._text = text
        self._size = size
        self._width = width
        self._right_to_left = right_to_left

    def lines(self, max_lines: int, is_whole: bool) -> Iterator[tuple[Cluster, ...]]:
        """Yield the lines; the last ends with an ellipsis unless the text is whole and fits."""
        start = 0
        for number in range(1, max_lines + 1):
            if start == len(self._text):
                return
            end = self._end_of_line(start)
            following = self._after_blank(end)
            if following == len(self._text) and is_whole:
                yield self._shown(start, end)
            elif number == max_lines or following == len(self._text):
                yield self._cut(start)
            else:
                yield self._shown(start, end)
            start = following

    def _end_of_line(self, start: int) -> int:
        """Return where a line ends: at the last place where it may, or at what just fits."""
        full = self._fitting(start, "")
        if full == len(self._text):
            return full
        breaks = (each for each in range(full, start, -1) if self._may_break(each))
        return next(breaks, full)

    def _may_break(self, place: int) -> bool:
        return may_break(self._text[place - 1].base, self._text[place].base)

    def _fitting(self, start: int, ending: str) -> int:
        """Return the end of the longest line from `start` that fits with `ending` after it."""
        room = self._width
        while True:
            end = self._filled(start, room)
            # Pairs of letters may be wider together, and joined ones are measured where they are.
            excess = _width(self._shown(start, end, ending), self._size) - self._width
            # Without room, a line has its one character all the same.
            if excess <= 0 or room <= 0:
                return end
            room -= max(1.0, excess)

    def _filled(self, start: int, room: float) -> int:
        """Return the end of as many clusters as have room, one at least; a blank may stand over."""
        taken = 0.0
        for place in range(start, len(self._text)):
            base = self._text[place].base
            taken += _advance(base, self._size)
            if taken > room and place > start and base != " ":
                return place
        return len(self._text)

    def _after_blank(self, place: int) -> int:
        while place < len(self._text) and self._text[place].base == " ":
            place += 1
        return place

    def _cut(self, start: int) -> tuple[Cluster, ...]:
        return self._shown(start, self._fitting(start, _ELLIPSIS), _ELLIPSIS)

    def _shown(self, start: int, end: int, ending: str = "") -> tuple[Cluster, ...]:
        """Return a part of the text as a line, in the order in which it is drawn."""
        while end > start and self._text[end - 1].base == " ":
            end -= 1
        line = [*self._text[start:end], *map(Cluster, ending)]
        return tuple(visual(line, self._right_to_left))


def _runs(line: tuple[Cluster, ...]) -> Iterator[tuple[str | None, str, str]]:
    """Yield a font, characters that it draws together, and marks of the last of them."""

    def kind(each: tuple[int, Cluster]) -> tuple[str | None, int]:
        number, cluster = each
        name = font_of(cluster.base)
        alone = name is None or (cluster.marks and not places_itself(cluster))
        return name, number if alone else -1

    for (name, number), group in itertools.groupby(enumerate(line), kind):
        run = [cluster for _, cluster in group]
        if number >= 0:
            yield name, run[0].base, run[0].marks
        else:
            yield name, "".join(cluster.base + cluster.marks for cluster in run), ""


def _width(line: tuple[Cluster, ...], size: int) -> float:
    return sum(_run_width(name, text, size) for name, text, _ in _runs(line))


def _run_width(name: str | None, text: str, size: int) -> float:
    return _box_width(text, size) if name is None else font(name, size).getlength(text)


@functools.lru_cache(maxsize=8192)
def _advance(character: str, size: int) -> float:
    return _run_width(font_of(character), character, size)


@functools.lru_cache(maxsize=2048)
def _ink(character: str, size: int) -> Ink:
    name = font_of(character) or LATIN
    mask, offset = font(name, size).getmask2(character, "L", anchor="ls")
    box = mask.getbbox() or (0, 0, 0, 0)
    across, down = round(offset[0]), round(offset[1])
    return Ink(box[0] + across, box[1] + down, box[2] + across, box[3] + down)


def _code(character: str) -> str:
    return f"{ord(character):04X}"


def _columns(character: str) -> int:
    return (len(_code(character)) + 1) // 2


def _box_width(character: str, size: int) -> float:
    inner = _columns(character) * _DIGIT_STEP + 2 * _BOX_SPACE
    return round((inner + 2 * _BOX_SPACE) * size)


class _Pen:
    """Draws one line at a baseline."""

    def __init__(self, draw: ImageDraw.ImageDraw, baseline: int, size: int, fill: Any) -> None:
        self._draw = draw
        self._baseline = baseline
        self._size = size
        self._fill = fill

    def draw(self, line: tuple[Cluster, ...], left: int) -> None:
        across: float = left
        for name, text, marks in _runs(line):
            if name is None:
                self._box(text, across)
            else:
                self._text(name, text, across, self._baseline)
            width = _run_width(name, text, self._size)
            if marks:
                self._marks(text, marks, round(across), round(width))
            across += width

    def _text(self, name: str, text: str, across: float, down: float, size: int = 0) -> None:
        face = font(name, size or self._size)
        self._draw.text((round(across), down), text, self._fill, face, anchor="ls")

    def _marks(self, base: str, marks: str, left: int, width: int) -> None:
        """Draw marks on a base, each above or below those before it."""
        ink = _ink(base, self._size)
        # Thai marks have their place above any consonant, and give way to each other alone.
        is_thai = font_of(base) == THAI
        top, bottom = (self._size, -self._size) if is_thai else (ink.top, ink.bottom)
        gap = max(1, self._size // 16)
        for mark in marks:
            own = _ink(mark, self._size)
            down = 0
            if side(mark) == "above":
                down = min(0, top - gap - own.bottom)
                top = own.top + down
            elif side(mark) == "below":
                down = max(0, bottom + gap - own.top)
                bottom = own.bottom + down
            across = left + self._place(mark, base, ink, own, width)
            self._text(font_of(mark) or LATIN, mark, across, self._baseline + down)

    def _place(self, mark: str, base: str, ink: Ink, own: Ink, width: int) -> int:
        """Return where a mark is drawn, in pixels from the left of its base."""
        if font_of(mark) == THAI:
            tall = base in TALL_THAI and side(mark) == "above"
            return width - (round(self._size * 0.16) if tall else 0)
        if mark in _AT_RIGHT:
            return ink.right - own.right
        if mark in _AT_LEFT:
            return ink.left - own.left
        return (ink.left + ink.right - own.left - own.right) // 2

    def _box(self, character: str, left: float) -> None:
        """Draw a frame around the hexadecimal digits of a character, in two rows."""
        size, code, columns = self._size, _code(character), _columns(character)
        space = _BOX_SPACE * size
        right = left + _box_width(character, size) - space
        top, bottom = self._baseline - _BOX_TOP * size, self._baseline + _BOX_BOTTOM * size
        frame = (round(left + space), round(top), round(right), round(bottom))
        self._draw.rectangle(frame, outline=self._fill, width=max(1, size // 24))
        digit_size = max(3, round(_DIGIT_SIZE * size))
        row = (bottom - top) / 2
        digits = code.rjust(2 * columns, "0")
        for number, digit in enumerate(digits):
            line, column = divmod(number, columns)
            across = left + 2 * space + column * _DIGIT_STEP * size
            down = round(top + (line + 0.86) * row)
            self._text(LATIN, digit, across, down, digit_size)
