"""Descriptions as S3 metadata: within S3's limit, and refused where they are none."""

from __future__ import annotations

import contextlib

from fake_apimart_storage import DamagedObject, ObjectInfo
from fake_apimart_storage.s3.metadata import from_metadata, to_metadata

MOST_BYTES = 2048
"""What S3 stores for one object."""


def run(data: bytes) -> None:
    """Take lines for names and values by turns: those of an object, and those of a store."""
    lines = [line.decode("utf-8", "surrogateescape") for line in data.split(b"\n")]
    own = dict(zip(("filename", "world", "error"), lines, strict=False))
    info = ObjectInfo("image/1", "image/png", 1, 2, own)
    stored = to_metadata(info)
    assert all(map(str.isascii, stored.values()))
    assert sum(map(len, (*stored, *stored.values()))) <= MOST_BYTES
    read = from_metadata("image/1", "image/png", stored)
    assert read[:4] == info[:4]
    assert set(read.metadata) == set(own)
    if sum(map(len, own.values())) <= 100:
        assert read == info
    with contextlib.suppress(DamagedObject):
        foreign = data.decode("latin-1").split("\n")
        from_metadata("image/1", "image/png", dict(zip(foreign[::2], foreign[1::2], strict=False)))
