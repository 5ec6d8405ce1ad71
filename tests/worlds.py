"""Helpers for tests of worlds."""

from __future__ import annotations

from typing import Any

import httpx
from fake_apimart_testing import FakeAPIMart

from tests.harness import JPEG


def authorized(world: FakeAPIMart) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.api_key}"}


def upload(world: FakeAPIMart, content: bytes = JPEG, name: str = "a.jpg") -> httpx.Response:
    return httpx.post(
        f"{world.base_url}/v1/uploads/images",
        headers=authorized(world),
        files={"file": (name, content)},
    )


def upload_url(world: FakeAPIMart, content: bytes = JPEG) -> str:
    answer = upload(world, content)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


def create(world: FakeAPIMart, **fields: Any) -> httpx.Response:
    return httpx.post(
        f"{world.base_url}/v1/images/generations",
        headers={**authorized(world), **fields.pop("headers", {})},
        json={"model": "gpt-image-2", "prompt": "a cat", **fields},
    )


def created(world: FakeAPIMart, **fields: Any) -> str:
    """Create a task and return its id."""
    answer = create(world, **fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"][0]["task_id"])


def poll(world: FakeAPIMart, task_id: str) -> dict[str, Any]:
    answer = httpx.get(f"{world.base_url}/v1/tasks/{task_id}", headers=authorized(world))
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def balance(world: FakeAPIMart) -> dict[str, Any]:
    answer = httpx.get(f"{world.base_url}/v1/balance", headers=authorized(world))
    data: dict[str, Any] = answer.json()
    return data
