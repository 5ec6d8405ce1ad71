"""The latest uploads, as the gallery shows them."""

from __future__ import annotations

from dataclasses import dataclass

from fake_apimart_storage import Listed

from fake_apimart.contract import file_url
from fake_apimart.files.expire import open_file
from fake_apimart.files.stored_file import StoredFile
from fake_apimart.service.service import Service
from fake_apimart.worlds.world import World

_NANOSECONDS_PER_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class UploadView:
    """An uploaded file; times are Unix seconds by its world's clock.

    `name` is the last segment of its URL. `seconds_left` is 0 where that is dead.
    """

    name: str
    filename: str
    content_type: str
    bytes: int
    created_at: int
    expires_at: int
    seconds_left: int
    world: World

    @property
    def is_alive(self) -> bool:
        """Whether its URL still answers."""
        return self.seconds_left > 0


@dataclass(frozen=True, slots=True)
class Gallery:
    """The latest uploads, newest first, and how many there are."""

    uploads: list[UploadView]
    count: int


async def latest_uploads(service: Service, world: World | None, limit: int) -> Gallery:
    """Return the latest uploads of a world, or of all. Raises StorageError, StateError."""
    newest = await service.index.newest(None if world is None else world.name, limit)
    shown = [await _shown(service, each, world) for each in newest.uploads]
    return Gallery(shown, newest.total)


async def _shown(service: Service, listed: Listed, world: World | None) -> UploadView:
    assert listed.info is not None, "the index has none that is damaged"
    owner = world or service.worlds.of_name(StoredFile.from_info(listed.info).world)
    return _view(listed, owner)


async def upload_of(service: Service, world: World, name: str) -> UploadView:
    """Return one upload. Raises ObjectNotFound, InvalidKey, StorageError."""
    key = file_url.key_of(name)
    async with await open_file(service.storage, world, key) as stored:
        return _view(Listed(key, stored.info, stored.size), world)


def _view(listed: Listed, world: World) -> UploadView:
    assert listed.info is not None
    file = StoredFile.from_info(listed.info)
    now_ns = world.clock.time_ns()
    left = file.expires_at - now_ns // _NANOSECONDS_PER_SECOND
    return UploadView(
        # A folder lists a long key by the name of its file, which is shorter.
        file_url.name_of(listed.info.key),
        file.name or "",
        listed.info.content_type,
        listed.size,
        file.created_at,
        file.expires_at,
        max(1, left) if file.is_alive(now_ns) else 0,
        world,
    )
