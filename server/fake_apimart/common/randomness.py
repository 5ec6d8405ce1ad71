"""The source of random names: one per server, reproducible where a seed is given."""

from __future__ import annotations

import random
import string
import uuid

_ALPHANUMERICS = (string.ascii_letters + string.digits).encode()
# 256 is no multiple of 62: some characters are slightly more likely than others.
_ALPHANUMERIC_OF_BYTE = (_ALPHANUMERICS * 5)[:256]


class Randomness:
    """A random generator for names, not for secrets. Without a seed each run differs."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def hex(self, digits: int) -> str:
        """Return `digits` random lower-case hexadecimal digits."""
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def bytes(self, length: int) -> bytes:
        """Return `length` random bytes."""
        return self._random.randbytes(length)

    def alphanumerics(self, length: int) -> str:
        """Return `length` random ASCII letters, of both cases, and digits."""
        return self._random.randbytes(length).translate(_ALPHANUMERIC_OF_BYTE).decode()

    def uuid4(self) -> str:
        """Return a random version 4 UUID, with hyphens."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
