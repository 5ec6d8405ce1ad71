"""From a storage's place, as a setting writes it, to the storage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fake_apimart_storage.interface import InvalidLocation, Storage


def _memory(rest: str) -> Storage:
    from fake_apimart_storage.memory import MemoryStorage

    if rest:
        raise InvalidLocation("memory:// takes nothing behind it")
    return MemoryStorage()


def _directory(rest: str) -> Storage:
    from fake_apimart_storage.directory import DirectoryStorage

    if not rest:
        raise InvalidLocation("dir: needs a path, for example dir:./data")
    return DirectoryStorage(Path(rest).expanduser().absolute())


# Each imports its module when chosen: a storage that is not used must not cost start-up time.
STORAGES: dict[str, Callable[[str], Storage]] = {"memory://": _memory, "dir:": _directory}


def storage_at(location: str) -> Storage:
    """The storage that a setting names: `memory://` or `dir:PATH`. Raises InvalidLocation."""
    for prefix, storage in STORAGES.items():
        if location.startswith(prefix):
            return storage(location.removeprefix(prefix))
    raise InvalidLocation("expected memory:// or dir:PATH")
