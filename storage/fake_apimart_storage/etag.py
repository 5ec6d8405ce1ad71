"""ETags of immutable objects, derived from the key.

Hashing the bytes would cost more than storing them (MD5 runs at some 600 MB/s), and a key is never
used for two objects.
"""

from __future__ import annotations

import hashlib


def etag(key: str, size: int) -> str:
    """Return the quoted strong ETag, 32 hex digits, of the object of `size` bytes under `key`."""
    digest = hashlib.blake2b(f"{key}\n{size}".encode(), digest_size=16)
    return f'"{digest.hexdigest()}"'
