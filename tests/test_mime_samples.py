"""Sample files of many formats: which are accepted, and how the others are named."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import httpx
import magic
import pytest
from fake_apimart.uploads.image_type import HEAD_BYTES, SIGNATURES, ImageType

from tests.harness import RECORDED

FOLDER = RECORDED / "mime"
SAMPLES = json.loads((FOLDER / "expected.json").read_text())["samples"]
# The name of some file types depends on the release of libmagic; the samples record 5.44's.
RECORDED_BY = 544
VERSION: int = magic.version()  # type: ignore[no-untyped-call]


def _name(sample: dict[str, Any]) -> str:
    return str(sample["name"])


@pytest.mark.parametrize("sample", SAMPLES, ids=_name)
def test_sample_is_taken_or_refused_as_recorded(
    sample: dict[str, Any], client: httpx.Client
) -> None:
    content = (FOLDER / sample["name"]).read_bytes()
    answer = client.post("/v1/uploads/images", files={"file": ("x.bin", content)})
    if sample["accept"]:
        assert answer.status_code == 200, answer.text
        assert answer.json()["content_type"] == sample["content_type"]
        assert client.get(answer.json()["url"]).content == content
    else:
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].startswith("unsupported image type: ")


@pytest.mark.skipif(VERSION != RECORDED_BY, reason="other releases of libmagic have other names")
@pytest.mark.parametrize("sample", [each for each in SAMPLES if not each["accept"]], ids=_name)
def test_refused_sample_is_called_what_libmagic_calls_it(
    sample: dict[str, Any], client: httpx.Client
) -> None:
    content = (FOLDER / sample["name"]).read_bytes()
    answer = client.post("/v1/uploads/images", files={"file": ("x.png", content)})
    named = sample["content_type"]
    if named in SIGNATURES:
        # Only libmagic was fooled: the format's own signature is missing.
        named = "application/octet-stream"
    expected = f"unsupported image type: {named}, allowed: jpeg, png, gif, webp"
    assert answer.json()["error"] == {"message": expected, "type": "invalid_request_error"}


@pytest.mark.parametrize("declared", ["image/png", "text/html", "application/octet-stream", ""])
def test_declared_type_is_ignored(declared: str, client: httpx.Client) -> None:
    content = (FOLDER / "jpeg-baseline-jfif.jpg").read_bytes()
    answer = client.post("/v1/uploads/images", files={"file": ("x.gif", content, declared)})
    assert answer.json()["content_type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("name", "content_type", "signature_bytes"),
    [
        ("jpeg-baseline-jfif.jpg", "image/jpeg", 3),
        ("png-rgb.png", "image/png", 8),
        ("gif87a.gif", "image/gif", 6),
        ("webp-lossy.webp", "image/webp", 14),
    ],
)
def test_picture_is_detected_by_16_bytes_and_never_by_less_than_its_signature(
    name: str, content_type: str, signature_bytes: int
) -> None:
    content = (FOLDER / name).read_bytes()

    async def named() -> list[str]:
        image_type = ImageType()
        return [await image_type.detect(content[:length]) for length in range(17)]

    names = asyncio.run(named())
    assert names[16] == content_type
    # How few bytes libmagic takes for a picture depends on its release.
    assert SIGNATURES.keys().isdisjoint(names[:signature_bytes])


def test_only_the_first_bytes_count(client: httpx.Client) -> None:
    # A disc image is detected by bytes far after its beginning.
    disc = bytes(32_769) + b"CD001" + bytes(5_000)
    by_all, by_head = (asyncio.run(ImageType().detect(part)) for part in (disc, disc[:HEAD_BYTES]))
    assert by_all != by_head
    answer = client.post("/v1/uploads/images", files={"file": ("x.iso", disc)})
    message = answer.json()["error"]["message"]
    assert message.startswith(f"unsupported image type: {by_head}, ")


# Hides the system's libmagic, so that the copy bundled with pylibmagic is loaded.
BUNDLED = """
import asyncio, ctypes, ctypes.util, json, pathlib, sys
find, start = ctypes.util.find_library, ctypes.CDLL.__init__

def start_unless_magic(self, name, *args, **kwargs):
    if name == "libmagic.so.1":
        raise OSError("hidden")
    start(self, name, *args, **kwargs)

ctypes.util.find_library = lambda name: None if name == "magic" else find(name)
ctypes.CDLL.__init__ = start_unless_magic
from fake_apimart.uploads.image_type import SIGNATURES, ImageType

async def main():
    image_type = ImageType()
    names = {path.name: await image_type.detect(path.read_bytes()[:4096])
             for path in pathlib.Path(sys.argv[1]).iterdir()}
    assert "pylibmagic" in sys.modules
    print(json.dumps([name for name in names if names[name] in SIGNATURES]))

asyncio.run(main())
"""


@pytest.mark.subprocess
@pytest.mark.skipif(sys.platform != "linux", reason="hides libmagic as Linux finds it")
def test_bundled_libmagic_takes_the_same_samples() -> None:
    command = [sys.executable, "-c", BUNDLED, str(FOLDER)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    taken = sorted(sample["name"] for sample in SAMPLES if sample["accept"])
    assert sorted(json.loads(result.stdout)) == taken
