"""`POST /v1/uploads/images`: store the image of a multipart form and return its URL."""

from __future__ import annotations

import functools
from typing import Any

from fake_apimart_storage import Listed, ObjectInfo, Storage
from python_multipart.exceptions import ParseError
from starlette.responses import Response

from fake_apimart.common.clock import Clock
from fake_apimart.common.randomness import Randomness
from fake_apimart.contract import errors, file_url
from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.files.index import FileIndex
from fake_apimart.files.stored_file import StoredFile
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.go.path import base
from fake_apimart.go.textproto import EOF
from fake_apimart.go.url import query_error
from fake_apimart.http.incoming_body import ENOUGH_BYTES
from fake_apimart.http.request_body import LimitedBody
from fake_apimart.image_workers.decoders import Decoders
from fake_apimart.net_http.form import NO_SUCH_FILE, FormFile, boundary_of
from fake_apimart.settings.settings import Settings
from fake_apimart.uploads.image_type import ImageType
from fake_apimart.uploads.incoming_image import IncomingImage
from fake_apimart.worlds.conditions import printed
from fake_apimart.worlds.entry import Entry
from fake_apimart.worlds.faults import Step
from fake_apimart.worlds.settings import WorldSettings
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import World

FIELD = b"file"
"""The name of the form field that holds the image."""

_NANOSECONDS_PER_SECOND = 1_000_000_000


class Uploads:
    """The operation `uploads.create`."""

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        clock: Clock,
        randomness: Randomness,
        state: State,
        index: FileIndex,
        decoders: Decoders,
    ) -> None:
        self._state = state
        self._index = index
        self._decodes = decoders.decodes if settings.decode_check else None
        self._settings = settings
        self._storage = storage
        self._clock = clock
        self._randomness = randomness
        self._image_type = ImageType()

    def close(self) -> None:
        """End the threads that name types."""
        self._image_type.close()

    async def create(self, exchange: Exchange) -> Response:
        """Store the image and answer with its URL.

        The order of checks is form, size, type, store (assumed). Raises the ApiError of the first
        that fails, ClientDisconnect and Shortage.
        """
        world = exchange.world
        created_ns = world.clock.time_ns()
        image = self._new_image(world, created_ns)
        try:
            await self._read_form(exchange, image)
            if exchange.undecided is not None:
                await image.name_type()
                await exchange.learn(**_facts_of(image), size=image.size)
            exchange.fire(Step.SIZE, size=image.size, maximum=image.max_bytes)
            info = await image.finish(functools.partial(exchange.fire, Step.STORE))
        except BaseException:
            await image.abort()
            raise
        finally:
            _note_file(exchange.entry, image)
        await self._note_stored(world, info)
        return self._answer(exchange, image, info, created_ns // _NANOSECONDS_PER_SECOND)

    async def add(self, world: World, filename: bytes, body: LimitedBody) -> Listed:
        """Store the image that `body` is, as if it had been uploaded; return it as it is stored.

        Raises `file_too_large`, `unsupported_image_type`, `invalid_image_content`, `upload_failed`,
        `invalid_form` where the body ends too early, ClientDisconnect and Shortage.
        """
        image = self._new_image(world, world.clock.time_ns())
        image.begin(base(filename))
        try:
            while chunks := await body.take():
                for chunk in chunks:
                    image.append(chunk, 0, len(chunk))
                await image.flush()
            if body.ending != EOF:
                raise errors.invalid_form(body.ending, close=body.is_too_large)
            info = await image.finish(_without_rules)
        except BaseException:
            await image.abort()
            raise
        await self._note_stored(world, info)
        return Listed(info.key, info, image.size)

    async def _note_stored(self, world: World, info: ObjectInfo) -> None:
        self._index.add(world.name, info.key)
        await self._state.discard_if_gone(world, self._storage, info.key)

    def _new_image(self, world: World, created_ns: int) -> IncomingImage:
        """Return an image that is to come into `world`, under the limits that it has now."""
        settings = world.settings
        return IncomingImage(
            self._image_type,
            self._storage,
            functools.partial(self._new_info, world.name, settings, created_ns),
            max_bytes=settings.max_file_bytes,
            decodes=self._decodes,
        )

    async def _read_form(self, exchange: Exchange, image: IncomingImage) -> None:
        body = LimitedBody(exchange.body, self._settings.max_body_bytes)
        content_type = exchange.headers.get(b"content-type", b"")
        form: FormFile | None = None
        told: dict[str, Any] = {}
        try:
            form = FormFile(boundary_of(content_type), FIELD, image.begin, image.append)
            while chunks := await body.take(_enough_of(image, exchange)):
                for chunk in chunks:
                    form.write(chunk)
                await image.flush()
                if exchange.undecided is not None and told != (facts := _facts_of(image)):
                    told = facts
                    await exchange.learn(**facts)
            form.finalize(body.ending)
        except ParseError as error:
            raise errors.invalid_form(str(error), close=body.is_too_large) from None
        finally:
            if form is not None:
                form.close()
                exchange.entry.record_part_headers(form.header)
                exchange.entry.record_unread(
                    name.decode("utf-8", "replace") for name in form.unread
                )
        problem = query_error(exchange.query_string)
        if problem is None and not form.found:
            problem = NO_SUCH_FILE
        if problem is not None:
            raise errors.invalid_form(problem)

    def _new_info(
        self,
        world: str,
        settings: WorldSettings,
        created_ns: int,
        filename: bytes,
        content_type: str,
    ) -> ObjectInfo:
        key = file_url.new_key(settings.dialect, created_ns, self._randomness, filename)
        created_at = created_ns // _NANOSECONDS_PER_SECOND
        name = filename.decode("utf-8", "surrogateescape")
        file = StoredFile(world, created_at, created_at + settings.url_ttl_seconds, name)
        return file.to_info(key, content_type, self._clock.time_ns())

    def _answer(
        self, exchange: Exchange, image: IncomingImage, info: ObjectInfo, created_at: int
    ) -> Response:
        url = file_url.url_of(info.key, exchange.arrival.base_url(self._settings))
        return JSONResponse(
            upload_answer(url, image.name, info.content_type, image.size, created_at)
        )


def upload_answer(
    url: str, filename: str, content_type: str, size: int, created_at: int
) -> dict[str, Any]:
    """Return the five keys of the answer (page, live).

    `size` is in bytes, `created_at` in Unix seconds.
    """
    return {
        "url": url,
        "filename": filename,
        "content_type": content_type,
        "bytes": size,
        "created_at": created_at,
    }


def _enough_of(image: IncomingImage, exchange: Exchange) -> int:
    """Return how many bytes to wait for: few, where a rule waits for the file's name or type."""
    is_awaited = exchange.undecided is not None and not image.content_type
    return 1 if is_awaited else ENOUGH_BYTES


def _facts_of(image: IncomingImage) -> dict[str, Any]:
    """Return what is known by now of what rules may ask of a file."""
    known = {"filename": printed(image.name), "content_type": image.content_type}
    return {name: value for name, value in known.items() if value}


def _without_rules() -> None:
    """Let the image be stored: rules are for requests of clients."""


def _note_file(entry: Entry, image: IncomingImage) -> None:
    """Note in the journal's entry what arrived of the file, even if the upload failed."""
    entry.filename = image.name or None
    entry.content_type = image.content_type or None
    entry.size = image.size
    entry.sha256 = image.sha256
    entry.file_key = image.info.key if image.is_stored and image.info else None
