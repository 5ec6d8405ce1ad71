"""The pictures that a request refers to: which of them are ours, and whether they are any good.

A URL whose path names a file that we hold is ours, whatever its host: in compose the same file is
reached by two names. Other hosts are taken on trust, and never asked for anything (assumed).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple
from urllib.parse import urlsplit

from fake_apimart_storage import InvalidKey, ObjectNotFound, Storage

from fake_apimart import errors, file_url
from fake_apimart.operations import FILE_PREFIXES
from fake_apimart.picture_size import Size

MOST_PIXELS = 2**26
_NANOSECONDS = 1_000_000_000


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


class ReferenceReader:
    """Finds references in the storage and looks whether they decode, in worker threads."""

    def __init__(self, storage: Storage, executor: Executor) -> None:
        self._storage = storage
        self._executor = executor

    async def read(self, urls: Sequence[str], own_hosts: set[str], now_ns: int) -> References:
        """Look at each of `urls`, up to the first that is no good. Raises StorageError."""
        keys: list[str] = []
        first_size: Size | None = None
        for number, url in enumerate(urls):
            name = f"image_urls[{number}]"
            content = _data_of(url) if url.startswith("data:") else await self._ours(url, now_ns)
            if content is None:
                if url.startswith("data:") or urlsplit(url).netloc in own_hosts:
                    return References(failure=f"{name} cannot be read: {_shown(url)}")
                continue
            size = await asyncio.get_running_loop().run_in_executor(
                self._executor, size_of_picture, content
            )
            if size is None:
                return References(failure=f"{name} is no picture that decodes: {_shown(url)}")
            first_size = first_size or size
            if not url.startswith("data:"):
                keys.append(_key_of(url))
        return References(tuple(keys), first_size)

    async def _ours(self, url: str, now_ns: int) -> bytes | None:
        """The bytes of a file of ours; None where there is none, or no longer."""
        if not urlsplit(url).path.startswith(FILE_PREFIXES):
            return None
        return await self.content(_key_of(url), now_ns)

    async def content(self, key: str, now_ns: int) -> bytes | None:
        """The bytes under `key`; None where there are none, or no longer."""
        try:
            stored = await self._storage.get(key)
        except (ObjectNotFound, InvalidKey):
            return None
        async with stored:
            if now_ns >= stored.info.expires_at * _NANOSECONDS:
                return None
            return b"".join([chunk async for chunk in stored.chunks(0, stored.size)])


def _key_of(url: str) -> str:
    return file_url.key_at(urlsplit(url).path.encode())


def _data_of(url: str) -> bytes | None:
    """The bytes of a `data:` URI; None where it is none in base64."""
    head, comma, text = url.partition(",")
    if not comma or not head.endswith(";base64"):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _shown(url: str) -> str:
    return url if len(url) <= 200 else f"{url[:200]}…"


def size_of_picture(content: bytes) -> Size | None:
    """The size of a picture that decodes whole and is no decompression bomb; else None."""
    # Imported here because it costs start-up time.
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MOST_PIXELS:
                return None
            image.load()
            return image.size
    except Exception:  # noqa: BLE001
        # Pillow's decoders raise whatever their parsing runs into, SyntaxError included.
        return None
