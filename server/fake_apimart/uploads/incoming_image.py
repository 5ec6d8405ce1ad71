"""One image, streamed from the form into the storage while it arrives.

The type is detected from the first bytes. After that the bytes of an accepted image are written to
the storage as they arrive; those of an image that will be refused are counted and discarded.
Nothing is refused before the end of the form, because an error in the form takes precedence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable

from fake_apimart_storage import Chunk, ObjectInfo, Storage, StorageError, Writer

from fake_apimart.contract import errors
from fake_apimart.images.picture_file import Content
from fake_apimart.observability.log import logger_of
from fake_apimart.observability.storage_failures import tell
from fake_apimart.uploads.image_type import HEAD_BYTES, SIGNATURES, ImageType

logger = logger_of(__name__)


class IncomingImage:
    """An image that is being uploaded, of at most `max_bytes`.

    Call `begin` with its name, `append` with its bytes as the form yields them, `flush` after each
    chunk of the body, then `finish` at the end of the form; or `abort` at any time.
    `make_info(filename, content_type)` returns the metadata under which to store an accepted image.
    Where there is something that says whether an image `decodes`, one that does not is refused.
    """

    def __init__(
        self,
        image_type: ImageType,
        storage: Storage,
        make_info: Callable[[bytes, str], ObjectInfo],
        *,
        max_bytes: int,
        decodes: Callable[[Content], Awaitable[bool]] | None,
    ) -> None:
        self.filename = b""
        self.name = ""
        self.size = 0
        self.content_type = ""
        self.is_stored = False
        self.info: ObjectInfo | None = None
        self._image_type = image_type
        self._storage = storage
        self._make_info = make_info
        self.max_bytes = max_bytes
        self._pending: list[Chunk] = []
        self._writer: Writer | None = None
        self._store_failed = False
        self._digest: hashlib._Hash | None = None
        self._content: bytearray | None = bytearray() if decodes else None
        self._decodes = decodes

    def begin(self, filename: bytes) -> None:
        """Set the file name, before the first byte."""
        self.filename = filename
        self.name = filename.decode("utf-8", "surrogateescape")

    def append(self, data: bytes | bytearray | memoryview, start: int, end: int) -> None:
        """Append `data[start:end]` without copying it: `data` must not change afterwards."""
        self.size += end - start
        if self._digest is not None:
            self._digest.update(memoryview(data)[start:end])
        if not self._is_discarded:
            self._pending.append(memoryview(data)[start:end])

    @property
    def sha256(self) -> str | None:
        """The hexadecimal digest of what has arrived, if refused for its type; else None."""
        return self._digest.hexdigest() if self._digest is not None else None

    @property
    def _is_discarded(self) -> bool:
        if not self.content_type:
            # The type is named whatever the limit is: rules ask for it, and the journal states it.
            return False
        refused = self.content_type not in SIGNATURES
        return refused or self._store_failed or self.size > self.max_bytes

    async def flush(self) -> None:
        """Write what has arrived to the storage, which applies backpressure."""
        if not self.content_type and self.size >= HEAD_BYTES:
            await self._detect_type()
        if self._is_discarded:
            await self.abort()
        elif self.content_type and self._pending:
            await self._store()

    async def name_type(self) -> None:
        """Name the type of an image that has come to its end."""
        if not self.content_type:
            await self._detect_type()

    async def _detect_type(self) -> None:
        self.content_type = await self._image_type.detect(_head(self._pending))
        if self.content_type not in SIGNATURES:
            # A stored image is hashed from the storage on demand; these bytes are discarded.
            self._digest = hashlib.sha256(b"".join(self._pending))
        else:
            self.info = self._make_info(self.filename, self.content_type)
            self._writer = self._storage.writer(self.info)

    async def _store(self) -> None:
        chunks, self._pending = self._pending, []
        if self._content is not None:
            self._content += b"".join(chunks)
        assert self._writer is not None
        try:
            await self._writer.write(chunks)
        except StorageError as error:
            await self._fail(error)

    async def _fail(self, error: StorageError) -> None:
        tell(logger, "cannot store an upload", error)
        self._store_failed = True
        await self.abort()

    async def finish(self, before_commit: Callable[[], None]) -> ObjectInfo:
        """Commit the image and return its metadata.

        `before_commit` is called once all checks of the image itself have passed. Raises
        `file_too_large`, `unsupported_image_type`, `invalid_image_content` or `upload_failed`, in
        this order of precedence, and then leaves nothing in the storage; likewise Shortage.
        """
        await self.name_type()
        await self.flush()
        if self.size > self.max_bytes:
            raise errors.file_too_large(self.size, self.max_bytes)
        if self.content_type not in SIGNATURES:
            raise errors.unsupported_image_type(self.content_type)
        if not await self._is_whole():
            await self.abort()
            raise errors.invalid_image_content()
        before_commit()
        return await self._commit()

    async def _is_whole(self) -> bool:
        content, self._content = self._content, None
        return content is None or self._decodes is None or await self._decodes(content)

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
        """Discard the image, and leave nothing of it in the storage."""
        self._pending.clear()
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.abort()


def _head(chunks: list[Chunk]) -> bytes:
    """Return the first HEAD_BYTES of `chunks`, or all of it if it is shorter."""
    first = bytes(chunks[0][:HEAD_BYTES]) if chunks else b""
    return first if len(first) == HEAD_BYTES else b"".join(chunks)[:HEAD_BYTES]
