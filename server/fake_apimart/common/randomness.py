"""Where random names come from: one source per server, the same again for the same seed."""

from __future__ import annotations

import random
import string
import uuid

_ALPHANUMERICS = (string.ascii_letters + string.digits).encode()
# 256 is no multiple of 62: some come a little more often than others.
_ALPHANUMERIC_OF_BYTE = (_ALPHANUMERICS * 5)[:256]


class Randomness:
    """Random names. Without a seed they differ from run to run. Not for secrets."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def hex(self, digits: int) -> str:
        """`digits` lower-case hexadecimal digits."""
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def bytes(self, length: int) -> bytes:
        """`length` random bytes."""
        return self._random.randbytes(length)

    def alphanumerics(self, length: int) -> str:
        """`length` letters and digits, of both cases."""
        return self._random.randbytes(length).translate(_ALPHANUMERIC_OF_BYTE).decode()

    def uuid4(self) -> str:
        """A version 4 UUID with its hyphens."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
