"""Differential tests: the same image files to Go's own `image.Decode` and to our check."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_apimart.images.decoding import TooManyPixels, decode
from fake_apimart.images.picture_file import BrokenPicture

from tests.go.toolchain import build
from tests.harness import RECORDED
from tests.pictures import PNG_SIGNATURE, checked
from tests.test_images import BROKEN, WHOLE

REFERENCE = Path(__file__).parents[1] / "go_reference" / "images"
SAMPLES = RECORDED / "mime"
FORMATS = {".jpg": (b"\xff\xd8",), ".png": (PNG_SIGNATURE,), ".gif": (b"GIF8",)}
DAMAGED_FILES = 600
BEYOND_GO = {
    "lossless JPEG",
    "lossless JPEG of several rows",
    "progressive JPEG with restart markers",
}
"""What Go does not implement, or not rightly, though it is no fault of the file."""
pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="needs Go")


class GoImages:
    """A process that decodes images with Go, connected by pipes."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen(
            [str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def decode(self, content: bytes) -> bytes:
        """Return the size as `96x64`, or the error in quotes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(struct.pack(">I", len(content)) + content)
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoImages]:
    program = tmp_path_factory.mktemp("go") / "reference"
    build(REFERENCE, program)
    reference = GoImages(program)
    yield reference
    reference.close()


def is_taken(content: bytes) -> bool | None:
    """Return whether the picture decodes, or None where it is too large to be tried."""
    try:
        decode(content)
    except BrokenPicture:
        return False
    except TooManyPixels:
        return None
    return True


def samples(suffix: str) -> list[bytes]:
    contents = [path.read_bytes() for path in sorted(SAMPLES.glob(f"*{suffix}"))]
    return [each for each in contents if each.startswith(FORMATS[suffix]) and is_taken(each)]


def is_for_go(content: bytes) -> bool:
    return content.startswith((b"\xff\xd8", PNG_SIGNATURE, b"GIF8"))


@pytest.mark.parametrize("name", [*WHOLE, *BROKEN])
def test_file_is_taken_or_refused_as_go_does(name: str, go: GoImages) -> None:
    content = WHOLE.get(name, BROKEN.get(name, b""))
    if is_for_go(content) and name not in BEYOND_GO:
        assert go.decode(content).startswith(b'"') == (name in BROKEN), go.decode(content)


@pytest.mark.parametrize("suffix", FORMATS)
def test_file_that_is_cut_anywhere_is_taken_or_refused_as_go_does(
    suffix: str, go: GoImages
) -> None:
    for content in samples(suffix):
        for length in range(8, len(content), max(1, len(content) // 150)):
            cut = content[:length]
            theirs = go.decode(cut)
            assert is_taken(cut) == (not theirs.startswith(b'"')), (cut, theirs)


@pytest.mark.parametrize("suffix", FORMATS)
def test_damaged_file_is_taken_or_refused_as_go_does(suffix: str, go: GoImages) -> None:
    draw = random.Random(7)
    for content in draw.choices(samples(suffix), k=DAMAGED_FILES):
        damaged = bytearray(content)
        at = draw.randrange(len(damaged))
        damaged[at : at + draw.choice([0, 1, 1, 5])] = draw.randbytes(draw.choice([0, 1, 1, 5]))
        file = checked(bytes(damaged)) if suffix == ".png" else bytes(damaged)
        ours = is_taken(file)
        if ours is None:
            continue
        theirs = go.decode(file)
        if b"unsupported" not in theirs and not (suffix == ".jpg" and has_odd_table(file)):
            assert ours == (not theirs.startswith(b'"')), (file, theirs)


def has_odd_table(content: bytes) -> bool:
    """Return whether a JPEG has a Huffman table that libjpeg refuses, and Go only where it is used.

    That is one for first coefficients with a symbol above 15, or with a code of ones alone.
    """
    try:
        decode(content)
    except BrokenPicture as error:
        return isinstance(error.__cause__, OSError) and "broken data stream" in str(error)
    return False
