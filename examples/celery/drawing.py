"""A small Celery application: a worker that has a picture drawn, and waits for it."""

from __future__ import annotations

import os
from typing import Any

import requests
from celery import Celery, Task

app = Celery("drawing", broker="memory://", backend="cache+memory://")


class NotYet(Exception):
    """The picture is not finished."""


def call(method: str, path: str, **body: Any) -> Any:
    """Call APIMart; return the `data` of its answer. Raises requests.RequestException."""
    base = os.environ.get("APIMART_BASE_URL", "https://api.apimart.ai")
    headers = {"Authorization": f"Bearer {os.environ['APIMART_API_KEY']}"}
    answer = requests.request(method, f"{base}/v1/{path}", headers=headers, timeout=30, **body)
    answer.raise_for_status()
    return answer.json()["data"]


@app.task(autoretry_for=(requests.RequestException,), retry_kwargs={"countdown": 0.05})
def begin(prompt: str) -> str:
    """Return the id of a new task of APIMart, whatever breaks on the way there."""
    (task,) = call("POST", "images/generations", json={"model": "gpt-image-2", "prompt": prompt})
    return str(task["task_id"])


@app.task(bind=True, max_retries=50)
def finish(self: Task[Any, Any], task_id: str) -> str:
    """Return the URL of the picture once it is there."""
    task = call("GET", f"tasks/{task_id}")
    if task["status"] == "completed":
        return str(task["result"]["images"][0]["url"][0])
    raise self.retry(exc=NotYet(task["status"]), countdown=0.05)
