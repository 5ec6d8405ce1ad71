"""Build the image, run it with all restrictions, and start docker-compose.yml.

This is not part of the test suite, because it needs a Docker engine: `make docker-test` runs it.
Only the base image is pulled: a small image with a local MinIO binary replaces MinIO's own image.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.generating import create, picture_at, poll, task_id_of, upload
from tests.harness import JPEG, PNG
from tests.stores import free_port, minio_binary

ROOT = Path(__file__).parents[1]
IMAGE = "fake-apimart"
BASE = "python:3.13-slim-bookworm"
STORE_IMAGE = "fake-apimart-test-s3"
PROJECT = "fake-apimart-test"
MOST_BYTES_ABOVE_BASE = 130 * 1000 * 1000
OLDEST_WITH_START_INTERVAL = 25
HEALTHY_SECONDS = 60
TASK_SECONDS = 30
LEFT_OVER = ("~/.cache", "/install", "/src", "/wheel", "/usr/bin/gcc", "/usr/bin/cc")

STRICT = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")

STORE_DOCKERFILE = f"""
FROM {BASE}
COPY minio /usr/bin/minio
ENTRYPOINT ["minio"]
"""

HEALTH = "import urllib.request as r; r.urlopen('http://127.0.0.1:9000/minio/health/ready')"

OVERRIDE = {
    "services": {
        "fake-apimart": {"build": {"network": "host"}},
        "s3": {
            "image": STORE_IMAGE,
            "healthcheck": {"test": ["CMD", "python3", "-c", HEALTH], "interval": "1s"},
        },
    }
}

FROM_WITHIN = """
import json, sys
from urllib.request import Request, urlopen
content = sys.stdin.buffer.read()
head = b'--b\\r\\nContent-Disposition: form-data; name="file"; filename="a.png"\\r\\n\\r\\n'
headers = {"Authorization": "Bearer k", "Content-Type": "multipart/form-data; boundary=b"}
body = head + content + b"\\r\\n--b--\\r\\n"
request = Request("http://fake-apimart:8080/v1/uploads/images", body, headers)
url = json.load(urlopen(request))["url"]
assert url.startswith("http://fake-apimart:8080/f/image/"), url
assert urlopen(url).read() == content
"""
"""Uploads a picture and reads it back, with what the image has."""


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


def main() -> None:
    """Run all checks; exit with status 0 if they pass."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([Path(sys.prefix, "bin", "hadolint"), ROOT / "Dockerfile"], check=True)
        build(dockerfile(folder))
        check_size()
        check_strict_container()
        build_store(folder)
        check_compose(folder)
    sys.stdout.write("the image and docker-compose.yml serve the vendor page's workflow\n")


def dockerfile(folder: Path) -> Path:
    """Return our Dockerfile; for an older engine, a copy without the flag it does not support."""
    version = docker("version", "--format", "{{.Server.Version}}")
    if int(version.partition(".")[0]) >= OLDEST_WITH_START_INTERVAL:
        return ROOT / "Dockerfile"
    older = folder / "Dockerfile"
    text = (ROOT / "Dockerfile").read_text("utf-8")
    assert " --start-interval=1s" in text
    older.write_text(text.replace(" --start-interval=1s", ""), "utf-8")
    return older


def build(path: Path) -> None:
    docker("build", "--quiet", "--network=host", "--tag", IMAGE, "--file", str(path), ".")


def check_size() -> None:
    """Check that the image adds at most 130 MB to its base, and has no compiler or cache in it."""
    ours, base = (int(docker("image", "inspect", "-f", "{{.Size}}", it)) for it in (IMAGE, BASE))
    sys.stdout.write(f"{(ours - base) / 1e6:.0f} MB above the base image\n")
    assert ours - base <= MOST_BYTES_ABOVE_BASE
    found = f"ls -d {' '.join(LEFT_OVER)} 2>/dev/null; true"
    assert docker("run", "--rm", "--user", "0", "--entrypoint", "sh", IMAGE, "-c", found) == ""


def check_strict_container() -> None:
    """Check a read-only container without capabilities or root: its health, files and restart."""
    port = free_port()
    publish = ("--publish", f"127.0.0.1:{port}:8080")
    container = docker("run", "--detach", *STRICT, *publish, IMAGE)
    try:
        wait_until_healthy(container)
        assert docker("exec", container, "id", "-u") == "10001"
        url = upload(Published(port), JPEG)
        verify(Published(port).url)
        docker("restart", container)
        wait_until_healthy(container)
        assert httpx.get(url).content == JPEG
        docker("stop", container)
        assert docker("inspect", "-f", "{{.State.ExitCode}}", container) == "0"
    except BaseException:
        sys.stderr.write(docker("logs", container))
        raise
    finally:
        docker("rm", "--force", "--volumes", container)


def verify(url: str) -> None:
    """Run the cases of the contract against a container."""
    command = [sys.executable, "-m", "fake_apimart", "verify", "--target", url]
    subprocess.run(command, check=True)


def wait_until_healthy(container: str) -> None:
    deadline = time.monotonic() + HEALTHY_SECONDS
    while docker("inspect", "-f", "{{.State.Health.Status}}", container) != "healthy":
        assert time.monotonic() < deadline, "the container did not become healthy"
        time.sleep(0.2)


def build_store(folder: Path) -> None:
    context = folder / "store"
    context.mkdir()
    shutil.copy(minio_binary(), context / "minio")
    (context / "Dockerfile").write_text(STORE_DOCKERFILE)
    docker("build", "--quiet", "--tag", STORE_IMAGE, str(context))


def check_compose(folder: Path) -> None:
    """Check that `docker compose up` serves uploads and URLs to the host and other containers."""
    docker("compose", "config", "-q")
    override = folder / "override.yml"
    override.write_text(json.dumps(OVERRIDE))
    port = free_port()
    ports = {
        "FAKE_APIMART_PORT": str(port),
        "S3_PORT": str(free_port()),
        "S3_CONSOLE_PORT": str(free_port()),
    }
    files = ("--file", "docker-compose.yml", "--file", str(override))
    compose = ("compose", *files, "--project-name", PROJECT)
    try:
        docker(*compose, "up", "--wait", "--no-build", env=ports)
        urls = workflow(Published(port))
        network = ("--network", f"{PROJECT}_default", "--entrypoint", "python", "--interactive")
        docker("run", "--rm", *network, IMAGE, "-c", FROM_WITHIN, stdin=PNG)
        stored = docker(*compose, "exec", "-T", "s3", "ls", "/data/fake-apimart/image", env=ports)
        assert {url.rpartition("/")[2] for url in urls} < set(stored.split())
        before = [httpx.get(url).content for url in urls]
        docker(*compose, "restart", env=ports)
        docker(*compose, "up", "--wait", "--no-build", env=ports)
        assert [httpx.get(url).content for url in urls] == before
        redirecting = {**ports, "FAKE_APIMART_DELIVERY": "redirect"}
        docker(*compose, "up", "--wait", "--no-build", env=redirecting)
        assert [httpx.get(url).status_code for url in urls] == [httpx.codes.FOUND] * len(urls)
        assert [httpx.get(url, follow_redirects=True).content for url in urls] == before
    except BaseException:
        sys.stderr.write(docker(*compose, "logs", env=ports))
        raise
    finally:
        docker(*compose, "down", "--volumes", env=ports)


def workflow(server: Published) -> list[str]:
    """Run the vendor page's workflow: upload, generate, poll, download. Return all file URLs."""
    reference = upload(server, PNG, "一只猫.png")
    assert httpx.get(reference).content == PNG
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


if __name__ == "__main__":
    main()
