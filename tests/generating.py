"""Helpers for tests of generation tasks."""

from __future__ import annotations

import io
import json
from typing import Any, Protocol

import httpx
from PIL import Image

from tests.harness import AUTHORIZED

PATH = "/v1/images/generations"
MODEL = "gemini-3-pro-image-preview"
VERSION = {"X-APIMart-Response-Version": "2026-07-27"}
NOW = 1_743_436_800.25


class Served(Protocol):
    """Any running server, in this process or elsewhere."""

    @property
    def url(self) -> str: ...


def create(server: Served, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    """Create a task. `fields` override the default model and prompt."""
    # Escaped, since httpx cannot send half a character as it is.
    body = json.dumps({"model": MODEL, "prompt": "a cat", **fields})
    sent_headers = {**AUTHORIZED, "Content-Type": "application/json", **(headers or {})}
    return httpx.post(server.url + PATH, headers=sent_headers, content=body)


def task_id_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"][0]["task_id"])


def poll(server: Served, task_id: str) -> dict[str, Any]:
    """Poll a task and return its `data`."""
    answer = httpx.get(f"{server.url}/v1/tasks/{task_id}", headers=AUTHORIZED)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def picture_at(url: str) -> Image.Image:
    """Download the picture at a URL and decode it."""
    answer = httpx.get(url)
    assert answer.status_code == 200, answer.text
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


def upload(server: Served, content: bytes, name: str = "a.jpg") -> str:
    answer = httpx.post(
        f"{server.url}/v1/uploads/images", headers=AUTHORIZED, files={"file": (name, content)}
    )
    return str(answer.json()["url"])
