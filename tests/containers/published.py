"""The lines of the pages that start the published image, with the image that was built here."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import yaml

from tests.containers.engine import IMAGE, ROOT, Published, docker, wait_until_healthy, workflow
from tests.generating import upload
from tests.harness import JPEG
from tests.pages import lines_with_docker, service_blocks
from tests.stores import free_port
from tools.project import IMAGE as PUBLISHED
from tools.project import VERSION

NAME = "fake-apimart-test-published"
TAGS = (f"{PUBLISHED}:latest", f"{PUBLISHED}:{VERSION}")


def check() -> None:
    """Run them all."""
    with published_names():
        for line in lines_with_docker():
            check_line(line)
        for block in service_blocks():
            check_service(yaml.safe_load(block)["services"])


@contextlib.contextmanager
def published_names() -> Iterator[None]:
    """Give the built image the names of the published one while the block runs."""
    for tag in TAGS:
        docker("tag", IMAGE, tag)
    try:
        yield
    finally:
        docker("rmi", *TAGS)


def check_line(line: str) -> None:
    """Run a command in the foreground, as it is printed but for the port, and end it by Ctrl+C."""
    port = free_port()
    words = shlex.split(line.replace("127.0.0.1:8080:8080", f"127.0.0.1:{port}:8080"))
    assert f"127.0.0.1:{port}:8080" in words
    words[2:2] = ["--name", NAME]
    running = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with running:
        assert running.stdout is not None
        try:
            assert f"fake-apimart {VERSION} listening on" in running.stdout.readline()
            url = upload(Published(port), JPEG)
            assert httpx.get(url).content == JPEG
        finally:
            docker("kill", "--signal", "INT", NAME)
    assert running.returncode == 0
    assert docker("ps", "--all", "--quiet", "--filter", f"name={NAME}") == ""


def check_service(services: dict[str, dict[str, Any]]) -> None:
    """Start a job's service as a runner of GitHub Actions does, and use it once it is healthy."""
    ((alias, service),) = services.items()
    assert set(service) <= {"image", "ports", "env", "options"}
    assert service["ports"] == ["8080:8080"]
    port = free_port()
    publish = ("--publish", f"127.0.0.1:{port}:8080")
    env = [word for name in service.get("env", {}) for word in ("--env", name)]
    options = shlex.split(service.get("options", ""))
    names = ("--name", NAME, "--network-alias", alias, "--network", NAME)
    docker("network", "create", NAME)
    try:
        docker(
            *("create", *names, *publish, *options, *env, service["image"]),
            env={name: str(value) for name, value in service.get("env", {}).items()},
        )
        docker("start", NAME)
        wait_until_healthy(NAME)
        workflow(Published(port))
        check_env(service.get("env", {}))
    except BaseException:
        sys.stderr.write(docker("logs", NAME))
        raise
    finally:
        docker("rm", "--force", "--volumes", NAME)
        docker("network", "rm", NAME)


def check_env(env: dict[str, str]) -> None:
    """Check that the server started with the storage that the block names."""
    if "FAKE_APIMART_STORAGE" in env:
        assert f"(storage: {env['FAKE_APIMART_STORAGE']})" in docker("logs", NAME)
