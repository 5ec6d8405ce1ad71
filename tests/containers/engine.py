"""Commands of Docker, and what a server in a container answers."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.generating import create, picture_at, poll, task_id_of, upload
from tests.harness import PNG

ROOT = Path(__file__).parents[2]
IMAGE = "fake-apimart"
BASE = "python:3.13-slim-bookworm"
PROJECT = "fake-apimart-test"
HEALTHY_SECONDS = 60
TASK_SECONDS = 30


@dataclass(frozen=True)
class Published:
    """A server in a container, with its port published on this machine."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def docker(
    *arguments: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Return the output of a docker command. Raises CalledProcessError if it fails."""
    result = subprocess.run(
        ["docker", *arguments],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        input=stdin,
        stdout=subprocess.PIPE,
        check=True,
        timeout=900,
    )
    return result.stdout.decode().strip()


def wait_until_healthy(container: str) -> None:
    deadline = time.monotonic() + HEALTHY_SECONDS
    while docker("inspect", "-f", "{{.State.Health.Status}}", container) != "healthy":
        assert time.monotonic() < deadline, "the container did not become healthy"
        time.sleep(0.2)


def workflow(server: Published) -> list[str]:
    """Run the vendor page's workflow: upload, generate, poll, download. Return all file URLs."""
    reference = upload(server, PNG, "一只猫.png")
    assert httpx.get(reference, follow_redirects=True).content == PNG
    task_id = task_id_of(create(server, size="16:9", n=2, image_urls=[reference]))
    deadline = time.monotonic() + TASK_SECONDS
    while (task := poll(server, task_id))["status"] != "completed":
        assert task["status"] in ("pending", "processing"), task
        assert time.monotonic() < deadline, task
        time.sleep(0.3)
    results = [url for image in task["result"]["images"] for url in image["url"]]
    assert len(results) == 2
    for result in results:
        width, height = picture_at(result).size
        assert abs(width / height - 16 / 9) < 0.02
    return [reference, *results]
