"""The file format of an object: its bytes, then a trailer with its description.

    the object's bytes | JSON of ObjectInfo | length of the JSON, 4 bytes | b"FAPIMART"

With one file, one atomic rename publishes bytes and description together. With the trailer after
the bytes, nothing about the object must be known before its last byte, and a picture in the folder
still opens in any viewer, since all four formats allow trailing bytes.
"""

from __future__ import annotations

import errno
import json
import os
import struct
from collections.abc import Sequence
from pathlib import Path

from fake_apimart_storage.interface import Chunk, ObjectInfo, StorageError
from fake_apimart_storage.portable_name import portable_key

_FOOTER = struct.Struct(">I8s")
_MAGIC = b"FAPIMART"
_TAIL_BYTES = 4096
"""Bytes read at the end of a file at first; nearly all trailers fit."""
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_IOV_MAX = 1024
"""Chunks per `writev`, the limit of Linux and macOS."""
_HAS_WRITEV = hasattr(os, "writev")


def path_of(root: Path, key: str) -> str:
    """Return the path of the object file for `key` below `root`. Raises InvalidKey.

    A segment that some file system would refuse is replaced by its `portable_name`.
    """
    # A str, because creating a Path takes as long as all the rest of this.
    return f"{root}{os.sep}{portable_key(key)}"


def trailer(info: ObjectInfo) -> bytes:
    """Return the trailer for an object's file."""
    text = _encode(info._asdict()).encode()
    return text + _FOOTER.pack(len(text), _MAGIC)


def read_trailer(fd: int, file_bytes: int) -> tuple[ObjectInfo, int]:
    """Return the description in an open object file of `file_bytes`, and the object's size.

    Raises StorageError if the file is not an object file or is damaged.
    """
    tail = _read_at(fd, max(0, file_bytes - _TAIL_BYTES), _TAIL_BYTES)
    if len(tail) < _FOOTER.size:
        raise StorageError("damaged object file: no trailer")
    length, magic = _FOOTER.unpack(tail[-_FOOTER.size :])
    size = file_bytes - _FOOTER.size - length
    if magic != _MAGIC or size < 0:
        raise StorageError("damaged object file: no trailer")
    if length + _FOOTER.size > len(tail):
        tail = _read_at(fd, size, length + _FOOTER.size)
    try:
        return ObjectInfo(**json.loads(tail[-_FOOTER.size - length : -_FOOTER.size])), size
    except (ValueError, TypeError) as error:
        raise StorageError(f"damaged object file: {error}") from error


def _read_at(fd: int, offset: int, length: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, length)


def write_all(fd: int, chunks: Sequence[Chunk]) -> None:
    """Append all chunks to an open file. Raises OSError."""
    if not _HAS_WRITEV:  # pragma: no cover - Windows
        for chunk in chunks:
            _write_rest(fd, memoryview(chunk))
        return
    for first in range(0, len(chunks), _IOV_MAX):
        batch = chunks[first : first + _IOV_MAX]
        total = sum(map(len, batch))
        written = os.writev(fd, batch)
        if written < total:
            _write_rest(fd, memoryview(b"".join(batch))[written:])


def _write_rest(fd: int, rest: memoryview) -> None:
    while rest:
        written = os.write(fd, rest)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[written:]
