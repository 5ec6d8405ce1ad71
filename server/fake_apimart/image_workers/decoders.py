"""Decoding for the event loop: small pictures in threads, all others in worker processes.

A process costs a tenth of a second and 30 MB at its start, which a test with a tiny picture should
not pay. So what is small in bytes and in pixels is decoded in a thread: it takes at most a few
tenths of a second, and is never behind a large picture.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from fake_apimart.image_workers.pool import WorkerPool
from fake_apimart.images import pillow
from fake_apimart.images.decoding import Decoded, Mode, TooManyPixels, decode_file, read
from fake_apimart.images.picture_file import BrokenPicture, Content, Size
from fake_apimart.machine.shortage import Shortage
from fake_apimart.telemetry.telemetry import Telemetry

if TYPE_CHECKING:
    from PIL import Image

SMALL_BYTES = 2**15
SMALL_WORK = 2**20
"""A file of so many bytes is decoded in a thread if decoding goes over so many pixels."""
THREADS = 2
"""How many small pictures are decoded at the same time."""
PROCESSES = 2
"""How many other pictures are."""
IDLE_SECONDS = 60.0
"""After so long without a picture the worker processes end."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Decoders:
    """Decodes pictures, each within `seconds` for reading it and as many for decoding it."""

    def __init__(self, seconds: float, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._workers = WorkerPool(seconds)
        telemetry.sample("decode_workers", lambda: len(self._workers))
        self._small = ThreadPoolExecutor(THREADS, thread_name_prefix="decoding-small")
        self._waiting = ThreadPoolExecutor(PROCESSES, thread_name_prefix="decoding")
        self._idle_end: asyncio.TimerHandle | None = None

    async def upright_size(self, content: Content) -> Size:
        """Decode the first picture of a file, and return its size as EXIF says to turn it.

        Raises BrokenPicture, TooManyPixels without having decoded it, Shortage.
        """
        return (await self._decode(content, 0)).size

    async def decodes(self, content: Content) -> bool:
        """Return whether the first picture decodes, or has too many pixels. Raises Shortage."""
        try:
            await self.upright_size(content)
        except BrokenPicture:
            return False
        except TooManyPixels:
            pass
        return True

    async def thumbnail(self, content: Content, side: int, mode: Mode = "RGB") -> Image.Image:
        """Decode the first picture to an upright one in a square of `side` pixels.

        It is opaque, but in RGBA. Raises BrokenPicture, TooManyPixels, Shortage.
        """
        decoded = await self._decode(content, side, mode)
        pillow.load()
        from PIL import Image

        return Image.frombytes(mode, decoded.size, decoded.pixels)

    def close(self) -> None:
        """End all processes and threads; what they decode is a Shortage."""
        if self._idle_end is not None:
            self._idle_end.cancel()
        self._workers.close()
        for pool in (self._waiting, self._small):
            pool.shutdown(cancel_futures=True)

    async def _decode(self, content: Content, side: int, mode: Mode = "RGB") -> Decoded:
        with self._telemetry.image_job("decode"):
            return await self._decode_anywhere(content, side, mode)

    async def _decode_anywhere(self, content: Content, side: int, mode: Mode) -> Decoded:
        if len(content) <= SMALL_BYTES:
            decoded = await _run(self._small, _decode_small, content, side, mode)
            if decoded is not None:
                return decoded
        try:
            return await _run(self._waiting, self._workers.decode, content, side, mode)
        finally:
            self._end_when_idle()

    def _end_when_idle(self) -> None:
        if self._idle_end is not None:
            self._idle_end.cancel()
        loop = asyncio.get_running_loop()
        self._idle_end = loop.call_later(IDLE_SECONDS, self._retire_idle)

    def _retire_idle(self) -> None:
        with contextlib.suppress(RuntimeError):
            # Where no thread can be started they end later, at the latest with the server.
            self._waiting.submit(self._workers.retire_idle)


async def _run(
    pool: ThreadPoolExecutor, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs
) -> _T:
    """Call `function` in a thread of the pool. Raises what it raises, and Shortage."""
    try:
        future = pool.submit(function, *args, **kwargs)
    except RuntimeError as error:
        # No thread can be started, or the server stops.
        raise Shortage(f"cannot decode a picture: {error}") from error
    try:
        return await asyncio.wrap_future(future)
    except MemoryError as error:
        raise Shortage("not enough memory to decode a picture") from error


def _decode_small(content: Content, side: int, mode: Mode) -> Decoded | None:
    """Decode a picture, but return None for one that is not small."""
    file = read(content)
    return decode_file(file, side, mode) if file.work <= SMALL_WORK else None
