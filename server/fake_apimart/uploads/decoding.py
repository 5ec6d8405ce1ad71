"""Whether an image decodes, for servers that emulate the vendor's `invalid image content`."""

from __future__ import annotations

import io


def decodes(data: bytes | bytearray) -> bool:
    """Return whether Pillow decodes every frame of an image that is no decompression bomb."""
    # Imported here because it slows the start, and most servers do not check.
    from PIL import Image, ImageSequence

    try:
        with Image.open(io.BytesIO(data)) as image:
            for frame in ImageSequence.Iterator(image):
                frame.load()
    except Exception:  # noqa: BLE001
        # Pillow's decoders let any exception of their parsing through, even SyntaxError.
        return False
    return True
