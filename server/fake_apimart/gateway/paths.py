"""The path of a request: as it was sent, and below the path under which we are mounted."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, unquote_to_bytes

from starlette.types import Scope

_SLASHES = re.compile(r"/{2,}")
_RAW_SLASHES = re.compile(rb"/{2,}")


class Paths:
    """Operations are looked up by `path` and `raw_path`: below `root`, with doubled slashes folded.

    `sent` is the path below `root` as the client sent it, decoded. Bytes that are not UTF-8 are
    lone surrogates in it, and in `path`. `root` is percent-encoded, without a slash at its end. The
    scope is put right too, since FastAPI routes by it.
    """

    __slots__ = ("path", "raw_path", "root", "sent")

    def __init__(self, scope: Scope) -> None:
        given: str = scope.get("root_path", "")
        root = given.rstrip("/")
        path: str = scope["path"]
        raw_path: bytes = scope.get("raw_path") or quote(path, errors="surrogateescape").encode()
        if given:
            # uvicorn puts `--root-path /fake/` before `/v1`, slash and all.
            path = _below((given, root), path)
            raw_path = _raw_below((given, root), raw_path)
        self.root = quote(root) if root else ""
        self.raw_path, self.sent = raw_path, path
        if b"%" in raw_path or not raw_path.isascii():
            # Servers decode what is not UTF-8 as U+FFFD; Go prints it once for each byte.
            self.sent = unquote_to_bytes(raw_path).decode("utf-8", "surrogateescape")
        self.path = self.sent
        if b"//" in raw_path or given:
            self.path = _SLASHES.sub("/", self.sent)
            self.raw_path = _RAW_SLASHES.sub(b"/", raw_path)
            scope["root_path"] = root
            scope["path"] = root + _SLASHES.sub("/", path)
            scope["raw_path"] = self.root.encode() + self.raw_path


def _below(roots: tuple[str, ...], path: str) -> str:
    """Return `path` without the first of `roots` that it begins with, if any."""
    for root in roots:
        if path == root or path.startswith(f"{root}/"):
            return path[len(root) :] or "/"
    return path


def _raw_below(roots: tuple[str, ...], raw_path: bytes) -> bytes:
    """Return the same for a raw path, in which a client may write letters of the root as escapes.

    Not every server has the root in both paths.
    """
    segments = raw_path.split(b"/")
    for root in roots:
        count = root.count("/") + 1
        if unquote(b"/".join(segments[:count]).decode("latin-1")) == root:
            return b"/" + b"/".join(segments[count:])
    return raw_path
