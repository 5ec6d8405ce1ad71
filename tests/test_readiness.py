"""Whether a server lives, and whether it can work: what probes and load balancers ask."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fake_apimart import __version__
from fake_apimart.gateway.health import CHECK_SECONDS, Health
from fake_apimart.observability.request_record import RequestRecord
from fake_apimart_storage import Storage, StorageError
from fake_apimart_storage.memory import MemoryStorage

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, ServerProcess, ServerThread, wait_until
from tests.redis_server import RedisServer


class BrokenStorage(MemoryStorage):
    """A store that is there, and then is not."""

    failure: Exception | None = None

    async def check(self) -> None:
        if self.failure is not None:
            raise self.failure


class HangingStorage(MemoryStorage):
    async def check(self) -> None:
        await asyncio.sleep(3600)


def ready(url: str, **options: Any) -> tuple[int, dict[str, Any]]:
    answer = httpx.get(f"{url}/_fake/ready", **options)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    body = answer.json()
    assert (list(body), body["version"]) == (["status", "version", "missing"], __version__)
    assert body["status"] == ("unavailable" if body["missing"] else "ready")
    return answer.status_code, body["missing"]


def is_alive(url: str) -> bool:
    return httpx.get(f"{url}/_fake/health").status_code == 200


def command(url: str, *flags: str) -> subprocess.CompletedProcess[str]:
    port = url.rpartition(":")[2]
    return subprocess.run(
        [sys.executable, "-m", "fake_apimart", "ready", *flags],
        env={**os.environ, "FAKE_APIMART_PORT": port},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("control", [True, False])
def test_server_is_ready_whoever_asks(control: bool, start_server: StartServer) -> None:
    server = start_server(api_keys="sk-one", control=control)
    for headers in ({}, AUTHORIZED, {"Origin": "https://example.com"}):
        assert ready(server.url, headers=headers) == (200, {})


@pytest.mark.parametrize("method", ["POST", "DELETE", "HEAD"])
def test_other_methods_are_no_routes(method: str, server: ServerThread) -> None:
    paths = ("/_fake/ready", "/_fake/health")
    statuses = [httpx.request(method, server.url + path).status_code for path in paths]
    assert statuses == [404, 404]


def test_what_the_storage_says_is_told_in_one_line_without_secrets(
    start_server: StartServer,
) -> None:
    storage = BrokenStorage()
    server = start_server(on=storage)
    assert ready(server.url) == (200, {})
    storage.failure = StorageError("no route\nto http://me:secret@store")
    status, missing = ready(server.url)
    assert (status, list(missing)) == (503, ["storage"])
    assert "no route" in missing["storage"]
    assert "\n" not in missing["storage"]
    assert "secret" not in missing["storage"]
    assert is_alive(server.url)
    storage.failure = None
    assert ready(server.url) == (200, {})


def test_store_that_hangs_is_not_waited_for(start_server: StartServer) -> None:
    server = start_server(on=HangingStorage())
    began = time.monotonic()
    assert ready(server.url) == (503, {"storage": f"no answer within {CHECK_SECONDS:g} s"})
    assert time.monotonic() - began < CHECK_SECONDS + 1
    assert is_alive(server.url)


def test_folder_that_is_gone_is_missing(start_server: StartServer, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    server = start_server(storage=f"dir:{folder}")
    assert ready(server.url) == (200, {})
    moved = folder.rename(tmp_path / "unmounted")
    problem = f"cannot use {folder}: No such file or directory"
    assert ready(server.url) == (503, {"storage": problem})
    moved.rename(folder)
    assert ready(server.url) == (200, {})
    shutil.rmtree(folder / "objects")
    assert ready(server.url)[0] == 503


@pytest.mark.subprocess
def test_bucket_that_is_gone_is_missing(
    start_server: StartServer, moto_store: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in moto_store.env.items():
        monkeypatch.setenv(name, value)
    server = start_server(storage=f"s3://{bucket}/prefix")
    assert ready(server.url) == (200, {})
    client = moto_store.client()
    for key in moto_store.keys(bucket):
        client.delete_object(Bucket=bucket, Key=key)
    client.delete_bucket(Bucket=bucket)
    status, missing = ready(server.url)
    assert (status, list(missing)) == (503, ["storage"])


def test_server_that_is_about_to_end_is_not_ready() -> None:
    record = RequestRecord(0, None)

    async def answer(storage: Storage) -> Any:
        stopping = asyncio.Event()
        stopping.set()
        health = Health(storage, storage, stopping)  # type: ignore[arg-type]
        return await health.ready(SimpleNamespace(record=record))  # type: ignore[arg-type]

    response = asyncio.run(answer(MemoryStorage()))
    assert response.status_code == 503
    assert json.loads(response.body)["missing"] == {"server": "it is about to end"}
    assert record.reason == "server: it is about to end"


@pytest.mark.parametrize("how", ["stop", "hang"])
def test_redis_that_is_away_is_missing_until_it_is_back(
    how: str, redis_server: RedisServer, start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(storage=f"dir:{tmp_path}", state=redis_server.url)
    assert ready(server.url) == (200, {})
    getattr(redis_server, how)()
    began = time.monotonic()
    status, missing = ready(server.url)
    assert (status, list(missing)) == (503, ["state"])
    assert time.monotonic() - began < CHECK_SECONDS + 1
    problem = redis_server.url if how == "stop" else f"no answer within {CHECK_SECONDS:g} s"
    assert missing["state"].startswith(problem)
    assert is_alive(server.url)
    told = command(server.url)
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith(f"fake-apimart: not ready: state: {problem}")
    assert told.stderr.count("\n") == 1
    redis_server.start() if how == "stop" else redis_server.go_on()
    wait_until(lambda: ready(server.url) == (200, {}), "the server is ready again")
    assert command(server.url).returncode == 0


@pytest.mark.subprocess
def test_command_waits_until_the_server_can_work(redis_server: RedisServer, tmp_path: Path) -> None:
    flags = ("--storage", f"dir:{tmp_path}", "--state", redis_server.url)
    with ServerProcess(*flags) as server:
        redis_server.stop()
        with subprocess.Popen(
            [sys.executable, "-m", "fake_apimart", "ready", "--wait", "20"],
            env={**os.environ, "FAKE_APIMART_PORT": str(server.address[1])},
        ) as waiting:
            time.sleep(1)
            assert waiting.poll() is None
            redis_server.start()
            assert waiting.wait(20) == 0
