"""`GET` and `HEAD` of a file: the bytes exactly as uploaded, served as an S3 bucket does."""

from __future__ import annotations

import math
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from fake_apimart_storage import (
    DamagedObject,
    InvalidKey,
    ObjectNotFound,
    PresigningStorage,
    Storage,
    StorageError,
    StoredObject,
)
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fake_apimart.common.clock import Clock
from fake_apimart.contract import errors, file_url
from fake_apimart.files.byte_range import byte_range
from fake_apimart.files.conditions import Conditions, is_conditional
from fake_apimart.files.stored_file import StoredFile
from fake_apimart.gateway.admission import Admission
from fake_apimart.gateway.dispatch import OpenResponse
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.observability.log import logger_of
from fake_apimart.worlds.conditions import printed
from fake_apimart.worlds.registry import Worlds
from fake_apimart.worlds.world import World

_NANOSECONDS_PER_SECOND = 1_000_000_000

logger = logger_of(__name__)


class Files:
    """The operation `files.get`: public; an API key in the request is ignored (page)."""

    def __init__(
        self,
        storage: Storage,
        worlds: Worlds,
        admission: Admission,
        clock: Clock,
        delivery: str,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._worlds = worlds
        self._admission = admission
        self._redirects = delivery == "redirect"

    async def get(self, exchange: Exchange) -> Response:
        """Answer with the file, a range of it, 304, or a redirect to the store.

        Raises `access_denied`, `precondition_failed`, `invalid_range`, `file_unavailable`.
        """
        stored, file = await self._open(exchange)
        try:
            exchange.facts.learn(
                {
                    "filename": file.name and printed(file.name),
                    "size": stored.size,
                    "content_type": stored.info.content_type,
                }
            )
            await self._admission.enter(exchange, self._worlds.of_name(file.world))
            seconds = _remaining_seconds(file, exchange.world)
            conditions = Conditions(exchange, stored.etag, self._modified(stored))
            is_not_modified = conditions.is_not_modified()
            if is_not_modified or not self._redirects:
                return _answer(conditions, stored, is_not_modified=is_not_modified)
            await stored.close()
            return await self._redirect(exchange.method, stored.info.key, seconds)
        except BaseException:
            await stored.close()
            raise

    async def _open(self, exchange: Exchange) -> tuple[StoredObject, StoredFile]:
        key = file_url.key_at(unquote_to_bytes(exchange.paths.raw_path))
        exchange.entry.file_key = key
        # A part, or nothing, may be all that is wanted.
        is_plain = exchange.method != "HEAD" and not is_conditional(exchange)
        with_bytes = is_plain and not self._redirects
        try:
            stored = await self._storage.get(key, with_bytes=with_bytes)
            try:
                return stored, StoredFile.from_info(stored.info)
            except DamagedObject as error:
                await stored.close()
                self._storage.note_damage(key, str(error))
                raise
        except (ObjectNotFound, InvalidKey):
            await self._admission.enter(exchange)
            raise errors.access_denied() from None
        except StorageError as error:
            logger.error("cannot read a file: %s", error)
            raise errors.file_unavailable() from None

    def _modified(self, stored: StoredObject) -> int:
        """Return when a file was stored, in Unix seconds of real time: never in the future."""
        return min(stored.info.created_at, self._clock.time_ns() // _NANOSECONDS_PER_SECOND)

    async def _redirect(self, method: str, key: str, seconds: int) -> Response:
        assert isinstance(self._storage, PresigningStorage), "the settings ask for S3"
        try:
            url = await self._storage.presigned_url(key, method, seconds)
        except StorageError as error:
            logger.error("cannot presign a URL: %s", error)
            raise errors.file_unavailable() from None
        return Response(status_code=HTTPStatus.FOUND, headers={"Location": url})


class FileResponse(OpenResponse):
    """An answer that streams the offsets `content_range` of a stored object, and closes it."""

    def __init__(
        self, stored: StoredObject, content_range: range, status: int, headers: dict[str, str]
    ) -> None:
        self.status_code = status
        self.background = None
        self.init_headers(headers)
        self._stored = stored
        self._content_range = content_range
        self.body_bytes = len(content_range)

    async def close(self) -> None:
        await self._stored.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stored:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            if scope["method"] == "HEAD" or not self._content_range:
                await send({"type": "http.response.body", "body": b""})
                return
            try:
                await self._send_bytes(send)
            except StorageError as error:
                # The head may still be buffered, since it is sent with the first chunk of the body:
                # flush it. As no last chunk follows, the server then closes the connection, which
                # is the only way left to tell the client that the body is incomplete.
                await send({"type": "http.response.body", "body": b"", "more_body": True})
                logger.error("cannot read a file to its end: %s", error)

    async def _send_bytes(self, send: Send) -> None:
        remaining = len(self._content_range)
        async for chunk in self._stored.chunks(self._content_range.start, self._content_range.stop):
            remaining -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": remaining > 0})


def _remaining_seconds(file: StoredFile, world: World) -> int:
    """Return the seconds until the file expires. Raises `access_denied` if it has expired."""
    now_ns = world.clock.time_ns()
    if not file.is_alive(now_ns):
        raise errors.access_denied()
    return file.expires_at - math.ceil(now_ns / _NANOSECONDS_PER_SECOND)


def _answer(conditions: Conditions, stored: StoredObject, *, is_not_modified: bool) -> Response:
    """Return the answer with the file, a range of it, or nothing. Raises `invalid_range`."""
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": conditions.etag,
        "Last-Modified": formatdate(conditions.modified, usegmt=True),
        "X-Content-Type-Options": "nosniff",
    }
    if is_not_modified:
        return FileResponse(stored, range(0), HTTPStatus.NOT_MODIFIED, headers)
    status, content_range = HTTPStatus.OK, range(stored.size)
    part = byte_range(conditions.range_header(), stored.size)
    if part is not None:
        status, content_range = HTTPStatus.PARTIAL_CONTENT, part
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{stored.size}"
    headers["Content-Length"] = str(len(content_range))
    headers["Content-Type"] = stored.info.content_type
    return FileResponse(stored, content_range, status, headers)
