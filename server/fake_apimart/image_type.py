"""What type a file is of, by its content alone.

libmagic names the type from the first bytes, and the format's own signature must be there too,
since libmagic alone takes prose that begins `GIF8` for a picture.
"""

from __future__ import annotations

import asyncio
import re
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from magic import Magic

HEAD_BYTES = 4096
"""How much of a file libmagic is shown."""

SIGNATURES = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBPVP", re.DOTALL),
}
"""The allowed types, by the bytes that each begins with."""

_UNKNOWN = "application/octet-stream"


class ImageType:
    """Names types. libmagic is loaded when first asked: that takes up to a tenth of a second.

    A picture is named in the event loop, in microseconds; anything else may take milliseconds,
    and is named in a worker thread by an instance of libmagic of its own.
    """

    def __init__(self) -> None:
        self._loaded: tuple[Magic, Magic] | None = None
        self._loading: asyncio.Future[tuple[Magic, Magic]] | None = None

    async def of(self, head: bytes) -> str:
        """The type of a file that begins with `head`, its first HEAD_BYTES or all it has.

        One of SIGNATURES exactly where the file is an allowed picture.
        """
        for_pictures, for_others = self._loaded or await self._load()
        if any(signature.match(head) for signature in SIGNATURES.values()):
            name = for_pictures.from_buffer(head)
        else:
            name = await asyncio.to_thread(for_others.from_buffer, head)
        signature = SIGNATURES.get(name)
        return name if signature is None or signature.match(head) else _UNKNOWN

    async def _load(self) -> tuple[Magic, Magic]:
        if self._loading is None:
            self._loading = asyncio.ensure_future(asyncio.to_thread(_load))
        # A client that gives up while it waits must not stop the loading for all others.
        self._loaded = await asyncio.shield(self._loading)
        return self._loaded


def _load() -> tuple[Magic, Magic]:
    try:
        magic = import_module("magic")
    except ImportError:
        # No libmagic on this system: the bundled one, which must be imported first. It leaves
        # marks in the environment, so it is not imported where it is not needed.
        import_module("pylibmagic")
        magic = import_module("magic")
    return magic.Magic(mime=True), magic.Magic(mime=True)
