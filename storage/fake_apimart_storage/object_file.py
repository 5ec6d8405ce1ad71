"""The file format of an object: its bytes, then a trailer with its description.

    the object's bytes | JSON of ObjectInfo and `size` | length of the JSON, 4 bytes | b"FAPIMART"

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

from fake_apimart_storage.description import checked
from fake_apimart_storage.interface import Chunk, DamagedObject, ObjectInfo

_FOOTER = struct.Struct(">I8s")
_MAGIC = b"FAPIMART"
_TAIL_BYTES = 4096
"""Bytes read at the end of a file at first; nearly all trailers fit."""
_MAX_TRAILER_BYTES = 64 * 1024 * 1024
"""More than any name of a file can take: a request's head and a part's are bounded."""
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_IOV_MAX = 1024
"""Chunks per `writev`, the limit of Linux and macOS."""
_HAS_WRITEV = hasattr(os, "writev")


def trailer(info: ObjectInfo, size: int) -> bytes:
    """Return the trailer for the file of an object of `size` bytes."""
    text = _encode({**info._asdict(), "size": size}).encode()
    return text + _FOOTER.pack(len(text), _MAGIC)


def read_trailer(fd: int) -> tuple[ObjectInfo, int]:
    """Return the description in an open object file, and the object's size.

    Raises DamagedObject if the file is no whole object file, OSError if it cannot be read.
    """
    file_bytes = os.fstat(fd).st_size
    tail = read_at(fd, max(0, file_bytes - _TAIL_BYTES), _TAIL_BYTES)
    if len(tail) < _FOOTER.size:
        raise DamagedObject("damaged object file: no trailer")
    length, magic = _FOOTER.unpack(tail[-_FOOTER.size :])
    size = file_bytes - _FOOTER.size - length
    if magic != _MAGIC or size < 0 or length > _MAX_TRAILER_BYTES:
        raise DamagedObject("damaged object file: no trailer")
    if length + _FOOTER.size > len(tail):
        tail = read_at(fd, size, length + _FOOTER.size)
    try:
        return _description(tail[-_FOOTER.size - length : -_FOOTER.size], size), size
    except (ValueError, RecursionError) as error:
        raise DamagedObject(f"damaged object file: {error}") from None


def _description(text: bytes, size: int) -> ObjectInfo:
    """Return what the JSON of a trailer states. Raises ValueError, RecursionError."""
    fields = json.loads(text)
    if not isinstance(fields, dict):
        raise ValueError("its description is no object")
    # Files of earlier versions do not state it.
    if fields.pop("size", size) != size:
        raise ValueError("it has not the size that it was written with")
    return checked(fields)


def read_at(fd: int, offset: int, length: int) -> bytes:
    """Return `length` bytes of a file from `offset`, fewer where it ends. Raises OSError."""
    os.lseek(fd, offset, os.SEEK_SET)
    read = os.read(fd, length)
    if len(read) == length:
        return read
    pieces = [read]
    # The system may return less than there is.
    while pieces[-1] and (missing := length - sum(map(len, pieces))):
        pieces.append(os.read(fd, missing))
    return b"".join(pieces)


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
