"""The reader of an object: of what one GET of the store has brought, or brings next."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol

from fake_apimart_storage.interface import ObjectInfo, ObjectNotFound, StorageError, StoredObject
from fake_apimart_storage.s3.connection.calls import Calls
from fake_apimart_storage.s3.connection.failure import failures_of_the_store, field_of
from fake_apimart_storage.s3.connection.patience import Progress
from fake_apimart_storage.s3.connection.reads import Reads

READ_BYTES = 512 * 1024
"""Size of the chunks that a reader gets; what is no longer is read with the answer's head."""
_PIECE_BYTES = 64 * 1024
"""How much is read at a time; each is progress on a slow line."""


class Store(Protocol):
    """The part of S3Storage that an object needs."""

    reads: Reads
    calls: Calls

    def target(self, key: str) -> dict[str, str]:
        """Return bucket and key as parameters of a call."""


class Answer:
    """The answer to a GET: of the offsets `span` of an object of `size` bytes.

    `held` are its bytes if they are few, which frees the connection and saves a switch of threads
    for each reading. Raises StorageError where it is no answer of S3's.
    """

    def __init__(self, response: Mapping[str, Any], progress: Progress) -> None:
        self.etag: str = field_of(response, "ETag")
        self.content_type: str = response.get("ContentType", "")
        self.metadata: Mapping[str, str] = response.get("Metadata", {})
        length, content_range = field_of(response, "ContentLength"), response.get("ContentRange")
        start: int
        self.size: int
        start, self.size = _start_and_size(content_range) if content_range else (0, length)
        self.span = range(start, start + length)
        self.held: bytes | None = None
        self._body = field_of(response, "Body")
        if length <= READ_BYTES:
            with contextlib.closing(self._body):
                self.held = self.read(length, progress)

    def read(self, length: int, progress: Progress) -> bytes:
        """Return the next `length` bytes. Blocks. Raises StorageError where they do not come."""
        pieces: list[bytes] = []
        while length > 0:
            piece = self._body.read(min(length, _PIECE_BYTES))
            if not piece:
                raise StorageError("the store's answer ends too early")
            progress.note()
            length -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Leave what has not been read."""
        with contextlib.suppress(StorageError), failures_of_the_store():
            self._body.close()


def _start_and_size(content_range: object) -> tuple[int, int]:
    offsets, _, total = str(content_range).partition("/")
    start = offsets.removeprefix("bytes ").partition("-")[0]
    if not all(each.isascii() and each.isdecimal() for each in (start, total)):
        raise StorageError(f"the store's answer has no range, but {str(content_range)[:100]}")
    return int(start), int(total)


async def open_answer(store: Store, key: str, headers: Mapping[str, str]) -> Answer:
    """Send a GET and return its answer. Raises StorageError, ObjectNotFound."""
    progress = store.calls.progress()

    def get() -> Answer:
        return Answer(store.reads.get(key, headers), progress)

    return await store.calls.result(store.calls.start(get, by=progress))


class S3Object(StoredObject):
    """An object of which `answer` has the description, and all bytes or some."""

    def __init__(self, store: Store, info: ObjectInfo, answer: Answer) -> None:
        self.info = info
        self.size = answer.size
        self.etag = answer.etag
        self._store = store
        self._answer = answer
        self._position = 0

    async def chunks(self, start: int, stop: int) -> AsyncGenerator[bytes]:
        stop = min(stop, self.size)
        if start >= stop:
            return
        if not self._brings(start, stop):
            await self._get(start, stop)
        if self._answer.held is not None:
            first = self._answer.span.start
            yield self._answer.held[start - first : stop - first]
            return
        while self._position < stop:
            chunk = await self._read(min(READ_BYTES, stop - self._position))
            self._position += len(chunk)
            yield chunk

    def _brings(self, start: int, stop: int) -> bool:
        """Return whether the answer that is there has these bytes, and has them next."""
        span = self._answer.span
        is_near = start == self._position if self._answer.held is None else start >= span.start
        return is_near and stop <= span.stop

    async def _read(self, length: int) -> bytes:
        progress = self._store.calls.progress()
        job = self._store.calls.start(
            self._answer.read, by=progress, length=length, progress=progress
        )
        return await self._store.calls.result(job)

    async def _get(self, start: int, stop: int) -> None:
        """Get a range of the same object; fail if another has replaced it meanwhile."""
        self._answer.close()
        wanted = {"Range": f"bytes={start}-{stop - 1}", "If-Match": self.etag}
        key = self._store.target(self.info.key)["Key"]
        try:
            answer = await open_answer(self._store, key, wanted)
        except ObjectNotFound as error:
            raise StorageError(f"{self.info.key} is gone meanwhile") from error
        self._answer, self._position = answer, start
        if answer.span != range(start, stop):
            raise StorageError(f"the store answered with another range of {self.info.key}")

    async def close(self) -> None:
        self._answer.close()
