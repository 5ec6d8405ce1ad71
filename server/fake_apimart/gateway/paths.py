"""The path of a request: as it was sent, and below the path under which we are mounted."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from starlette.types import Scope

_SLASHES = re.compile(r"/{2,}")
_RAW_SLASHES = re.compile(rb"/{2,}")


class Paths:
    """Operations are looked up by `path` and `raw_path`: below `root`, with doubled slashes folded.

    `sent` is the path below `root` as the client sent it, decoded, invalid bytes as lone
    surrogates. Doubled slashes are folded in the scope too, since FastAPI routes by it.
    """

    __slots__ = ("path", "raw_path", "root", "sent")

    def __init__(self, scope: Scope) -> None:
        self.root: str = scope.get("root_path", "").rstrip("/")
        path: str = scope["path"]
        raw_path: bytes = scope.get("raw_path") or quote(path).encode()
        if self.root:
            path, raw_path = self._below_root(path, raw_path)
        self.path, self.raw_path, self.sent = path, raw_path, path
        if b"%" in raw_path:
            # Servers decode what is not UTF-8 as U+FFFD; Go prints it once for each byte.
            self.sent = unquote_to_bytes(raw_path).decode("utf-8", "surrogateescape")
        if b"//" in raw_path:
            self.path = _SLASHES.sub("/", path)
            self.raw_path = _RAW_SLASHES.sub(b"/", raw_path)
            scope["path"] = self.root + self.path
            scope["raw_path"] = quote(self.root).encode() + self.raw_path

    def _below_root(self, path: str, raw_path: bytes) -> tuple[str, bytes]:
        """Return both without the root; some servers send paths that have none."""
        if not path.startswith(f"{self.root}/"):
            return path, raw_path
        # As many segments, since a client may write a letter of the root as an escape.
        segments = raw_path.split(b"/", self.root.count("/") + 1)
        return path[len(self.root) :], b"/" + segments[-1]
