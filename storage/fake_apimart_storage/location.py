"""Creation of the storage that a location such as `dir:./data` names."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from fake_apimart_storage.interface import Storage
from fake_apimart_storage.keys import InvalidKey, check_key
from fake_apimart_storage.s3.connection.patience import PATIENCE_SECONDS

S3_PREFIX = "fake-apimart"
"""What keys begin with where a location names a bucket alone, which others may use too."""
S3_ROOT = "."
"""What stands for the root of the bucket in place of a prefix."""

MAX_PREFIX_LENGTH = 800
"""S3 takes keys of 1024 bytes, and the longest ones have some 200 behind the prefix."""

_S3 = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


Addressing = Literal["auto", "path", "virtual"]


class InvalidLocation(ValueError):
    """A location that names no usable storage; the message says what was expected."""


class Options(NamedTuple):
    """What a storage is told beside its location; each kind passes over what is not for it."""

    memory_limit: float
    public_endpoint: str
    fsync: bool
    s3_addressing: Addressing
    s3_patience_seconds: float


def _memory(rest: str, options: Options) -> Storage:
    from fake_apimart_storage.memory import MemoryStorage

    if rest:
        raise InvalidLocation("memory:// takes nothing behind it")
    return MemoryStorage(options.memory_limit)


def _directory(rest: str, options: Options) -> Storage:
    from fake_apimart_storage.directory import DirectoryStorage

    if not rest:
        raise InvalidLocation("dir: needs a path, for example dir:./data")
    try:
        return DirectoryStorage(Path(rest).expanduser().absolute(), sync=options.fsync)
    except RuntimeError:
        raise InvalidLocation(
            "no home directory that ~ could stand for; name a folder by its whole path"
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise InvalidLocation(f"no path from the current directory: {reason}") from None


def _s3(rest: str, options: Options) -> Storage:
    place = _s3_place(rest)
    if not _BUCKET.fullmatch(place.bucket):
        raise InvalidLocation(
            "expected s3://BUCKET or s3://BUCKET/PREFIX, and nothing else in it, where BUCKET has "
            "3 to 63 of the characters a-z, 0-9, `.` and `-`"
        )
    try:
        check_key(place.prefix or place.bucket)
    except InvalidKey:
        raise InvalidLocation(
            "the prefix must be names of printable ASCII without spaces and backslashes, with one "
            "slash between two, and none of them `.` or `..`"
        ) from None
    if len(place.prefix) > MAX_PREFIX_LENGTH:
        raise InvalidLocation(f"the prefix has more than {MAX_PREFIX_LENGTH} characters")
    try:
        from fake_apimart_storage.s3.connection.client import Access
        from fake_apimart_storage.s3.storage import S3Storage
    except ModuleNotFoundError as error:
        raise InvalidLocation(
            f"no module {error.name}: install it by pip install 'fake-apimart[s3]'"
        ) from None

    prefix = f"{place.prefix}/" if place.prefix else ""
    access = Access(options.public_endpoint, options.s3_addressing, options.s3_patience_seconds)
    return S3Storage(place.bucket, prefix, access, is_default=place.is_default)


class _S3Place(NamedTuple):
    """A bucket and a prefix without slashes around it; an empty one is the root of the bucket."""

    bucket: str
    prefix: str
    is_default: bool


def _s3_place(rest: str) -> _S3Place:
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    return _S3Place(bucket, "" if prefix == S3_ROOT else prefix or S3_PREFIX, not prefix)


STORAGES: dict[str, Callable[[str, Options], Storage]] = {
    "memory://": _memory,
    "dir:": _directory,
    _S3: _s3,
}
"""Factories by prefix. Each imports its module when called, to keep the server's start fast."""


def is_text(value: str) -> bool:
    """Return whether `value` is UTF-8: bytes of the environment may be no text at all."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def storage_at(
    location: str,
    *,
    memory_limit: float = math.inf,
    public_endpoint: str = "",
    fsync: bool = False,
    s3_addressing: Addressing = "auto",
    s3_patience_seconds: float = PATIENCE_SECONDS,
) -> Storage:
    """Return the storage at `memory://`, `dir:PATH` or `s3://BUCKET/PREFIX`, not yet open.

    `s3://BUCKET` is short for `s3://BUCKET/fake-apimart`; `s3://BUCKET/.` is the bucket's root.
    `memory_limit` is how many bytes may be in memory. `public_endpoint` is the URL by which clients
    reach an S3 store, if the server uses another. With `fsync` each object in a folder outlives a
    power cut. `s3_addressing` says where URLs have the bucket's name, `s3_patience_seconds` how
    long a call to the store may be at a stand. Raises InvalidLocation.
    """
    if not is_text(location):
        raise InvalidLocation("expected text in UTF-8")
    options = Options(memory_limit, public_endpoint, fsync, s3_addressing, s3_patience_seconds)
    for prefix, factory in STORAGES.items():
        if location.startswith(prefix):
            return factory(location.removeprefix(prefix), options)
    raise InvalidLocation("expected memory://, dir:PATH or s3://BUCKET/PREFIX")


def full_location(location: str) -> str:
    """Return a location with the prefix that it leaves out; one that names no bucket as it is."""
    if not location.startswith(_S3):
        return location
    place = _s3_place(location.removeprefix(_S3))
    return f"{_S3}{place.bucket}/{place.prefix or S3_ROOT}"


def location_below(location: str, name: str) -> str:
    """Return the location of a storage of its own in a folder, or below a prefix."""
    return f"{full_location(location).rstrip('/').removesuffix(f'/{S3_ROOT}')}/{name}"
