"""A file as the storage holds it: whose it is, and when it began and ends by its world's clock.

The storage's own times are the machine's: by them files are deleted, so that a world whose clock is
set back sees its files again.
"""

from __future__ import annotations

from typing import NamedTuple

from fake_apimart_storage import ObjectInfo

NAME = "name"
WORLD = "world"
CREATED_AT = "created-at"
EXPIRES_AT = "expires-at"

_NANOSECONDS = 1_000_000_000


class StoredFile(NamedTuple):
    """`created_at` and `expires_at` are Unix seconds by the clock of `world`.

    `name` is that of the uploaded file; None of a file that the server has made itself.
    """

    world: str
    created_at: int
    expires_at: int
    name: str | None = None

    def is_alive(self, now_ns: int) -> bool:
        """Whether the file is still to be had at this instant of its world's."""
        return now_ns < self.expires_at * _NANOSECONDS

    def info(self, key: str, content_type: str, now_ns: int) -> ObjectInfo:
        """How it is to be stored, at `now_ns` nanoseconds after the Unix epoch in reality."""
        metadata = {
            WORLD: self.world,
            CREATED_AT: str(self.created_at),
            EXPIRES_AT: str(self.expires_at),
        }
        if self.name is not None:
            metadata = {NAME: self.name, **metadata}
        stored_at = now_ns // _NANOSECONDS
        life = self.expires_at - self.created_at
        return ObjectInfo(key, content_type, stored_at, stored_at + life, metadata)


def file_of(info: ObjectInfo) -> StoredFile:
    """What is known of the file that is stored like this."""
    metadata = info.metadata
    return StoredFile(
        metadata.get(WORLD, ""),
        int(metadata.get(CREATED_AT, info.created_at)),
        int(metadata.get(EXPIRES_AT, info.expires_at)),
        metadata.get(NAME),
    )
