"""EXIF: the orientation of a picture, and nothing else.

The metadata comes from clients and is often damaged: whatever cannot be read is passed over.
"""

from __future__ import annotations

import struct

UPRIGHT = 1
"""The orientation of a picture that is stored as it is to be seen."""
PREFIX = b"Exif\0\0"
"""What the segment of a JPEG file begins with that holds EXIF data; others hold XMP."""
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION = 0x0112
_FORMATS = {1: "B", 3: "H", 4: "I"}
"""By the type of an entry: how `struct` reads an unsigned integer of it."""
_ENTRY_BYTES = 12


def orientation_of(exif: bytes) -> int:
    """Return the orientation that EXIF data states, from 1 to 8; 1 if it states none.

    The data may begin with `Exif` and two zero bytes, as in a JPEG file, or without.
    """
    exif = exif.removeprefix(PREFIX)
    order = _BYTE_ORDERS.get(exif[:4])
    if order is None:
        return UPRIGHT
    try:
        orientation = _find(exif, order)
    except struct.error:
        return UPRIGHT
    return orientation if 1 <= orientation <= 8 else UPRIGHT


def _find(exif: bytes, order: str) -> int:
    """Return the value of the first directory's entry. Raises struct.error at the data's end."""
    (directory,) = struct.unpack_from(f"{order}I", exif, 4)
    (entries,) = struct.unpack_from(f"{order}H", exif, directory)
    for number in range(entries):
        at = directory + 2 + number * _ENTRY_BYTES
        tag, kind, count = struct.unpack_from(f"{order}HHI", exif, at)
        if tag == _ORIENTATION and count == 1 and kind in _FORMATS:
            (value,) = struct.unpack_from(order + _FORMATS[kind], exif, at + 8)
            return int(value)
    return UPRIGHT
