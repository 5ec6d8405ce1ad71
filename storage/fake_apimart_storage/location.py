"""Creation of the storage that a location such as `dir:./data` names."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fake_apimart_storage.interface import InvalidKey, InvalidLocation, Storage, check_key

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Options(NamedTuple):
    """What a storage is told beside its location; each kind passes over what is not for it."""

    public_endpoint: str = ""
    fsync: bool = False


def _memory(rest: str, options: Options) -> Storage:
    from fake_apimart_storage.memory import MemoryStorage

    if rest:
        raise InvalidLocation("memory:// takes nothing behind it")
    return MemoryStorage()


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
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    if not _BUCKET.fullmatch(bucket):
        raise InvalidLocation("expected s3://BUCKET or s3://BUCKET/PREFIX, and nothing else in it")
    try:
        check_key(prefix or bucket)
    except InvalidKey:
        raise InvalidLocation("the prefix must be printable ASCII without spaces") from None
    from fake_apimart_storage.s3.storage import S3Storage

    return S3Storage(bucket, f"{prefix}/" if prefix else "", options.public_endpoint)


STORAGES: dict[str, Callable[[str, Options], Storage]] = {
    "memory://": _memory,
    "dir:": _directory,
    "s3://": _s3,
}
"""Factories by prefix. Each imports its module when called, to keep the server's start fast."""


def is_text(value: str) -> bool:
    """Return whether `value` is UTF-8: bytes of the environment may be no text at all."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def storage_at(location: str, *, public_endpoint: str = "", fsync: bool = False) -> Storage:
    """Return the storage at `memory://`, `dir:PATH` or `s3://BUCKET/PREFIX`, not yet open.

    `public_endpoint` is the URL by which clients reach an S3 store, if the server uses another.
    With `fsync` each object in a folder outlives a power cut. Raises InvalidLocation.
    """
    if not is_text(location):
        raise InvalidLocation("expected text in UTF-8")
    for prefix, factory in STORAGES.items():
        if location.startswith(prefix):
            return factory(location.removeprefix(prefix), Options(public_endpoint, fsync))
    raise InvalidLocation("expected memory://, dir:PATH or s3://BUCKET/PREFIX")
