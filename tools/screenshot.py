"""Takes the picture of the page for the README: `python -m tools.screenshot`, with Chromium.

Not a part of `make docs`: browsers and fonts differ, so that no two machines draw the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from fake_apimart_testing import FakeAPIMart, Server
from PIL import Image
from playwright.sync_api import ViewportSize, sync_playwright

from tests.browser.conftest import command_of_the_browser
from tools.project import ROOT

PICTURE = ROOT / "docs" / "page.webp"
VIEW: ViewportSize = {"width": 1280, "height": 860}
UPLOADS = {
    "harbour.jpg": "references.webp",
    "portrait.png": "reference.webp",
    "猫.png": "abstract.webp",
}
TASKS = (
    "A lighthouse at dusk, in oil",
    "将这张照片转换为吉卜力动画风格",
    "The same cat on the moon",
)


def main() -> None:
    """Fill a server, and take the picture of its first screen."""
    with _filled() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=command_of_the_browser(), args=["--no-sandbox"]
        )
        page = browser.new_page(base_url=url, viewport=VIEW, color_scheme="light")
        page.goto("/_fake/")
        page.wait_for_timeout(1500)
        shot = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    shot.convert("RGB").save(PICTURE, "WEBP", quality=80, method=6)


@contextmanager
def _filled() -> Iterator[str]:
    """Run a server that clients of two tests have used; yield its URL."""
    with (
        Server() as server,
        FakeAPIMart(server.url, label="test_import.py::test_retries") as one,
        FakeAPIMart(server.url, label="test_import.py::test_expiry") as other,
    ):
        one.fail("uploads.create", error="rate_limited")
        for number, (name, path) in enumerate(UPLOADS.items()):
            _upload(one if number else other, name, (ROOT / "docs" / "results" / path).read_bytes())
        _upload(one, "harbour.jpg", (ROOT / "docs" / "example.jpg").read_bytes())
        _upload(one, "notes.txt", b"no picture")
        other.uploads[0].expire()
        one.pace(seconds=0)
        for prompt in TASKS:
            one.pace(seconds=8 if prompt == TASKS[-1] else 0)
            _generate(one, prompt)
        yield server.url


def _headers(world: FakeAPIMart) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.api_key}"}


def _upload(world: FakeAPIMart, name: str, content: bytes) -> None:
    url = f"{world.base_url}/v1/uploads/images"
    httpx.post(url, headers=_headers(world), files={"file": (name, content)})


def _generate(world: FakeAPIMart, prompt: str) -> None:
    uploads = world.uploads
    body: dict[str, Any] = {"model": "gemini-3-pro-image-preview", "prompt": prompt, "size": "4:3"}
    body["image_urls"] = [uploads[-1].url]
    url = f"{world.base_url}/v1/images/generations"
    task = httpx.post(url, headers=_headers(world), json=body).json()["data"][0]["task_id"]
    httpx.get(f"{world.base_url}/v1/tasks/{task}", headers=_headers(world))


if __name__ == "__main__":
    main()
