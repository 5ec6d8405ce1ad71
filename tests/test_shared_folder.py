"""Servers that share a folder, each with a state of its own: the second says what will differ."""

from __future__ import annotations

import asyncio
import errno
import signal
from pathlib import Path

import httpx
import pytest
from fake_apimart_storage import ObjectInfo
from fake_apimart_storage.directory import DirectoryStorage
from filelock import FileLock

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, PNG, ServerProcess, wait_until

PATH = "/v1/uploads/images"
WARNING = "another server uses dir:"


def upload_url(url: str) -> str:
    files = {"file": ("a.png", PNG)}
    answer = httpx.post(f"{url}{PATH}", headers=AUTHORIZED, files=files)
    return str(answer.raise_for_status().json()["url"])


@pytest.mark.subprocess
def test_second_server_on_a_folder_says_what_will_differ(tmp_path: Path) -> None:
    flags = ("--storage", f"dir:{tmp_path}")
    with ServerProcess(*flags) as first, ServerProcess(*flags) as second:
        status, log = second.end()
        assert status == 0
        (line,) = (each for each in log.splitlines() if WARNING in each)
        assert " WARNING " in line
        for word in ("rules", "journals", "waits", "rates", "clocks", "settings", "spent"):
            assert word in line
        assert "FAKE_APIMART_STATE=redis://HOST:PORT/0" in line
        assert WARNING not in first.end()[1]


@pytest.mark.subprocess
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
def test_server_that_has_ended_is_none(name: str, tmp_path: Path) -> None:
    flags = ("--storage", f"dir:{tmp_path}")
    for _ in range(2):
        with ServerProcess(*flags) as server:
            assert upload_url(server.url)
            log = server.end(signal.Signals[name])[1]
        assert WARNING not in log


def test_servers_that_share_a_state_say_nothing(
    redis_url: str, start_server: StartServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        start_server(storage=f"dir:{tmp_path}", state=redis_url)
    assert WARNING not in capfd.readouterr().err
    start_server(storage=f"dir:{tmp_path}")
    wait_until(lambda: WARNING in capfd.readouterr().err, "the warning is written")


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError("no flock")]
)
def test_folder_without_locks_can_be_used_by_several(
    error: Exception,
    start_server: StartServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(FileLock, "acquire", refuse)
    servers = [start_server(storage=f"dir:{tmp_path}") for _ in range(2)]
    files = [upload_url(server.url) for server in servers]
    for server in servers:
        for file in files:
            path = httpx.URL(file).path
            assert httpx.get(server.url + path, headers=AUTHORIZED).content == PNG
    log = ""

    def told() -> int:
        nonlocal log
        log += capfd.readouterr().err
        return log.count("has no file locks")

    # A thread writes the log, later on a busy machine.
    wait_until(lambda: told() == len(servers), "each server says it")
    assert WARNING not in log


def test_failure_that_is_not_about_locks_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(Exception, match="Read-only file system"):
        asyncio.run(DirectoryStorage(tmp_path).open())


def test_folder_without_locks_that_is_removed_is_claimed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTSUP, "Not supported")

    monkeypatch.setattr(FileLock, "acquire", refuse)

    async def run() -> bytes:
        storage = DirectoryStorage(tmp_path)
        await storage.open()
        for number in range(2):
            writer = storage.writer(ObjectInfo(f"a/{number}", "text/plain", 0, 2**31))
            await writer.write([PNG])
            await writer.commit()
            claimed = tmp_path / "incoming" / "0"
            if number == 0:
                for each in claimed.iterdir():
                    each.unlink()
                claimed.rmdir()
        stored = await storage.get("a/1")
        async with stored:
            content = b"".join([chunk async for chunk in stored.chunks(0, stored.size)])
        await storage.close()
        return content

    assert asyncio.run(run()) == PNG
