"""One image on its way from a form into the storage, as its bytes arrive.

Its type is read off the first bytes; from then on an accepted image goes to the storage as it
comes, and one that will be refused is counted to its end and dropped. Nothing is refused before
the end of the form, since what is wrong with the form comes first.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable

from fake_apimart_storage import Chunk, ObjectInfo, Storage, StorageError, Writer

from fake_apimart.contract import errors
from fake_apimart.uploads.decoding import decodes
from fake_apimart.uploads.image_type import HEAD_BYTES, SIGNATURES, ImageType

logger = logging.getLogger(__name__)


class IncomingImage:
    """`begin` with its name, `take` bytes as the form yields them, `flush` after each chunk of the
    body; `finish` at the form's end, or `abort` at any time.

    `describe(filename, content_type)` says how an accepted image is to be stored.
    """

    def __init__(
        self,
        image_type: ImageType,
        storage: Storage,
        describe: Callable[[bytes, str], ObjectInfo],
        *,
        max_bytes: int,
        check_decoding: bool,
    ) -> None:
        self.filename = b""
        self.name = ""
        self.size = 0
        self.content_type = ""
        self.info: ObjectInfo | None = None
        self._image_type = image_type
        self._storage = storage
        self._describe = describe
        self._max_bytes = max_bytes
        self._waiting: list[Chunk] = []
        self._writer: Writer | None = None
        self._store_failed = False
        self.is_stored = False
        self._digest: hashlib._Hash | None = None
        self._copy: bytearray | None = bytearray() if check_decoding else None

    def begin(self, filename: bytes) -> None:
        """The image's name, before its first byte."""
        self.filename = filename
        self.name = filename.decode("utf-8", "surrogateescape")

    def take(self, data: bytes | bytearray, start: int, end: int) -> None:
        """The next bytes of the image, which are kept as they are, not copied."""
        self.size += end - start
        if self._digest is not None:
            self._digest.update(memoryview(data)[start:end])
        if not self._dropped:
            self._waiting.append(memoryview(data)[start:end])

    @property
    def sha256(self) -> str | None:
        """Of an image that is refused for its type, as far as it came; else None."""
        return self._digest.hexdigest() if self._digest is not None else None

    @property
    def _dropped(self) -> bool:
        refused = self.content_type not in SIGNATURES and self.content_type != ""
        return refused or self._store_failed or self.size > self._max_bytes

    async def flush(self) -> None:
        """Hand what has arrived to the storage; returns once little enough is waiting."""
        if not self.content_type and self.size >= HEAD_BYTES:
            await self._read_type()
        if self._dropped:
            await self.abort()
        elif self.content_type and self._waiting:
            await self._store()

    async def _read_type(self) -> None:
        self.content_type = await self._image_type.of(_beginning(self._waiting))
        if self.content_type not in SIGNATURES:
            # What is stored can be hashed when somebody asks; this is soon forgotten.
            self._digest = hashlib.sha256(b"".join(self._waiting))
        else:
            self.info = self._describe(self.filename, self.content_type)
            self._writer = self._storage.writer(self.info)

    async def _store(self) -> None:
        chunks, self._waiting = self._waiting, []
        if self._copy is not None:
            self._copy += b"".join(chunks)
        assert self._writer is not None
        try:
            await self._writer.write(chunks)
        except StorageError as error:
            await self._fail(error)

    async def _fail(self, error: StorageError) -> None:
        logger.error("cannot store an upload: %s", error)
        self._store_failed = True
        await self.abort()

    async def finish(self, before_storing: Callable[[], None]) -> ObjectInfo:
        """Make the image visible; gives back how it is stored.

        `before_storing` is called once all that is wrong with the image itself has been said.
        Raises `file_too_large`, `unsupported_image_type`, `invalid_image_content`,
        `upload_failed`, in this order, and then leaves nothing.
        """
        if not self.content_type and not self.size > self._max_bytes:
            await self._read_type()
        await self.flush()
        if self.size > self._max_bytes:
            raise errors.file_too_large(self.size, self._max_bytes)
        if self.content_type not in SIGNATURES:
            raise errors.unsupported_image_type(self.content_type)
        if self._copy is not None and not await asyncio.to_thread(decodes, self._copy):
            await self.abort()
            raise errors.invalid_image_content()
        before_storing()
        return await self._commit()

    async def _commit(self) -> ObjectInfo:
        if self._writer is not None:
            try:
                await self._writer.commit()
            except StorageError as error:
                await self._fail(error)
        if self._store_failed or self.info is None:
            raise errors.upload_failed()
        self.is_stored = True
        return self.info

    async def abort(self) -> None:
        """Leave nothing behind."""
        self._waiting.clear()
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.abort()


def _beginning(chunks: list[Chunk]) -> bytes:
    """The first HEAD_BYTES of what has come, or all of it."""
    first = bytes(chunks[0][:HEAD_BYTES]) if chunks else b""
    return first if len(first) == HEAD_BYTES else b"".join(chunks)[:HEAD_BYTES]
