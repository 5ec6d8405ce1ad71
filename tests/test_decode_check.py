"""Pictures through the server: the check of uploads, and references in tasks, agree."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import httpx
import pytest
from fake_apimart.settings.settings import Settings
from hypothesis import given, settings
from PIL import Image, ImageStat

from tests.conftest import StartServer
from tests.generating import create, picture_at, poll, task_id_of
from tests.harness import AUTHORIZED, ServerThread
from tests.pictures import GREY, chunk, damaged, exif, png, saved
from tests.profiles import examples
from tests.test_images import BROKEN, PICTURES, WHOLE

AT_ONCE = {"fake_apimart": {"seconds": 0, "polls": 0}}


@pytest.fixture
def checking(start_server: StartServer) -> ServerThread:
    return start_server(decode_check=True)


def upload(server: ServerThread, content: bytes) -> httpx.Response:
    files = {"file": ("a", content)}
    return httpx.post(f"{server.url}/v1/uploads/images", headers=AUTHORIZED, files=files)


def result_of(server: ServerThread, content: bytes) -> Image.Image:
    """Upload a picture, use it as a reference of a task with `size: auto`; return the result."""
    url = upload(server, content).json()["url"]
    data = poll(server, task_id_of(create(server, image_urls=[url], metadata=AT_ONCE)))
    assert data["status"] == "completed", data
    return picture_at(data["result"]["images"][0]["url"][0])


def test_what_decodes_is_taken_and_makes_a_result(checking: ServerThread) -> None:
    for name, content in WHOLE.items():
        assert result_of(checking, content), name


@pytest.mark.parametrize("name", [name for name in BROKEN if len(BROKEN[name]) > 20])
def test_what_does_not_decode_is_refused(name: str, checking: ServerThread) -> None:
    answer = upload(checking, BROKEN[name])
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "invalid image content")


RESULTS = {
    "exif6.jpg": (832, 1248),
    "ink_la.png": (1024, 1024),
    "grey16_ramp.png": (1456, 720),
    "mpf_cut.jpg": (1184, 880),
    "big_ztxt.png": (1024, 1024),
    "pixels_67m.png": (1024, 1024),
}


@pytest.mark.parametrize("name", RESULTS)
def test_result_follows_the_picture_as_it_is_seen(name: str, checking: ServerThread) -> None:
    assert result_of(checking, (PICTURES / name).read_bytes()).size == RESULTS[name]


def test_reference_is_drawn_upright(checking: ServerThread) -> None:
    # White on the left, black on the right, to be turned clockwise: white is above black.
    image = Image.new("RGB", (80, 60), "white")
    image.paste("black", (40, 0, 80, 60))
    result = result_of(checking, saved(image, "JPEG", exif=b"Exif\0\0" + exif(6))).convert("L")
    third = result.height // 3
    above, below = (result.crop((0, top, result.width, top + third // 2)) for top in (0, 2 * third))
    assert ImageStat.Stat(above).mean[0] > 180 > 80 > ImageStat.Stat(below).mean[0]


def test_too_many_pixels_pass_the_check(checking: ServerThread) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 1, GREY, 0, 0, 0))
    content = png(1, GREY, b"\0")
    content = content.replace(content[8:33], header)
    assert upload(checking, content).status_code == 200


@pytest.fixture(scope="module")
def checking_server() -> Iterator[ServerThread]:
    settings = Settings(port=0, storage="memory://", decode_check=True)
    with ServerThread(settings) as running:
        yield running


@settings(max_examples=examples(60))
@given(damaged())
def test_damage_is_never_a_fault_of_the_server(
    server: ServerThread, checking_server: ServerThread, content: bytes
) -> None:
    checked, taken = upload(checking_server, content), upload(server, content)
    assert {checked.status_code, taken.status_code} <= {200, 400}
    if taken.status_code == 200:
        answer = create(server, image_urls=[taken.json()["url"]], metadata=AT_ONCE, size="16x16")
        data = poll(server, task_id_of(answer))
        is_whole = data["status"] == "completed" or "pixels" in data["error"]["message"]
        assert is_whole == (checked.status_code == 200)
