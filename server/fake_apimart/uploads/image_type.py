"""Detection of a file's media type from its content alone.

libmagic names the type from the first bytes. For an allowed image type the format's own signature
is required as well, since libmagic alone takes prose that begins with `GIF8` for an image.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from typing import TypeVar, TypeVarTuple, Unpack

from fake_apimart.machine.shortage import Shortage, loading, require_descriptors

HEAD_BYTES = 4096
"""How many of a file's first bytes libmagic sees."""

SIGNATURES = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBPVP", re.DOTALL),
}
"""The allowed media types, each with the bytes that such a file begins with."""

CACHED_HEADS = 64
"""How many image heads of up to HEAD_BYTES are cached with the type that libmagic names."""

_UNKNOWN = "application/octet-stream"

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_Detectors = tuple[Callable[[bytes], str], Callable[[bytes], str]]
"""The detectors for heads with an image signature, and for all others."""


class ImageType:
    """Detects media types; loads libmagic on first use, which takes up to 0.1 seconds.

    Images are detected in the event loop, within microseconds. Other content may take milliseconds,
    so a thread of its own does it, with a separate instance of libmagic.
    """

    def __init__(self) -> None:
        self._detectors: _Detectors | None = None
        self._loading: asyncio.Future[_Detectors] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="type-naming")

    async def detect(self, head: bytes) -> str:
        """Return the media type of a file whose first HEAD_BYTES, or all bytes, are `head`.

        It is one of SIGNATURES if and only if the file is an allowed image. Raises Shortage.
        """
        detect_image, detect_other = self._detectors or await self._load()
        signature_type = _signature_type(head)
        if signature_type is None:
            detected = await asyncio.wrap_future(self._submit(detect_other, head))
        else:
            detected = detect_image(head)
        is_confirmed = detected == signature_type
        return detected if is_confirmed or detected not in SIGNATURES else _UNKNOWN

    async def _load(self) -> _Detectors:
        if self._loading is None:
            self._loading = asyncio.wrap_future(self._submit(_load))
            self._loading.add_done_callback(self._end_loading)
        # Shielded: a client that disconnects meanwhile must not cancel loading for the others.
        return await asyncio.shield(self._loading)

    def _end_loading(self, loading: asyncio.Future[_Detectors]) -> None:
        """Keep what has been loaded; what failed is loaded again by the next call."""
        self._loading = None
        if not loading.cancelled() and loading.exception() is None:
            self._detectors = loading.result()

    def _submit(self, function: Callable[[Unpack[_Ts]], _T], *args: *_Ts) -> Future[_T]:
        try:
            return self._thread.submit(function, *args)
        except RuntimeError as error:
            # No thread can be started, or the server stops.
            raise Shortage(f"cannot name the type of a file: {error}") from error

    def close(self) -> None:
        """End the thread, which takes milliseconds."""
        self._thread.shutdown(cancel_futures=True)


def _signature_type(head: bytes) -> str | None:
    """Return the allowed type whose signature `head` begins with, or None."""
    for name, signature in SIGNATURES.items():
        if signature.match(head):
            return name
    return None


def _load() -> _Detectors:
    with loading("magic"):
        try:
            magic = import_module("magic")
        except ImportError:
            # The system's libmagic may be there, and only not be found for a shortage.
            require_descriptors()
            # This system has none: importing pylibmagic first makes the bundled one available.
            # It changes environment variables, so it is imported only where it is needed.
            import_module("pylibmagic")
            magic = import_module("magic")
        detect_image, detect_other = (magic.Magic(mime=True).from_buffer for _ in range(2))
    # Tests upload the same few images repeatedly, and libmagic scans its whole table each time.
    return functools.lru_cache(CACHED_HEADS)(detect_image), detect_other
