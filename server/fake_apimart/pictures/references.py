"""The pictures that a request refers to: which of them are ours, and whether they are any good.

A URL whose path names a file that we hold is ours, whatever its host: in compose the same file is
reached by two names. Other hosts are taken on trust, and never asked for anything (assumed).
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

MOST_PIXELS = 2**26
MOST_AT_ONCE = 4
REMEMBERED_FILES = 10_000
LONGEST_SHOWN = 200
GONE = "cannot be read"
BROKEN = "is no picture that decodes"

_DRAFT = (64, 64)


class OwnUrls(NamedTuple):
    """By which hosts this server is reached, and which paths may stand before those of files."""

    hosts: frozenset[str]
    roots: frozenset[str]


class References(NamedTuple):
    """What was found out: keys of our own files, the first one's size, and what is wrong."""

    keys: tuple[str, ...] = ()
    first_size: Size | None = None
    failure: str | None = None


def check_form(name: str, url: str, *, accepts_base64: bool) -> None:
    """Hold a URL to what is taken at all. Raises `invalid_parameter`."""
    if url.startswith("data:"):
        if not accepts_base64:
            raise errors.invalid_parameter(
                f"{name} is base64 data, which is no longer accepted: upload the image with "
                "POST /v1/uploads/images and pass its URL"
            )
    elif not url.startswith(("http://", "https://")):
        raise errors.invalid_parameter(f"{name} must be an http or https URL")


class _Looked(NamedTuple):
    """One reference: its size where it decodes, its key where it is ours, else what is wrong."""

    size: Size | None = None
    key: str | None = None
    problem: str | None = None


class ReferenceReader:
    """Finds references in the storage and looks whether they decode, in worker threads.

    Files never change, so that what was once found out about one is remembered.
    """

    def __init__(self, storage: Storage, worlds: Worlds, executor: Executor) -> None:
        self._storage = storage
        self._worlds = worlds
        self._executor = executor
        self._sizes: OrderedDict[str, Size | None] = OrderedDict()
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)

    async def read(self, urls: Sequence[str], own: OwnUrls) -> References:
        """Look at each of `urls`; the first that is no good is named. Raises StorageError."""
        different = list(dict.fromkeys(urls))
        found = await asyncio.gather(*(self._look(url, own) for url in different))
        looked = [found[different.index(url)] for url in urls]
        for number, (url, each) in enumerate(zip(urls, looked, strict=True)):
            if each.problem is not None:
                shown = url if len(url) <= LONGEST_SHOWN else f"{url[:LONGEST_SHOWN]}…"
                return References(failure=f"image_urls[{number}] {each.problem}: {shown}")
        sizes = [each.size for each in looked if each.size is not None]
        keys = tuple(each.key for each in looked if each.key is not None)
        return References(keys, sizes[0] if sizes else None)

    async def _look(self, url: str, own: OwnUrls) -> _Looked:
        async with self._slots:
            if url.startswith("data:"):
                content = _data_of(url)
                return _Looked(problem=GONE) if content is None else await self._decode(content)
            key = _key_of(url, own)
            if key is not None and await self._is_alive(key):
                return (await self._remembered(key))._replace(key=key)
            return _Looked(problem=GONE if urlsplit(url).netloc in own.hosts else None)

    async def _remembered(self, key: str) -> _Looked:
        if key in self._sizes:
            size = self._sizes[key]
            return _Looked(size, problem=None if size else BROKEN)
        content = await self.content(key)
        looked = _Looked(problem=GONE) if content is None else await self._decode(content)
        self._sizes[key] = looked.size
        if len(self._sizes) > REMEMBERED_FILES:
            self._sizes.popitem(last=False)
        return looked

    async def _decode(self, content: bytes) -> _Looked:
        loop = asyncio.get_running_loop()
        size = await loop.run_in_executor(self._executor, size_of_picture, content)
        return _Looked(size, problem=None if size else BROKEN)

    async def _is_alive(self, key: str) -> bool:
        """Whether the file can be had, by the clock of the world that it belongs to."""
        stored = await self._open(key, with_bytes=False)
        if stored is None:
            return False
        await stored.close()
        file = StoredFile.from_info(stored.info)
        return file.is_alive((await self._worlds.named(file.world)).clock.time_ns())

    async def _open(self, key: str, *, with_bytes: bool = True) -> StoredObject | None:
        try:
            return await self._storage.get(key, with_bytes=with_bytes)
        except (ObjectNotFound, InvalidKey):
            return None

    async def content(self, key: str) -> bytes | None:
        """The bytes under `key`; None where there are none. Raises StorageError."""
        stored = await self._open(key)
        if stored is None:
            return None
        async with stored:
            return b"".join([chunk async for chunk in stored.chunks(0, stored.size)])


def _key_of(url: str, own: OwnUrls) -> str | None:
    """Return the key that a URL's path leads to, if it is that of a file."""
    path = urlsplit(url).path
    for root in own.roots:
        below = path.removeprefix(root)
        if path.startswith(root) and below.startswith(FILE_PREFIXES):
            return file_url.key_at(below.encode())
    return None


def _data_of(url: str) -> bytes | None:
    """The bytes of a `data:` URI; None where it is none in base64."""
    head, comma, text = url.partition(",")
    if not comma or not head.endswith(";base64"):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def size_of_picture(content: bytes) -> Size | None:
    """The size of a picture that decodes whole and is no decompression bomb; else None."""
    # Imported here because it costs start-up time.
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            size = image.size
            # A JPEG is read to its end all the same, but in a small size, several times faster.
            image.draft("RGB", _DRAFT)
            image.load()
            return size
    except Exception:  # noqa: BLE001
        # Pillow's decoders raise whatever their parsing runs into, SyntaxError included.
        return None
