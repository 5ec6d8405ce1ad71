"""How an object lies in one file: its bytes, then a trailer that says what they are.

    the object's bytes | JSON of ObjectInfo | length of the JSON, 4 bytes | b"FAPIMART"

One file means one atomic rename: bytes and description appear together or not at all. With the
trailer behind the bytes nothing about the object must be known before its last byte, and a
picture in the folder still opens in any viewer, since all four formats allow trailing bytes.
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
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_IOV_MAX = 1024
_WRITES_AT_ONCE = hasattr(os, "writev")


def path_of(root: Path, key: str) -> str:
    """The file of the object under `key`, below `root`. Raises InvalidKey.

    A segment that some file system would refuse becomes its `portable_name`.
    """
    # Text, because a Path takes as long to make as all the rest of this.
    return f"{root}{os.sep}{portable_key(key)}"


def trailer(info: ObjectInfo) -> bytes:
    """The bytes that stand behind an object's own."""
    text = _encode(info._asdict()).encode()
    return text + _FOOTER.pack(len(text), _MAGIC)


def read_trailer(fd: int, file_bytes: int) -> tuple[ObjectInfo, int]:
    """The description in an open object file of `file_bytes`, and the size of the object's bytes.

    Raises StorageError where the file is none of ours or was damaged.
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
    if not _WRITES_AT_ONCE:  # pragma: no cover - Windows
        for chunk in chunks:
            _write_rest(fd, memoryview(chunk))
        return
    for first in range(0, len(chunks), _IOV_MAX):
        batch = chunks[first : first + _IOV_MAX]
        wanted = sum(map(len, batch))
        written = os.writev(fd, batch)
        if written < wanted:
            _write_rest(fd, memoryview(b"".join(batch))[written:])


def _write_rest(fd: int, rest: memoryview) -> None:
    while rest:
        written = os.write(fd, rest)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[written:]
