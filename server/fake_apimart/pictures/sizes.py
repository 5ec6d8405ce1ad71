"""How large a result is, from `size` and `resolution`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

PIXELS = {"1k": 2**20, "2k": 2**22, "4k": 2**24}
LARGEST_SIDE = 4096
STEEPEST_RATIO = 8
_STEP = 16

_RATIO = re.compile(r"([0-9]{1,4}):([0-9]{1,4})")
_EXACT = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")

Size = tuple[int, int]


class UnusableSize(ValueError):
    """A size that no picture can have; the message says what is allowed."""


def picture_size(size: str, resolution: str, ratios: Sequence[str], reference: Size | None) -> Size:
    """Return width and height in pixels. `auto` follows the first reference, where there is one.

    A ratio gives about 2^20, 2^22 or 2^24 pixels for `1k`, `2k`, `4k`, sides rounded to 16; WxH is
    taken as it is. Without `ratios` any ratio is good that is not too steep. Raises UnusableSize.
    """
    exact = _EXACT.fullmatch(size)
    if exact is not None:
        width, height = int(exact[1]), int(exact[2])
        if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
            raise UnusableSize(f"size {size} must have sides from 1 to {LARGEST_SIDE}")
        return width, height
    width, height = (reference or (1, 1)) if size == "auto" else _ratio(size, ratios)
    ratio = min(max(width / height, 1 / STEEPEST_RATIO), STEEPEST_RATIO)
    pixels = PIXELS[resolution]
    return _rounded(math.sqrt(pixels * ratio)), _rounded(math.sqrt(pixels / ratio))


def _ratio(size: str, ratios: Sequence[str]) -> Size:
    match = _RATIO.fullmatch(size)
    allowed = ", ".join(ratios) if ratios else "a ratio from 1:8 to 8:1"
    if match is None or (ratios and size not in ratios):
        raise UnusableSize(f"size {size} is not allowed: use auto, {allowed} or WxH")
    width, height = int(match[1]), int(match[2])
    if not (width and height and 1 / STEEPEST_RATIO <= width / height <= STEEPEST_RATIO):
        raise UnusableSize(f"size {size} is not allowed: use auto, {allowed} or WxH")
    return width, height


def _rounded(side: float) -> int:
    return max(_STEP, round(side / _STEP) * _STEP)
