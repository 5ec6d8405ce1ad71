"""A power cut: the file system as it was on the disk, while the server was still writing."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness import AUTHORIZED, ServerProcess
from tests.test_kills import Client, create

IMAGE_BYTES = 128 * 1024 * 1024
ENOUGH = 60
"""How many uploads are acknowledged before the cut."""


@contextlib.contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """Mount the file system in `image`, or skip the test where that is not possible."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-o", "loop", str(image), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"no loop device can be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return a file with an empty ext4 in it."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        pytest.skip("needs root and mkfs.ext4, to mount a file system of its own")
    path = tmp_path / "image"
    with path.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    subprocess.run(["mkfs.ext4", "-q", str(path)], check=True)
    return path


@pytest.mark.subprocess
@pytest.mark.parametrize("fsync", ["on", "off"])
def test_what_a_server_promised_outlives_a_power_cut(
    fsync: str, image: Path, tmp_path: Path
) -> None:
    env = {"FAKE_APIMART_FSYNC": fsync, "FAKE_APIMART_ACCESS_LOG": "off"}
    cut = tmp_path / "cut"
    with mounted(image, tmp_path / "before") as root:
        storage = {"FAKE_APIMART_STORAGE": f"dir:{root}/data"}
        with ServerProcess(env=env | storage) as server:
            change = {"balance": 12_345}
            httpx.patch(f"{server.url}/_fake/world", json=change, headers=AUTHORIZED)
            client = Client(server.url, 1)
            client.start()
            while len(client.tasks) < ENOUGH:
                assert client.is_alive()
            acknowledged = dict(client.files), dict(client.tasks)
            server.process.send_signal(signal.SIGSTOP)
            # What the disk holds at this moment, without what is only in the page cache above it.
            shutil.copyfile(image, cut)
            server.process.kill()
            client.join()
    with mounted(cut, tmp_path / "after") as root:
        storage = {"FAKE_APIMART_STORAGE": f"dir:{root}/data"}
        with ServerProcess(env=env | storage) as server:
            check_after_the_cut(server.url, *acknowledged, is_kept=fsync == "on")


def check_after_the_cut(
    url: str, files: dict[str, bytes], tasks: dict[str, str], *, is_kept: bool
) -> None:
    """Check that files are there whole or not at all; all of them and of the tasks if `is_kept`."""
    with httpx.Client(base_url=url, headers=AUTHORIZED) as client:
        world = client.get("/_fake/world").json()
        assert world["own_settings"] == {"balance": 12_345}
        found = 0
        for path, content in files.items():
            answer = client.get(path)
            assert answer.status_code in (200, 403), answer.text
            found += answer.status_code == 200
            assert answer.status_code == 403 or answer.content == content
        for key, task_id in tasks.items():
            status = client.get(f"/v1/tasks/{task_id}").status_code
            assert status in (200, 400)
            found += status == 200
            assert create(client, key).status_code == 200
        if is_kept:
            assert found == len(files) + len(tasks)
