"""The image alone: how it builds, what is in it, and what it does without any right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx

from tests.containers.engine import BASE, IMAGE, ROOT, Published, docker, wait_until_healthy
from tests.generating import upload
from tests.harness import JPEG
from tests.stores import free_port

MOST_BYTES_ABOVE_BASE = 135 * 1000 * 1000
LEFT_OVER = ("~/.cache", "/install", "/src", "/wheel", "/usr/bin/gcc", "/usr/bin/cc")
STRICT = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL")


def check() -> None:
    """Build the image and check it."""
    subprocess.run([Path(sys.prefix, "bin", "hadolint"), ROOT / "Dockerfile"], check=True)
    docker("build", "--quiet", "--network=host", "--tag", IMAGE, ".")
    check_size()
    check_strict_container()


def check_size() -> None:
    """Check that the image adds at most 135 MB to its base, and has no compiler or cache in it."""
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
