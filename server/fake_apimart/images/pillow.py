"""Pillow, loaded when first needed, since it slows the start: whole, or not at all.

Pillow takes a library of its own that cannot be opened for one that it was built without, and
remembers that. So these libraries are loaded first, where a failure is not remembered.
"""

from __future__ import annotations

import contextlib
from importlib import import_module

from fake_apimart.machine.shortage import loading

MAX_PIXELS = 200_000_000
"""A picture of more is not decoded."""
_LIBRARIES = ("_imaging", "_webp", "_imagingft")
_MODULES = (
    "Image",
    "ImageDraw",
    "ImageFile",
    "ImageFont",
    "ImagePalette",
    "GifImagePlugin",
    "JpegImagePlugin",
    "PngImagePlugin",
    "WebPImagePlugin",
)
_loaded = False


def load() -> None:
    """Load what decodes and draws. Raises Shortage; takes up to 0.1 seconds the first time."""
    global _loaded  # noqa: PLW0603
    if _loaded:
        return
    with loading("PIL.Image"):
        for name in _LIBRARIES:
            # A Pillow that was built without one does not know its format.
            with contextlib.suppress(ModuleNotFoundError):
                import_module(f"PIL.{name}")
        for name in _MODULES:
            import_module(f"PIL.{name}")
        from PIL import Image

        Image.preinit()
    _loaded = True


def allow_large_pictures() -> None:
    """Raise Pillow's limit to MAX_PIXELS, but not that of an application which has none.

    It is the limit of the whole process, and set nowhere else.
    """
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is not None:
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, MAX_PIXELS)
