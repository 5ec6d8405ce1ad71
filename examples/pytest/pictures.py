"""A small program that uses APIMart to have a model redraw a photo."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import requests

ATTEMPTS = 3
PAUSE_SECONDS = 0.05
POLL_SECONDS = 0.05
PATIENCE_SECONDS = 10.0


class PictureError(Exception):
    """The picture could not be made; the message says why."""


def upload(photo: Path) -> str:
    """Upload a photo; return its URL. Raises PictureError."""
    return str(call("POST", "/v1/uploads/images", photo)["url"])


def redraw(photo: Path, prompt: str) -> bytes:
    """Return the photo, redrawn as the prompt says. Raises PictureError."""
    request = {"model": "gpt-image-2", "prompt": prompt, "image_urls": [upload(photo)]}
    submitted = call("POST", "/v1/images/generations", request)
    url = wait_for(submitted["data"][0]["task_id"])
    return requests.get(url, timeout=30).content


def wait_for(task_id: str) -> str:
    """Poll a task until it ends; return the URL of its first picture. Raises PictureError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        task = call("GET", f"/v1/tasks/{task_id}")["data"]
        if task["status"] == "completed":
            return str(task["result"]["images"][0]["url"][0])
        if task["status"] == "failed":
            raise PictureError(task["error"]["message"])
        time.sleep(POLL_SECONDS)
    raise PictureError(f"{task_id} takes too long")


def call(method: str, path: str, content: Path | dict[str, Any] | None = None) -> Any:
    """Call the API; return the JSON of the response. Raises PictureError.

    Rate limits, server errors and broken connections are retried.
    """
    base = os.environ.get("APIMART_BASE_URL", "https://api.apimart.ai")
    headers = {"Authorization": f"Bearer {os.environ['APIMART_API_KEY']}"}
    body: dict[str, Any] = {"json": content}
    if isinstance(content, Path):
        body = {"files": {"file": (content.name, content.read_bytes())}}
    reason = ""
    for attempt in range(ATTEMPTS):
        time.sleep(PAUSE_SECONDS * attempt)
        try:
            answer = requests.request(method, base + path, headers=headers, timeout=30, **body)
        except requests.RequestException as error:
            reason = str(error)
            continue
        if answer.ok:
            return answer.json()
        reason = answer.json()["error"]["message"]
        if answer.status_code != requests.codes.too_many_requests and answer.status_code < 500:
            break
    raise PictureError(reason)
