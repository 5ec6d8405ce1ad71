"""The results of completed tasks: drawn lazily, once, when a client first sees them."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from fake_apimart_storage import ObjectNotFound, Storage

from fake_apimart.common.clock import Clock
from fake_apimart.files.index import FileIndex
from fake_apimart.files.stored_file import StoredFile
from fake_apimart.images import pillow
from fake_apimart.machine.shortage import Shortage, loading
from fake_apimart.pictures.references import ReferenceReader
from fake_apimart.tasks.task import Task
from fake_apimart.telemetry.telemetry import Telemetry
from fake_apimart.worlds.state.locks import Locks
from fake_apimart.worlds.state.state import State
from fake_apimart.worlds.world import World

if TYPE_CHECKING:
    from PIL import Image

LIFE_SECONDS = 86_400
"""How long results live after their task's completion, by the world's clock."""
CACHED_TASKS = 10_000
"""How many ids of tasks with drawn results are cached."""
DRAWING_THREADS = 2
"""How many results are drawn at the same time."""
MAX_CONCURRENT_WITH_REFERENCES = 16
"""How many tasks have the thumbnails of their references in memory at the same time."""
MAX_CONCURRENT_RESULTS = 4
"""How many results are in memory at the same time, to be drawn or to be stored."""

_NANOSECONDS_PER_SECOND = 1_000_000_000
_DRAWING = "fake_apimart.pictures.drawing"
_T = TypeVar("_T")


class Results:
    """Draws results in threads of their own; concurrent requests for a task share one drawing."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        state: State,
        locks: Locks,
        index: FileIndex,
        references: ReferenceReader,
        telemetry: Telemetry,
    ) -> None:
        self._index = index
        self._state = state
        self._locks = locks
        self._storage = storage
        self._clock = clock
        self._telemetry = telemetry
        self._references = references
        self._threads = ThreadPoolExecutor(DRAWING_THREADS, thread_name_prefix="drawing")
        self._with_references = asyncio.Semaphore(MAX_CONCURRENT_WITH_REFERENCES)
        self._in_memory = asyncio.Semaphore(MAX_CONCURRENT_RESULTS)
        self._drawn: set[str] = set()
        self._drawing: dict[str, asyncio.Task[None]] = {}

    async def ensure(self, task: Task, completed: int, world: World) -> None:
        """Draw and store those results of `task` that are missing, unless they have expired.

        `completed` is the time of completion in Unix seconds. Raises StorageError, Shortage.
        """
        end_ns = (completed + LIFE_SECONDS) * _NANOSECONDS_PER_SECOND
        if task.id in self._drawn or world.clock.time_ns() >= end_ns or not world.keeps_results:
            return
        drawing = self._drawing.get(task.id)
        if drawing is None:
            drawing = asyncio.create_task(self._draw_all(task, completed, world))
            self._drawing[task.id] = drawing
            drawing.add_done_callback(functools.partial(self._drop, task.id))
        # Shielded: a client that disconnects must not cancel the drawing for the others.
        await asyncio.shield(drawing)
        if len(self._drawn) >= CACHED_TASKS:
            self._drawn.clear()
        if world.keeps_results:
            self._drawn.add(task.id)

    def forget(self, task_id: str) -> None:
        """Draw the results of a task again where a client asks for them."""
        self._drawn.discard(task_id)

    def clear_cache(self) -> None:
        """Forget which results are drawn; those that are missing are drawn again."""
        self._drawn.clear()

    def _drop(self, task_id: str, drawing: asyncio.Task[None]) -> None:
        del self._drawing[task_id]
        if not drawing.cancelled():
            # A failure that nobody waits for any more is of no interest: the next poll draws again.
            drawing.exception()

    async def close(self) -> None:
        """End all drawings, once those that threads are at have ended: below a second."""
        drawings = list(self._drawing.values())
        for drawing in drawings:
            drawing.cancel()
        if drawings:
            await asyncio.wait(drawings)
        self._threads.shutdown(cancel_futures=True)

    async def _draw_all(self, task: Task, completed: int, world: World) -> None:
        # Whoever else draws them, on whatever server, has stored them by then, or has died.
        async with self._locks.holding(f"drawing/{task.id}"):
            await self._draw_missing(task, completed, world)

    async def _draw_missing(self, task: Task, completed: int, world: World) -> None:
        missing = [
            (number, key)
            for number, key in enumerate(task.image_keys)
            if not await self._exists(key)
        ]
        if not missing:
            return
        await self._run(_load)
        async with self._with_references if task.reference_keys else contextlib.nullcontext():
            references = await self._thumbnails(task)
            for number, key in missing:
                async with self._in_memory:
                    await self._draw(task, number, key, references, completed)
                await self._state.refresh(world)
                if not world.keeps_results:
                    await self._storage.delete(key)

    async def _thumbnails(self, task: Task) -> list[Image.Image]:
        """Decode the references that are shown, one after the other, for all pictures of a task.

        One that is gone meanwhile is left out.
        """
        from fake_apimart.pictures.photos import reference_sides

        keys = task.reference_keys
        sides = reference_sides(task.width, task.height, len(keys))
        shown = [
            await self._references.thumbnail(key, side)
            for key, side in zip(keys, sides, strict=True)
            if side
        ]
        return [thumbnail for thumbnail in shown if thumbnail is not None]

    async def _exists(self, key: str) -> bool:
        try:
            await (await self._storage.get(key, with_bytes=False)).close()
        except ObjectNotFound:
            return False
        return True

    async def _draw(
        self, task: Task, number: int, key: str, references: Sequence[Image.Image], completed: int
    ) -> None:
        from fake_apimart.pictures.drawing import Picture, draw

        picture = Picture(
            task.width,
            task.height,
            task.model,
            task.prompt,
            task.output_format,
            task.seed,
            number,
            len(task.image_keys),
            references,
        )
        with self._telemetry.image_job("draw"):
            content = await self._run(functools.partial(draw, picture))
        media_type = f"image/{task.output_format}"
        file = StoredFile(task.world, completed, completed + LIFE_SECONDS)
        info = file.to_info(key, media_type, self._clock.time_ns())
        writer = self._storage.writer(info)
        try:
            await writer.write([content])
            # Drawn again after a failure, it is written to the same key once more.
            await writer.commit(replaces=True)
        finally:
            await writer.abort()
        self._index.add(task.world, key, is_result=True)

    async def _run(self, function: Callable[[], _T]) -> _T:
        """Call a function in a thread. Raises what it raises, and Shortage."""
        try:
            future = self._threads.submit(function)
        except RuntimeError as error:
            # No thread can be started, or the server stops.
            raise Shortage(f"cannot draw a result: {error}") from error
        try:
            return await asyncio.wrap_future(future)
        except (OSError, MemoryError) as error:
            # Pillow opens the fonts again and again.
            raise Shortage(f"cannot draw a result: {error}") from error


def _load() -> None:
    """Load what draws, which slows the start. Raises Shortage."""
    pillow.load()
    with loading(_DRAWING):
        import_module(_DRAWING)
