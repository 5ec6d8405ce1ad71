"""`GET` and `HEAD` of a file: the very bytes that were uploaded, as an S3 bucket serves them."""

from __future__ import annotations

import logging
import math
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus

from fake_apimart_storage import (
    InvalidKey,
    ObjectNotFound,
    PresigningStorage,
    Storage,
    StorageError,
    StoredObject,
)
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fake_apimart.contract import errors, file_url
from fake_apimart.files.byte_range import byte_range
from fake_apimart.files.stored_file import StoredFile, file_of
from fake_apimart.gateway.admission import Admission
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.worlds.registry import Worlds
from fake_apimart.worlds.world import World

_NANOSECONDS = 1_000_000_000

logger = logging.getLogger(__name__)


class Files:
    """The operation `files.get`: public, a key sent along is ignored (page)."""

    def __init__(
        self, storage: Storage, worlds: Worlds, admission: Admission, delivery: str
    ) -> None:
        self._storage = storage
        self._worlds = worlds
        self._admission = admission
        self._redirects = delivery == "redirect"

    async def get(self, exchange: Exchange) -> Response:
        """The file, a part of it, that it has not changed, or where the store has it.

        Raises `access_denied`, `invalid_range`, `file_unavailable`.
        """
        stored = await self._open(exchange)
        try:
            file = file_of(stored.info)
            world = await self._worlds.by_name(file.world)
            await self._admission.enter(exchange, world)
            seconds = _seconds_left(file, world)
            if self._redirects:
                await stored.close()
                return await self._redirect(exchange.method, stored.info.key, seconds)
            return _answer(exchange, stored, file)
        except BaseException:
            await stored.close()
            raise

    async def _open(self, exchange: Exchange) -> StoredObject:
        key = file_url.key_at(exchange.paths.raw_path)
        exchange.entry.file_key = key
        with_bytes = exchange.method != "HEAD" and not self._redirects
        try:
            return await self._storage.get(key, with_bytes=with_bytes)
        except (ObjectNotFound, InvalidKey):
            await self._admission.enter(exchange)
            raise errors.access_denied() from None
        except StorageError as error:
            logger.error("cannot read a file: %s", error)
            raise errors.file_unavailable() from None

    async def _redirect(self, method: str, key: str, seconds: int) -> Response:
        assert isinstance(self._storage, PresigningStorage), "the settings ask for S3"
        try:
            url = await self._storage.presigned_url(key, method, seconds)
        except StorageError as error:
            logger.error("cannot presign a URL: %s", error)
            raise errors.file_unavailable() from None
        return Response(status_code=HTTPStatus.FOUND, headers={"Location": url})


class FileResponse(Response):
    """The bytes of a stored object from `wanted.start` up to `wanted.stop`, which it closes."""

    def __init__(
        self, stored: StoredObject, wanted: range, status: int, headers: dict[str, str]
    ) -> None:
        self.status_code = status
        self.init_headers(headers)
        self._stored = stored
        self._wanted = wanted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._stored:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            if scope["method"] == "HEAD" or not self._wanted:
                await send({"type": "http.response.body", "body": b""})
                return
            try:
                await self._send_bytes(send)
            except StorageError as error:
                # The answer has begun; only cutting the connection says that it is not whole. Its
                # head leaves with the first of the body, be it nothing.
                await send({"type": "http.response.body", "body": b"", "more_body": True})
                logger.error("cannot read a file to its end: %s", error)

    async def _send_bytes(self, send: Send) -> None:
        left = len(self._wanted)
        async for chunk in self._stored.chunks(self._wanted.start, self._wanted.stop):
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})


def _seconds_left(file: StoredFile, world: World) -> int:
    """How long the file is still to be had. Raises `access_denied`."""
    now_ns = world.clock.time_ns()
    if not file.is_alive(now_ns):
        raise errors.access_denied()
    return file.expires_at - math.ceil(now_ns / _NANOSECONDS)


def _answer(exchange: Exchange, stored: StoredObject, file: StoredFile) -> Response:
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": stored.etag,
        "Last-Modified": formatdate(file.created_at, usegmt=True),
        "X-Content-Type-Options": "nosniff",
    }
    status, wanted = HTTPStatus.OK, range(stored.size)
    if _is_unchanged(exchange, stored.etag, file.created_at):
        status, wanted = HTTPStatus.NOT_MODIFIED, range(0)
        return FileResponse(stored, wanted, status, headers)
    asked = exchange.header(b"range")
    if asked is not None and _is_current(exchange.header(b"if-range"), headers):
        part = byte_range(asked, stored.size)
        if part is not None:
            status, wanted = HTTPStatus.PARTIAL_CONTENT, part
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{stored.size}"
    headers["Content-Length"] = str(len(wanted))
    headers["Content-Type"] = stored.info.content_type
    return FileResponse(stored, wanted, status, headers)


def _is_unchanged(exchange: Exchange, etag: str, created_at: int) -> bool:
    """Whether the client has the file already (RFC 9110, section 13.2.2)."""
    etags = exchange.header(b"if-none-match")
    if etags is not None:
        candidates = [each.strip().removeprefix("W/") for each in etags.split(",")]
        return "*" in candidates or etag in candidates
    since = exchange.header(b"if-modified-since")
    if since is None:
        return False
    try:
        return created_at <= parsedate_to_datetime(since).timestamp()
    except ValueError:
        return False


def _is_current(condition: str | None, headers: dict[str, str]) -> bool:
    """Whether an `If-Range` names the file as it is; so does its absence."""
    return condition is None or condition in (headers["ETag"], headers["Last-Modified"])
