"""Image files: the size of a picture, or the one error that says why it is none."""

from __future__ import annotations

import contextlib

from fake_apimart.images.decoding import TooManyPixels, decode
from fake_apimart.images.picture_file import BrokenPicture


def run(data: bytes) -> None:
    with contextlib.suppress(BrokenPicture, TooManyPixels):
        width, height = decode(data).size
        assert width > 0
        assert height > 0
