"""Makes bytes of recipes."""

from __future__ import annotations

import base64
import gzip
from functools import cache
from importlib.resources import files

from fake_apimart.cases.case import Content
from fake_apimart.cases.placeholders import Names, filled

RECORDED = files("fake_apimart.contract") / "cases" / "recorded"
"""Where recorded requests and samples of files are."""


def bytes_of(content: Content, names: Names) -> bytes:
    """Return the bytes of a recipe. Raises FileNotFoundError for a sample that is not there."""
    whole = b"".join(bytes_of(piece, names) for piece in content.pieces)
    whole += filled(content.text, names).encode("utf-8", "surrogateescape")
    if content.sample:
        whole += recorded(f"mime/{content.sample}")
    whole += base64.b64decode(content.base64)
    whole *= content.times
    whole += bytes(max(0, content.size - len(whole)))
    return gzip.compress(whole, mtime=0) if content.gzip else whole


@cache
def recorded(name: str) -> bytes:
    """Return a recorded file. Raises OSError; ValueError for a name that leads elsewhere."""
    if ".." in name.split("/") or name.startswith("/"):
        raise ValueError(f"{name} is not among the recorded files")
    return (RECORDED / name).read_bytes()
