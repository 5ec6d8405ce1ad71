"""Small pictures, opaque or not, out of large ones in any of Pillow's modes.

A large picture is converted piece by piece, so that it is never in memory a second time.
"""

from __future__ import annotations

from PIL import Image

GROUND = (255, 255, 255)
"""What is seen through transparent pixels."""
_PIECE_SIDE = 1024
"""The approximate side of the pieces that are converted at once, in pixels."""
_DEEP_VALUES = 65_536


def shrink(image: Image.Image, side: int, mode: str = "RGB") -> Image.Image:
    """Return a picture that fits a square of `side` pixels: opaque in RGB, or as it is in RGBA."""
    factor = max(1, max(image.size) // (2 * side))
    piece_side = factor * max(1, _PIECE_SIDE // factor)
    # What is opaque takes less time without the transparency that it does not have.
    kept = mode if image.has_transparency_data else "RGB"
    reduced = Image.new(kept, (-(-image.width // factor), -(-image.height // factor)))
    for top in range(0, image.height, piece_side):
        for left in range(0, image.width, piece_side):
            right = min(left + piece_side, image.width)
            bottom = min(top + piece_side, image.height)
            piece = _convert(image.crop((left, top, right, bottom)), kept)
            reduced.paste(piece.reduce(factor), (left // factor, top // factor))
    reduced.thumbnail((side, side))
    return reduced.convert(mode)


def _convert(image: Image.Image, mode: str) -> Image.Image:
    """Convert to RGBA, or to RGB, over GROUND where it is transparent."""
    if image.mode.startswith("I"):
        image = _flatten_deep(image)
    if not image.has_transparency_data:
        return image.convert(mode)
    colours = image.convert("RGBA")
    if mode == "RGBA":
        return colours
    ground = Image.new("RGB", image.size, GROUND)
    ground.paste(colours, mask=colours.getchannel("A"))
    return ground


def _flatten_deep(image: Image.Image) -> Image.Image:
    """Convert 16-bit grey to 8 bits, with alpha if one value is transparent."""
    values = image.convert("I")
    grey = values.point([value >> 8 for value in range(_DEEP_VALUES)], "L")
    transparent = image.info.get("transparency")
    if transparent is None:
        return grey
    alpha = values.point([255 * (value != transparent) for value in range(_DEEP_VALUES)], "L")
    return Image.merge("LA", (grey, alpha))
