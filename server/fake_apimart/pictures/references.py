"""The reference images of a request: which are stored on this server, and whether they decode.

A URL whose path is that of a file stored here counts as ours whatever its host, since under Docker
Compose the same file is reached by two host names. URLs of other hosts are assumed to be good and
are never fetched (assumed).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple
from urllib.parse import urlsplit

from fake_apimart_storage import InvalidKey, ObjectNotFound, Storage, StoredObject

from fake_apimart.contract import errors, file_url
from fake_apimart.contract.operations import FILE_PREFIXES
from fake_apimart.files.stored_file import StoredFile
from fake_apimart.pictures.sizes import Size
from fake_apimart.worlds.registry import Worlds

MAX_PIXELS = 2**26
"""A larger image counts as a decompression bomb."""
MAX_CONCURRENT_CHECKS = 4
"""How many references all requests together read and decode at the same time."""
CACHED_FILES = 10_000
"""How many files' sizes are cached."""
MAX_SHOWN_CHARACTERS = 200
"""How much of a URL an error message shows."""
UNREADABLE = "cannot be read"
UNDECODABLE = "is no picture that decodes"

_DRAFT_SIZE = (64, 64)
"""A JPEG is decoded at the smallest scale that gives at least this size, in pixels."""


class OwnUrls(NamedTuple):
    """How this server's own URLs are recognised: by host, and by path prefix (root path)."""

    hosts: frozenset[str]
    roots: frozenset[str]


class References(NamedTuple):
    """The outcome of checking a request's references: all are good, or `failure` says why not.

    `keys` are the storage keys of those that are our own files, in the request's order;
    `first_size` is that of the first whose size is known.
    """

    keys: tuple[str, ...] = ()
    first_size: Size | None = None
    failure: str | None = None


def check_url(name: str, url: str, *, accepts_base64: bool) -> None:
    """Check the scheme of the URL in the field `name`. Raises `invalid_parameter`."""
    if url.startswith("data:"):
        if not accepts_base64:
            raise errors.invalid_parameter(
                f"{name} is base64 data, which is no longer accepted: upload the image with "
                "POST /v1/uploads/images and pass its URL"
            )
    elif not url.startswith(("http://", "https://")) or not _can_be_split(url):
        raise errors.invalid_parameter(f"{name} must be an http or https URL")


def _can_be_split(url: str) -> bool:
    """Return whether the standard library takes `url` apart: it refuses hosts such as `[`."""
    try:
        urlsplit(url)
    except ValueError:
        return False
    return True


class _Check(NamedTuple):
    """The check of one reference: its size if it was decoded, its key if it is ours, or a problem.

    All are None for a URL of another host, which is not checked.
    """

    size: Size | None = None
    key: str | None = None
    problem: str | None = None


class ReferenceReader:
    """Reads references from the storage and decodes them in worker threads.

    Files are immutable, so the size of each is cached; the oldest entries are evicted.
    """

    def __init__(self, storage: Storage, worlds: Worlds, executor: Executor) -> None:
        self._storage = storage
        self._worlds = worlds
        self._executor = executor
        self._sizes: OrderedDict[str, Size | None] = OrderedDict()
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_CHECKS)

    async def read(self, urls: Sequence[str], own: OwnUrls) -> References:
        """Check `urls`; a failure names the first that is not good. Raises StorageError."""
        unique = list(dict.fromkeys(urls))
        results = await asyncio.gather(*(self._check(url, own) for url in unique))
        by_url = dict(zip(unique, results, strict=True))
        checks = [by_url[url] for url in urls]
        for number, (url, check) in enumerate(zip(urls, checks, strict=True)):
            if check.problem is not None:
                return References(failure=f"image_urls[{number}] {check.problem}: {_shorten(url)}")
        sizes = [check.size for check in checks if check.size is not None]
        keys = tuple(check.key for check in checks if check.key is not None)
        return References(keys, sizes[0] if sizes else None)

    async def _check(self, url: str, own: OwnUrls) -> _Check:
        async with self._slots:
            if url.startswith("data:"):
                content = _decode_data_url(url)
                return await self._decode(content)
            key = _own_key(url, own)
            if key is not None and await self._is_alive(key):
                return (await self._check_file(key))._replace(key=key)
            return _Check(problem=UNREADABLE if urlsplit(url).netloc in own.hosts else None)

    async def _check_file(self, key: str) -> _Check:
        if key in self._sizes:
            size = self._sizes[key]
            return _Check(size, problem=None if size else UNDECODABLE)
        content = await self.content(key)
        check = await self._decode(content)
        self._sizes[key] = check.size
        if len(self._sizes) > CACHED_FILES:
            self._sizes.popitem(last=False)
        return check

    async def _decode(self, content: bytes | None) -> _Check:
        if content is None:
            return _Check(problem=UNREADABLE)
        loop = asyncio.get_running_loop()
        size = await loop.run_in_executor(self._executor, decoded_size, content)
        return _Check(size, problem=None if size else UNDECODABLE)

    async def _is_alive(self, key: str) -> bool:
        """Return whether the file exists and has not expired by its world's clock."""
        stored = await self._open(key, with_bytes=False)
        if stored is None:
            return False
        await stored.close()
        file = StoredFile.from_info(stored.info)
        return file.is_alive((await self._worlds.by_name(file.world)).clock.time_ns())

    async def _open(self, key: str, *, with_bytes: bool = True) -> StoredObject | None:
        try:
            return await self._storage.get(key, with_bytes=with_bytes)
        except (ObjectNotFound, InvalidKey):
            return None

    async def content(self, key: str) -> bytes | None:
        """Return the bytes stored under `key`, or None if there are none. Raises StorageError."""
        stored = await self._open(key)
        if stored is None:
            return None
        async with stored:
            return b"".join([chunk async for chunk in stored.chunks(0, stored.size)])


def _shorten(url: str) -> str:
    return url if len(url) <= MAX_SHOWN_CHARACTERS else f"{url[:MAX_SHOWN_CHARACTERS]}…"


def _own_key(url: str, own: OwnUrls) -> str | None:
    """Return the storage key that a URL stands for, or None if its path is not that of a file."""
    path = urlsplit(url).path
    for root in own.roots:
        file_path = path.removeprefix(root)
        if path.startswith(root) and file_path.startswith(FILE_PREFIXES):
            return file_url.key_at(file_path.encode())
    return None


def _decode_data_url(url: str) -> bytes | None:
    """Return the bytes of a base64 `data:` URL, or None if it is malformed or not base64."""
    head, comma, text = url.partition(",")
    if not comma or not head.endswith(";base64"):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def decoded_size(content: bytes) -> Size | None:
    """Return an image's size, or None if it does not decode or is a decompression bomb."""
    # Imported here because it slows the start.
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            size = image.size
            # In draft mode a JPEG is still read to its end, but is several times faster to decode.
            image.draft("RGB", _DRAFT_SIZE)
            image.load()
            return size
    except Exception:  # noqa: BLE001
        # Pillow's decoders let any exception of their parsing through, even SyntaxError.
        return None
