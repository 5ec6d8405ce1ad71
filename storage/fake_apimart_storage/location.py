"""From a storage's place, as a setting writes it, to the storage."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from fake_apimart_storage.interface import InvalidKey, InvalidLocation, Storage, check_key

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _memory(rest: str, public_endpoint: str) -> Storage:
    from fake_apimart_storage.memory import MemoryStorage

    if rest:
        raise InvalidLocation("memory:// takes nothing behind it")
    return MemoryStorage()


def _directory(rest: str, public_endpoint: str) -> Storage:
    from fake_apimart_storage.directory import DirectoryStorage

    if not rest:
        raise InvalidLocation("dir: needs a path, for example dir:./data")
    return DirectoryStorage(Path(rest).expanduser().absolute())


def _s3(rest: str, public_endpoint: str) -> Storage:
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    if not _BUCKET.fullmatch(bucket):
        raise InvalidLocation("expected s3://BUCKET or s3://BUCKET/PREFIX, and nothing else in it")
    try:
        check_key(prefix or bucket)
    except InvalidKey:
        raise InvalidLocation("the prefix must be printable ASCII without spaces") from None
    from fake_apimart_storage.s3.storage import S3Storage

    return S3Storage(bucket, f"{prefix}/" if prefix else "", public_endpoint)


# Each imports its module when chosen: a storage that is not used must not cost start-up time.
STORAGES: dict[str, Callable[[str, str], Storage]] = {
    "memory://": _memory,
    "dir:": _directory,
    "s3://": _s3,
}


def storage_at(location: str, *, public_endpoint: str = "") -> Storage:
    """The storage that a setting names: `memory://`, `dir:PATH` or `s3://BUCKET/PREFIX`.

    `public_endpoint` is the URL by which clients reach an S3 store, where it is not the server's.
    Raises InvalidLocation.
    """
    for prefix, storage in STORAGES.items():
        if location.startswith(prefix):
            return storage(location.removeprefix(prefix), public_endpoint)
    raise InvalidLocation("expected memory://, dir:PATH or s3://BUCKET/PREFIX")
