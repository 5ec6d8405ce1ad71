"""The size of a result in pixels, computed from `size` and `resolution`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from fake_apimart.images.picture_file import Size

PIXELS = {"1k": 2**20, "2k": 2**22, "4k": 2**24}
"""The approximate number of pixels at each resolution."""
MAX_SIDE = 4096
"""The largest width or height that `size` may state as WxH, in pixels."""
MAX_RATIO = 8
"""The largest ratio of the longer side to the shorter one."""
_SIDE_MULTIPLE = 16
"""Computed sides are rounded to multiples of so many pixels."""

_RATIO = re.compile(r"([0-9]{1,4}):([0-9]{1,4})")
_EXACT = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")


class InvalidSize(ValueError):
    """A `size` that is not allowed; the message states what is."""


def picture_size(size: str, resolution: str, ratios: Sequence[str], reference: Size | None) -> Size:
    """Return width and height in pixels.

    A ratio gives about 2^20, 2^22 or 2^24 pixels for `1k`, `2k`, `4k`, with sides rounded to
    multiples of 16; WxH is used as stated. `auto` takes the ratio of `reference`, the size of the
    first reference image, or 1:1. If `ratios` is empty, any ratio from 1:8 to 8:1 is allowed.
    Raises InvalidSize.
    """
    exact = _EXACT.fullmatch(size)
    if exact is not None:
        width, height = int(exact[1]), int(exact[2])
        if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
            raise InvalidSize(f"size {size} must have sides from 1 to {MAX_SIDE}")
        return width, height
    width, height = (reference or (1, 1)) if size == "auto" else _parse_ratio(size, ratios)
    ratio = min(max(width / height, 1 / MAX_RATIO), MAX_RATIO)
    pixels = PIXELS[resolution]
    return _round_side(math.sqrt(pixels * ratio)), _round_side(math.sqrt(pixels / ratio))


def _parse_ratio(size: str, ratios: Sequence[str]) -> Size:
    match = _RATIO.fullmatch(size)
    allowed = ", ".join(ratios) if ratios else "a ratio from 1:8 to 8:1"
    if match is None or (ratios and size not in ratios):
        raise InvalidSize(f"size {size} is not allowed: use auto, {allowed} or WxH")
    width, height = int(match[1]), int(match[2])
    if not (width and height and 1 / MAX_RATIO <= width / height <= MAX_RATIO):
        raise InvalidSize(f"size {size} is not allowed: use auto, {allowed} or WxH")
    return width, height


def _round_side(side: float) -> int:
    return max(_SIDE_MULTIPLE, round(side / _SIDE_MULTIPLE) * _SIDE_MULTIPLE)
