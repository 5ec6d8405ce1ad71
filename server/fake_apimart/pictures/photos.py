"""The references in a result: the first fills the frame, the others are a strip of thumbnails.

Both are tones, from 0 to 255, which a palette makes colours of. A picture of tones is a third of
one in RGB, and a PNG of 16 megapixels has a size that can be sent.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFilter, ImageOps

MAX_REFERENCES = 9
"""How many are shown."""
_MOST_DETAIL = 1280
"""The longest side in pixels that the first is read with: more is not seen, and takes longer."""
_STRIP_SHARE = 0.16
"""The side of a thumbnail, as a share of the picture's shorter side."""
_MIN_STRIP_SIDE = 12
"""In pixels; no strip is drawn where it would be smaller."""
_STYLE_SHARE = 0.2
"""How much of the model's style shines through the photo."""
_MUCH = 1.5
"""How much larger a photo must become to be smoothed, if it is to be: a PNG of it is too large."""
_STEP = 4
"""By how much the tones of a smooth one differ at least."""
_CUTOFF = 100
"""The darkest and the lightest of so many pixels do not count for a photo's contrast."""
_MOST_GAIN = 4
"""How much the contrast is raised at most: more would show the noise of an even photo."""
_WHITE = 255
_EDGE = 160
"""The tone around a frame, which tells white frames from a white photo."""


def reference_sides(width: int, height: int, count: int) -> list[int]:
    """Return the longest side in pixels that each of so many references is to be read with.

    It is 0 for those that are not shown.
    """
    strip = _strip_side(width, height, count)
    shown = [min(max(width, height), _MOST_DETAIL), *[strip] * (MAX_REFERENCES - 1)]
    return [*shown[:count], *[0] * (count - len(shown))]


def filled(
    size: tuple[int, int], photo: Image.Image, style: Image.Image, *, is_smooth: bool
) -> Image.Image:
    """Return the tones of a photo that fills the frame, with a style that shines through.

    One that is_smooth has less noise and fewer tones, where the photo is much enlarged.
    """
    tones = _contrasted(_cropped(photo, size).convert("L"))
    if tones.width < style.width and tones.height < style.height:
        tones = tones.resize(style.size, Image.Resampling.BICUBIC)
    drawn = style.convert("L").resize(tones.size, Image.Resampling.BILINEAR)
    tones = Image.blend(tones, drawn, _STYLE_SHARE)
    if not is_smooth or size[0] < tones.width * _MUCH:
        return tones.resize(size, Image.Resampling.BICUBIC)
    enlarged = tones.filter(ImageFilter.BoxBlur(2)).resize(size, Image.Resampling.BILINEAR)
    return enlarged.point([value // _STEP * _STEP + _STEP // 2 for value in range(256)])


def _contrasted(tones: Image.Image) -> Image.Image:
    """Spread the tones of a photo from black to white, if they are not too close together."""
    up_to = list(itertools.accumulate(tones.histogram()))
    cut = up_to[-1] // _CUTOFF
    dark = bisect.bisect_right(up_to, cut)
    light = bisect.bisect_left(up_to, up_to[-1] - cut)
    spread = light - dark
    if spread * _MOST_GAIN >= _WHITE:
        return tones.point([(tone - dark) * _WHITE // spread for tone in range(_WHITE + 1)])
    middle = (dark + light) // 2
    return tones.point([middle + (tone - middle) * _MOST_GAIN for tone in range(_WHITE + 1)])


def paste_strip(canvas: Image.Image, photos: Sequence[Image.Image], count: int) -> None:
    """Paste thumbnails of the others below the upper edge, from the left, each in a frame."""
    side = _strip_side(*canvas.size, count)
    margin = _margin(*canvas.size)
    if not side:
        return
    frame = max(1, side // 24)
    for number, photo in enumerate(photos):
        left = margin + number * (side + margin // 2)
        tones = ImageOps.fit(photo.convert("L"), (side, side), Image.Resampling.BICUBIC)
        box = (left - frame, margin - frame, left + side + frame - 1, margin + side + frame - 1)
        ImageDraw.Draw(canvas).rectangle(box, _WHITE, _EDGE, frame // 4)
        canvas.paste(tones, (left, margin))


def _strip_side(width: int, height: int, count: int) -> int:
    others = min(count, MAX_REFERENCES) - 1
    margin = _margin(width, height)
    if others < 1:
        return 0
    room = (width - 2 * margin) // others - margin // 2
    side = min(int(min(width, height) * _STRIP_SHARE), room)
    return side if side >= _MIN_STRIP_SIDE else 0


def _margin(width: int, height: int) -> int:
    return max(3, min(width, height) // 28)


def _cropped(photo: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the part of a photo in the ratio of `size` where its subject is most likely."""
    width = min(photo.width, max(1, photo.height * size[0] // size[1]))
    height = min(photo.height, max(1, photo.width * size[1] // size[0]))
    left, top = (photo.width - width) // 2, (photo.height - height) // 3
    return photo.crop((left, top, left + width, top + height))
