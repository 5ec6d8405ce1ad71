"""Whose things these are: each API key has a world of its own."""

from __future__ import annotations

import functools
import hashlib


@functools.lru_cache(maxsize=1024)
def world_of(api_key: str) -> str:
    """The name of a key's world: a hash, since the key itself is never stored."""
    return hashlib.blake2b(api_key.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
