"""Pictures to upload: any number of them, each made again from its number when it is compared."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.harness import RECORDED

MAX_BYTES = 20 * 1024 * 1024
_SAMPLES = RECORDED / "mime"
_HEADS = {
    "png": ("image/png", (_SAMPLES / "png-rgb.png").read_bytes()),
    "jpg": ("image/jpeg", (_SAMPLES / "jpeg-baseline-jfif.jpg").read_bytes()),
    "gif": ("image/gif", (_SAMPLES / "gif89a.gif").read_bytes()),
    "webp": ("image/webp", (_SAMPLES / "webp-lossy.webp").read_bytes()),
}
_NUMBER_BYTES = 12
_STEP = 1_000_003
"""How far apart the random bytes of two pictures begin."""
KINDS = tuple(_HEADS)
_pool = random.Random(0).randbytes(MAX_BYTES)


@dataclass(frozen=True)
class Picture:
    """A picture of `size` bytes: a real one, its number, and random bytes behind it."""

    number: int
    size: int
    kind: str

    @property
    def name(self) -> str:
        """The file name, different for each number."""
        return f"picture-{self.number}.{self.kind}"

    @property
    def content_type(self) -> str:
        return _HEADS[self.kind][0]

    def content(self) -> bytes:
        """Return the bytes. No two numbers have the same."""
        head = _HEADS[self.kind][1] + b"%0*d" % (_NUMBER_BYTES, self.number)
        left = self.size - len(head)
        start = self.number * _STEP % MAX_BYTES
        return head + (_pool[start : start + left] + _pool[: max(0, start + left - MAX_BYTES)])

    @staticmethod
    def smallest(kind: str) -> int:
        """Return the number of bytes that a picture of this kind has at least."""
        return len(_HEADS[kind][1]) + _NUMBER_BYTES


BOUNDARY = "----soak5d8f1c"


def form(name: str, content: bytes, field: str = "file") -> bytes:
    """Return a multipart form with one file."""
    head = (
        f"--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
