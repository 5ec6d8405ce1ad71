"""Whether a picture decodes, for those who want the vendor's `invalid image content`."""

from __future__ import annotations

import io


def decodes(data: bytes | bytearray) -> bool:
    """Whether Pillow reads every frame of the picture `data`, short of a decompression bomb."""
    # Imported here because it costs start-up time, and most servers do not check.
    from PIL import Image, ImageSequence

    try:
        with Image.open(io.BytesIO(data)) as image:
            for frame in ImageSequence.Iterator(image):
                frame.load()
    except Exception:  # noqa: BLE001
        # Pillow's decoders raise whatever their parsing runs into, SyntaxError included.
        return False
    return True
