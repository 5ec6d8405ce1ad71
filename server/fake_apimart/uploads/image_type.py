"""What type a file is of, by its content alone.

libmagic names the type from the first bytes, and the format's own signature must be there too,
since libmagic alone takes prose that begins `GIF8` for a picture.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable
from importlib import import_module

HEAD_BYTES = 4096
"""How much of a file libmagic is shown."""

SIGNATURES = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBPVP", re.DOTALL),
}
"""The allowed types, by the bytes that each begins with."""

PICTURES_REMEMBERED = 64
"""So many heads of HEAD_BYTES are kept, with what libmagic says of them."""

_UNKNOWN = "application/octet-stream"

_Namers = tuple[Callable[[bytes], str], Callable[[bytes], str]]
"""What names pictures, and what names all else."""


class ImageType:
    """Names types. libmagic is loaded when first asked: that takes up to a tenth of a second.

    A picture is named in the event loop, in microseconds; anything else may take milliseconds,
    and is named in a worker thread by an instance of libmagic of its own.
    """

    def __init__(self) -> None:
        self._loaded: _Namers | None = None
        self._loading: asyncio.Future[_Namers] | None = None

    async def of(self, head: bytes) -> str:
        """The type of a file that begins with `head`, its first HEAD_BYTES or all it has.

        One of SIGNATURES exactly where the file is an allowed picture.
        """
        for_pictures, for_others = self._loaded or await self._load()
        signed = _signed(head)
        if signed is None:
            name = await asyncio.to_thread(for_others, head)
        else:
            name = for_pictures(head)
        return name if name == signed or name not in SIGNATURES else _UNKNOWN

    async def _load(self) -> _Namers:
        if self._loading is None:
            self._loading = asyncio.ensure_future(asyncio.to_thread(_load))
        # A client that gives up while it waits must not stop the loading for all others.
        self._loaded = await asyncio.shield(self._loading)
        return self._loaded


def _signed(head: bytes) -> str | None:
    """The type whose signature `head` begins with."""
    for name, signature in SIGNATURES.items():
        if signature.match(head):
            return name
    return None


def _load() -> _Namers:
    try:
        magic = import_module("magic")
    except ImportError:
        # No libmagic on this system: the bundled one, which must be imported first. It leaves
        # marks in the environment, so it is not imported where it is not needed.
        import_module("pylibmagic")
        magic = import_module("magic")
    for_pictures, for_others = (magic.Magic(mime=True).from_buffer for _ in range(2))
    # A picture comes again and again; libmagic would look through its whole table each time.
    return functools.lru_cache(PICTURES_REMEMBERED)(for_pictures), for_others
