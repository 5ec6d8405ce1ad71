"""The `Range` header: the whole file, a part of it, or the refusal."""

from __future__ import annotations

from fake_apimart.contract.api_error import ApiError
from fake_apimart.files.byte_range import byte_range


def run(data: bytes) -> None:
    """Take the first two bytes for the file's size."""
    size = int.from_bytes(data[:2], "big")
    try:
        part = byte_range(data[2:].decode("latin-1"), size)
    except ApiError as error:
        assert error.status == 416
        return
    if part is not None:
        assert 0 <= part.start < part.stop <= size
