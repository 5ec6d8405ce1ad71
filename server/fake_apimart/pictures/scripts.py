"""Scripts: the font that draws a character, where its marks belong, and where its lines break.

DejaVu Sans covers Latin, Greek, Cyrillic, Arabic, Hebrew and more, Noto Sans Thai Thai, Droid Sans
Fallback Chinese, Japanese and Korean, Noto Emoji emoji. They are next to this module, with their
licences; `fonts/coverage.txt` says which characters each draws (`python -m tools.font_coverage`).
"""

from __future__ import annotations

import bisect
import functools
import re
import unicodedata
from pathlib import Path
from typing import Literal

from PIL import ImageFont

FONTS = Path(__file__).parent / "fonts"
COVERAGE = FONTS / "coverage.txt"
LATIN, THAI, EAST_ASIAN, EMOJI = "DejaVuSans", "NotoSansThai", "DroidSansFallback", "NotoEmoji"
NAMES = (LATIN, THAI, EAST_ASIAN, EMOJI)
"""In the order in which they are asked for a character, but for emoji."""
_FIRST_EMOJI = "\u231a"
"""From here on Noto Emoji goes first; before it are digits, © and arrows, which are text."""

Side = Literal["above", "below", "inside"]

# By canonical combining class: those of Hebrew, Arabic, Syriac, Thai and Lao, then of all others.
_ABOVE = {27, 28, 30, 31, 33, 34, 35, 36, 107, 122, 228, 230, 232, 234}
_BELOW = {*range(10, 19), 20, 22, 29, 32, 103, 118, 218, 220, 222, 233}
_VOWELS_ABOVE = re.compile("[\u0e31\u0e34-\u0e37\u0e47\u0e4d\u0e4e\u0eb1\u0eb4-\u0eb7\u0ebb\u0ecd]")
"""Of Thai and Lao, whose combining class is 0."""

_FREE = re.compile(
    "[\u0e01-\u0e5b\u1100-\u11ff\u231a-\u2328\u23e9-\u23ff\u2600-\u27bf\u2e80-\ua4cf\ua960-\ua97f"
    "\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U0001f000-\U0001faff"
    "\U00020000-\U0003ffff]"
)
"""Characters around which lines may break, without white space: Thai, East Asian, emoji."""
_NEVER_FIRST = frozenset(
    "、。，．：；！？）」』】〉》〕］｝…・ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ,.:;!?)]}%”’"  # noqa: RUF001
    "\u0e2f\u0e30\u0e32\u0e33\u0e45\u0e46"
)
"""Closing punctuation, small kana, and what belongs to the Thai consonant before it."""
_NEVER_LAST = frozenset("（「『【〈《〔［｛([{“‘\u0e40\u0e41\u0e42\u0e43\u0e44")  # noqa: RUF001
"""Opening punctuation, and Thai vowels that are written before their consonant."""
TALL_THAI = "\u0e1b\u0e1d\u0e1f\u0e2c"
"""Consonants whose stem would cross what stands above them."""


@functools.lru_cache(maxsize=64)
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Return a font of a size in pixels."""
    # Pillow allows threads to share a font. The basic layout needs no optional library, and is the
    # same on every machine.
    return ImageFont.truetype(
        str(FONTS / f"{name}.ttf"), size, layout_engine=ImageFont.Layout.BASIC
    )


@functools.lru_cache(maxsize=4096)
def font_of(character: str) -> str | None:
    """Return the name of the font that draws a character, or None if there is none."""
    names = (EMOJI, *NAMES) if character >= _FIRST_EMOJI else NAMES[:-1]
    return next((name for name in names if _covers(name, ord(character))), None)


def _covers(name: str, code: int) -> bool:
    starts, ends = _coverage()[name]
    place = bisect.bisect_right(starts, code) - 1
    return place >= 0 and code <= ends[place]


@functools.cache
def _coverage() -> dict[str, tuple[list[int], list[int]]]:
    """Return the first and the last code points of the ranges that each font draws."""
    covered = {}
    for paragraph in COVERAGE.read_text("utf-8").split("\n\n"):
        name, *ranges = paragraph.split()
        pairs = [each.split("-") for each in ranges]
        covered[name] = [int(a, 16) for a, _ in pairs], [int(b, 16) for _, b in pairs]
    return covered


@functools.lru_cache(maxsize=4096)
def is_mark(character: str) -> bool:
    """Return whether a character is drawn on the one before it."""
    return unicodedata.category(character) in ("Mn", "Me") and font_of(character) is not None


def side(mark: str) -> Side:
    """Return where a mark stands at its base."""
    order = unicodedata.combining(mark)
    if order in _ABOVE or _VOWELS_ABOVE.match(mark):
        return "above"
    return "below" if order in _BELOW else "inside"


def may_break(before: str, after: str) -> bool:
    """Return whether a line may end between two characters, neither of which is a mark."""
    if " " in (before, after):
        return True
    if after in _NEVER_FIRST or before in _NEVER_LAST:
        return False
    return bool(_FREE.match(before) or _FREE.match(after))
