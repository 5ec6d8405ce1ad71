"""The results of completed tasks: drawn lazily, once, when a client first sees them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from fake_apimart_storage import ObjectNotFound, Storage

from fake_apimart.common.clock import Clock
from fake_apimart.files.stored_file import StoredFile
from fake_apimart.images.decoding import TooManyPixels, thumbnail
from fake_apimart.images.picture_file import BrokenPicture
from fake_apimart.pictures.references import ReferenceReader
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.world import World

if TYPE_CHECKING:
    from PIL import Image

LIFE_SECONDS = 86_400
"""How long results live after their task's completion, by the world's clock."""
CACHED_TASKS = 10_000
"""How many ids of tasks with drawn results are cached."""

_NANOSECONDS_PER_SECOND = 1_000_000_000


class Results:
    """Draws results in worker threads; concurrent requests for a task share one drawing."""

    def __init__(
        self, storage: Storage, clock: Clock, executor: Executor, references: ReferenceReader
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._executor = executor
        self._references = references
        self._drawn: set[str] = set()
        self._drawing: dict[str, asyncio.Task[None]] = {}

    async def ensure(self, task: Task, completed: int, world: World) -> None:
        """Draw and store those results of `task` that are missing, unless they have expired.

        `completed` is the time of completion in Unix seconds. Raises StorageError.
        """
        end_ns = (completed + LIFE_SECONDS) * _NANOSECONDS_PER_SECOND
        if task.id in self._drawn or world.clock.time_ns() >= end_ns or not world.keeps_results:
            return
        drawing = self._drawing.get(task.id)
        if drawing is None:
            drawing = asyncio.create_task(self._draw_all(task, completed, world))
            self._drawing[task.id] = drawing
            drawing.add_done_callback(lambda _: self._drawing.pop(task.id, None))
        # Shielded: a client that disconnects must not cancel the drawing for the others.
        await asyncio.shield(drawing)
        if len(self._drawn) >= CACHED_TASKS:
            self._drawn.clear()
        if world.keeps_results:
            self._drawn.add(task.id)

    def forget(self, task: Task) -> None:
        """Draw the results of a task again where a client asks for them."""
        self._drawn.discard(task.id)

    def clear_cache(self) -> None:
        """Forget which results are drawn; those that are missing are drawn again."""
        self._drawn.clear()

    async def _draw_all(self, task: Task, completed: int, world: World) -> None:
        missing = [
            (number, key)
            for number, key in enumerate(task.image_keys)
            if not await self._exists(key)
        ]
        if not missing:
            return
        references = await self._thumbnails(task)
        for number, key in missing:
            await self._draw(task, number, key, references, completed)
            if not world.keeps_results:
                await self._storage.delete(key)

    async def _thumbnails(self, task: Task) -> list[Image.Image]:
        """Decode the references that are shown, one after the other, for all pictures of a task.

        One that is gone meanwhile is left out.
        """
        # Imported here because Pillow slows the start.
        from fake_apimart.pictures.drawing import MAX_THUMBNAILS, thumbnail_side

        keys = task.reference_keys[:MAX_THUMBNAILS]
        side = thumbnail_side(task.width, task.height, len(keys))
        thumbnails: list[Image.Image] = []
        for key in keys if side else ():
            content = await self._references.content(key)
            if content is not None:
                with contextlib.suppress(BrokenPicture, TooManyPixels):
                    loop = asyncio.get_running_loop()
                    small = await loop.run_in_executor(self._executor, thumbnail, content, side)
                    thumbnails.append(small)
        return thumbnails

    async def _exists(self, key: str) -> bool:
        try:
            await (await self._storage.get(key, with_bytes=False)).close()
        except ObjectNotFound:
            return False
        return True

    async def _draw(
        self, task: Task, number: int, key: str, references: Sequence[Image.Image], completed: int
    ) -> None:
        # Imported here because Pillow slows the start.
        from fake_apimart.pictures.drawing import Picture, draw

        picture = Picture(
            task.width,
            task.height,
            task.model,
            task.prompt,
            task.output_format,
            task.seed,
            number,
            references,
        )
        content = await asyncio.get_running_loop().run_in_executor(self._executor, draw, picture)
        media_type = f"image/{task.output_format}"
        file = StoredFile(task.world, completed, completed + LIFE_SECONDS)
        info = file.to_info(key, media_type, self._clock.time_ns())
        writer = self._storage.writer(info)
        try:
            await writer.write([content])
            await writer.commit()
        finally:
            await writer.abort()
