"""The metadata of a stored file: its world, and its creation and expiry by that world's clock.

The times of the storage itself are real time. Deletion goes by those, so that a world whose clock
is set back sees its files again.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from fake_apimart_storage import DamagedObject, ObjectInfo

from fake_apimart.worlds.world import NAME_PATTERN

NAME = "name"
WORLD = "world"
CREATED_AT = "created-at"
EXPIRES_AT = "expires-at"
STORED_NS = "stored-ns"

LATEST_SECONDS = 20_000_000_000
"""Later than any world's clock with any lifetime, in Unix seconds."""

_NANOSECONDS_PER_SECOND = 1_000_000_000
_SECONDS = re.compile(r"[0-9]{1,11}")
_NANOSECONDS = re.compile(r"[0-9]{1,20}")
_WORLD = re.compile(NAME_PATTERN)


class StoredFile(NamedTuple):
    """A file of a world; `created_at` and `expires_at` are Unix seconds by the world's clock.

    `name` is that of the uploaded file, or None for a file that the server itself has generated.
    `stored_ns` is when it was stored, in Unix nanoseconds of real time, once it is: the order of
    files for all servers, since the clock of a world may stand still.
    """

    world: str
    created_at: int
    expires_at: int
    name: str | None = None
    stored_ns: int = 0

    @classmethod
    def from_info(cls, info: ObjectInfo) -> StoredFile:
        """Read a file's metadata from that of its stored object. Raises DamagedObject."""
        metadata = info.metadata
        world = metadata.get(WORLD, "")
        if not _WORLD.fullmatch(world):
            raise DamagedObject("damaged description: it names no world")
        return cls(
            world,
            _seconds(info, CREATED_AT, info.created_at),
            _seconds(info, EXPIRES_AT, info.expires_at),
            metadata.get(NAME),
            _stored_ns(info),
        )

    def to_info(self, key: str, content_type: str, now_ns: int) -> ObjectInfo:
        """Return the metadata to store under `key`; `now_ns` is real time in Unix nanoseconds."""
        metadata = {
            WORLD: self.world,
            CREATED_AT: str(self.created_at),
            EXPIRES_AT: str(self.expires_at),
            STORED_NS: str(now_ns),
        }
        if self.name is not None:
            metadata = {NAME: self.name, **metadata}
        stored_at = now_ns // _NANOSECONDS_PER_SECOND
        lifetime = self.expires_at - self.created_at
        return ObjectInfo(key, content_type, stored_at, stored_at + lifetime, metadata)

    def is_alive(self, now_ns: int) -> bool:
        """Return whether the file has not expired at `now_ns`, by its world's clock."""
        return now_ns < self.expires_at * _NANOSECONDS_PER_SECOND


def _stored_ns(info: ObjectInfo) -> int:
    """Return when a file was stored; in whole seconds where its description says no more."""
    text = info.metadata.get(STORED_NS, "")
    if _NANOSECONDS.fullmatch(text):
        return int(text)
    return info.created_at * _NANOSECONDS_PER_SECOND


def _seconds(info: ObjectInfo, name: str, default: int) -> int:
    text = info.metadata.get(name, str(default))
    if not _SECONDS.fullmatch(text) or int(text) > LATEST_SECONDS:
        raise DamagedObject(f"damaged description: its {name} is no Unix time")
    return int(text)
