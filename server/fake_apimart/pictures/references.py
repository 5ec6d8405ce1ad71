"""The reference images of a request: which are stored on this server, and whether they decode.

A URL whose path is that of a file stored here counts as ours whatever its host, since under Docker
Compose the same file is reached by two host names. URLs of other hosts are assumed to be good and
are never fetched (assumed).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from fake_apimart_storage import DamagedObject, InvalidKey, ObjectNotFound, Storage, StoredObject

from fake_apimart.common.caches import ByteCache
from fake_apimart.common.texts import shortened
from fake_apimart.contract import errors
from fake_apimart.files.stored_file import StoredFile
from fake_apimart.go.url import URLError
from fake_apimart.image_workers.decoders import SMALL_BYTES, Decoders
from fake_apimart.image_workers.pool import Unfinished
from fake_apimart.images.decoding import TooManyPixels
from fake_apimart.images.picture_file import BrokenPicture, Size
from fake_apimart.images.pillow import MAX_PIXELS
from fake_apimart.pictures.own_urls import OwnUrls, parse_http_url
from fake_apimart.worlds.registry import Worlds

if TYPE_CHECKING:
    from PIL import Image

MAX_CONCURRENT_READS = 4
"""How many large references all requests together hold in memory at once, to decode them."""
MAX_CONCURRENT_CHECKS = 16
"""How many references all requests together look up at once, small ones with their bytes."""
CACHE_BYTES = 8 * 1024 * 1024
"""How much memory the cached checks of files may take."""
MAX_URL_CHARACTERS = 8192
"""The longest URL of a reference that is taken (assumed)."""
UNREADABLE = "cannot be read"
NOT_FOUND = f"{UNREADABLE} (no such file)"
EXPIRED = f"{UNREADABLE} (expired)"
UNDECODABLE = "is no picture that decodes"

_DATA_SCHEME = "data:"
_BASE64 = ";base64"


class References(NamedTuple):
    """The outcome of checking a request's references: all are good, or `failure` says why not.

    `keys` are the storage keys of the images that are our own files, in the request's order;
    `first_size` is that of the first whose size is known, as it is to be seen. The mask is checked
    alone.
    """

    keys: tuple[str, ...] = ()
    first_size: Size | None = None
    failure: str | None = None


def check_url(name: str, url: str, *, accepts_base64: bool) -> None:
    """Check that the field `name` has a URL that is taken. Raises `invalid_parameter`."""
    if _is_data(url):
        if not accepts_base64:
            raise errors.invalid_parameter(
                f"{name} is base64 data, which is no longer accepted: upload the image with "
                "POST /v1/uploads/images and pass its URL"
            )
        return
    if len(url) > MAX_URL_CHARACTERS:
        raise errors.invalid_parameter(f"{name} exceeds {MAX_URL_CHARACTERS} characters")
    try:
        parse_http_url(url)
    except URLError:
        raise errors.invalid_parameter(f"{name} must be an http or https URL") from None


def _is_data(url: str) -> bool:
    return url[: len(_DATA_SCHEME)].lower() == _DATA_SCHEME


class _Check(NamedTuple):
    """The check of one reference: its size if it was decoded, its key if it is ours, or a problem.

    All are None for a URL of another host, which is not checked. What is not final may be found
    otherwise another time.
    """

    size: Size | None = None
    key: str | None = None
    problem: str | None = None
    is_final: bool = True


class ReferenceReader:
    """Reads references from the storage and has them decoded.

    Files are immutable, so the check of each is cached; the oldest entries are evicted.
    """

    def __init__(self, storage: Storage, worlds: Worlds, decoders: Decoders) -> None:
        self._storage = storage
        self._worlds = worlds
        self._decoders = decoders
        self._checks: ByteCache[_Check] = ByteCache(CACHE_BYTES)
        self._reads = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self._checking = asyncio.Semaphore(MAX_CONCURRENT_CHECKS)

    async def read(self, urls: Sequence[str], mask: str | None, own: OwnUrls) -> References:
        """Check the images at `urls` and the `mask`; a failure names the first that is not good.

        Raises StorageError, Shortage.
        """
        named = {f"image_urls[{number}]": url for number, url in enumerate(urls)}
        if mask is not None:
            named["mask_url"] = mask
        unique = list(dict.fromkeys(named.values()))
        results = await asyncio.gather(*(self._check(url, own) for url in unique))
        by_url = dict(zip(unique, results, strict=True))
        for name, url in named.items():
            if problem := by_url[url].problem:
                return References(failure=f"{name} {problem}: {shortened(url)}")
        checks = [by_url[url] for url in urls]
        sizes = [check.size for check in checks if check.size is not None]
        keys = tuple(check.key for check in checks if check.key is not None)
        return References(keys, sizes[0] if sizes else None)

    async def _check(self, url: str, own: OwnUrls) -> _Check:
        if _is_data(url):
            return await self._decode(_decode_data_url(url))
        parsed = parse_http_url(url)
        key = own.key_of(parsed)
        async with self._checking:
            stored = await self._open(key, with_bytes=False) if key is not None else None
            if key is None or stored is None:
                return _Check(problem=NOT_FOUND if own.has_host_of(parsed) else None)
            await stored.close()
            try:
                is_alive = await self._is_alive(stored)
            except DamagedObject:
                return _Check(problem=NOT_FOUND)
            if not is_alive:
                return _Check(problem=EXPIRED)
        return (await self._check_file(key, stored.size))._replace(key=key)

    async def _check_file(self, key: str, size: int) -> _Check:
        known = self._checks.get(key)
        if known is not None:
            return known
        # A small file is not behind large ones, which may take long.
        async with self._checking if size <= SMALL_BYTES else self._reads:
            content = await self._content(key)
            check = await self._decode(content)
        if content is not None and check.is_final:
            self._checks.put(key, check)
        return check

    async def _decode(self, content: bytes | None) -> _Check:
        if content is None:
            return _Check(problem=UNREADABLE)
        try:
            size = await self._decoders.upright_size(content)
        except BrokenPicture as error:
            return _Check(problem=UNDECODABLE, is_final=not isinstance(error, Unfinished))
        except TooManyPixels as error:
            limit = f"more than the {MAX_PIXELS} that are decoded"
            return _Check(problem=f"has {error.pixels} pixels, {limit}")
        return _Check(size)

    async def _is_alive(self, stored: StoredObject) -> bool:
        """Return whether a file has not expired by its world's clock. Raises DamagedObject."""
        file = StoredFile.from_info(stored.info)
        return file.is_alive((await self._worlds.by_name(file.world)).clock.time_ns())

    async def _open(self, key: str, *, with_bytes: bool = True) -> StoredObject | None:
        try:
            return await self._storage.get(key, with_bytes=with_bytes)
        except (ObjectNotFound, InvalidKey):
            return None

    async def thumbnail(self, key: str, side: int) -> Image.Image | None:
        """Return the picture stored under `key`, in a square of `side` pixels.

        It is None if there is none that decodes. Raises StorageError, Shortage.
        """
        async with self._reads:
            content = await self._content(key)
            if content is None:
                return None
            try:
                return await self._decoders.thumbnail(content, side)
            except (BrokenPicture, TooManyPixels):
                return None

    async def _content(self, key: str) -> bytes | None:
        stored = await self._open(key)
        if stored is None:
            return None
        async with stored:
            return b"".join([chunk async for chunk in stored.chunks(0, stored.size)])


def _decode_data_url(url: str) -> bytes | None:
    """Return the bytes of a base64 `data:` URL, or None if it is malformed or not base64."""
    head, comma, text = url.partition(",")
    if not comma or head[-len(_BASE64) :].lower() != _BASE64:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None
