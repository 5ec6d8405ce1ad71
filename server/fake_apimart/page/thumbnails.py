"""Thumbnails of a world's files, uploads and results alike, for the gallery.

They are decoded as references are, by the same workers within the same bounds. One small file and
one other are at it at a time at most, so that a gallery of a thousand leaves a worker of each kind
to the requests of clients, whose files they are.
"""

from __future__ import annotations

import asyncio
import io
from http import HTTPStatus
from typing import TYPE_CHECKING

from fake_apimart_storage import InvalidKey, ObjectNotFound, Storage
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from fake_apimart.common.caches import ByteCache
from fake_apimart.contract import file_url
from fake_apimart.files.expire import open_file
from fake_apimart.image_workers.decoders import SMALL_BYTES, Decoders
from fake_apimart.images.decoding import TooManyPixels
from fake_apimart.images.picture_file import BrokenPicture
from fake_apimart.machine.shortage import Shortage
from fake_apimart.worlds.world import World

if TYPE_CHECKING:
    from PIL import Image

SIDE = 256
"""The longest side of a thumbnail, in pixels. What is smaller stays as it is."""
CACHE_BYTES = 16 * 1024 * 1024
"""How much memory the cached thumbnails may take: more than a thousand of photos."""

_NO_PICTURE = b""
"""What is cached of a file that is no picture that decodes."""
_QUALITY = 80
_SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'"}
_KEPT = {"Cache-Control": "private, max-age=86400, immutable", **_SAFE}
_NOT_KEPT = {"Cache-Control": "no-store", **_SAFE}


class Thumbnails:
    """Makes thumbnails where they are first asked for; those that were used last are cached.

    So is what does not decode, or not within its time. The bytes under a key never change, but
    whether they are there does, so that the storage is asked each time.
    """

    def __init__(self, storage: Storage, decoders: Decoders) -> None:
        self._storage = storage
        self._decoders = decoders
        self._cache: ByteCache[bytes] = ByteCache(CACHE_BYTES)
        # A small file is not behind a large one, which may take long.
        self._small, self._large = asyncio.Lock(), asyncio.Lock()

    async def of(self, world: World, key: str) -> bytes | None:
        """Return a thumbnail of the file under `key`, as WebP, whether its URL is dead or not.

        It is None for a file that is not there or another world's, and for one that is no picture
        that decodes. Raises StorageError, Shortage.
        """
        if not file_url.OWN_KEY.fullmatch(key):
            return None
        try:
            async with await open_file(self._storage, world, key, with_bytes=False) as stored:
                version, size = f"{key} {stored.etag}", stored.size
            made = self._cache.get(version)
            if made is None:
                async with self._small if size <= SMALL_BYTES else self._large:
                    made = await self._make_once(world, key, version)
        except (ObjectNotFound, InvalidKey):
            return None
        return made or None

    async def _make_once(self, world: World, key: str, version: str) -> bytes:
        # Another request for the same one may have been before this one.
        made = self._cache.get(version)
        if made is None:
            made = await self._make(world, key)
            self._cache.put(version, made)
        return made

    async def _make(self, world: World, key: str) -> bytes:
        """Return a thumbnail, or _NO_PICTURE. Raises ObjectNotFound, StorageError, Shortage."""
        async with await open_file(self._storage, world, key) as stored:
            content = b"".join([chunk async for chunk in stored.chunks(0, stored.size)])
        try:
            image = await self._decoders.thumbnail(content, SIDE, "RGBA")
        except (BrokenPicture, TooManyPixels):
            return _NO_PICTURE
        return await run_in_threadpool(_encoded, image)


def _encoded(image: Image.Image) -> bytes:
    """Return a picture as WebP. Raises Shortage."""
    file = io.BytesIO()
    try:
        image.save(file, "WEBP", quality=_QUALITY, method=0)
    except (OSError, MemoryError) as error:
        raise Shortage(f"cannot write a thumbnail: {error}") from error
    return file.getvalue()


def thumbnail_response(thumbnail: bytes | None) -> Response:
    """Return the answer that sends a thumbnail; without one it is a 404 without a body.

    Browsers keep the thumbnail for a day, and ask again for one that there was not.
    """
    if thumbnail is None:
        return Response(status_code=HTTPStatus.NOT_FOUND, headers=_NOT_KEPT)
    return Response(thumbnail, media_type="image/webp", headers=_KEPT)
