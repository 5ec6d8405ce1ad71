"""Fixtures shared by all tests."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import itertools
import os
import ssl
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import redis
import uvicorn.server
from botocore.loaders import JSONFileLoader
from fake_apimart.common.clock import Clock
from fake_apimart.common.randomness import Randomness
from fake_apimart.settings.names import PREFIX
from fake_apimart.settings.settings import Settings
from fake_apimart_storage import Storage
from fake_apimart_testing import FakeAPIMart

from tests import profiles, stores
from tests import redis_server as redis_servers
from tests.harness import AUTHORIZED, ServerThread
from tests.redis_server import RedisServer
from tests.stores import Store

profiles.load()

_numbers = itertools.count()

# What uses one of these is marked `subprocess`; what starts processes otherwise says so itself.
STARTING_PROCESSES = {
    "go",
    "minio_store",
    "moto_store",
    "pytester",
    "redis_server",
    "redis_url",
    "shell",
    "versitygw_store",
}


class StartServer(Protocol):
    def __call__(
        self,
        *,
        on: Storage | None = None,
        clock: Clock | None = None,
        randomness: Randomness | None = None,
        **settings: Any,
    ) -> ServerThread: ...


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage in what is collected.

    It stays until the end, and to look through it takes two fifths of the time of collecting, and
    again whenever a test looks for garbage of its own.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and STARTING_PROCESSES.intersection(item.fixturenames):
            item.add_marker(pytest.mark.subprocess)


@pytest.fixture(autouse=True, scope="session")
def _ignore_settings_in_the_environment() -> None:
    for variable in list(os.environ):
        if variable.startswith(PREFIX):
            del os.environ[variable]


@pytest.fixture(autouse=True, scope="session")
def _large_files_are_read_once() -> Iterator[None]:
    """Share what each client reads anew: httpx all certificates, boto3 the description of S3.

    Nothing here speaks TLS, and reading takes 20 ms and 100 ms.
    """
    load = JSONFileLoader.load_file
    loaded = functools.cache(functools.partial(load, JSONFileLoader()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: loaded(path))
        yield


@pytest.fixture(autouse=True, scope="session")
def _servers_stop_at_once() -> Iterator[None]:
    """Let uvicorn look a hundred times a second whether it is to stop, not ten times.

    More than a hundred servers stop in these tests, and each sleeps twice to do so.
    """
    hurried = types.SimpleNamespace(**vars(asyncio))
    hurried.sleep = lambda seconds: asyncio.sleep(seconds / 10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn.server, "asyncio", hurried)
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[ServerThread]:
    """Yield a server with default settings and in-memory storage, shared by the whole session."""
    with ServerThread(Settings(port=0, storage="memory://")) as running:
        yield running


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Return a function that starts a server with the given settings; it stops with the test."""
    with contextlib.ExitStack() as servers:

        def start(
            *,
            on: Storage | None = None,
            clock: Clock | None = None,
            randomness: Randomness | None = None,
            **settings: Any,
        ) -> ServerThread:
            complete = Settings(**{"port": 0, "storage": "memory://", **settings})
            return servers.enter_context(ServerThread(complete, on, clock, randomness))

        yield start


@pytest.fixture(scope="session")
def moto_store() -> Iterator[Store]:
    """Yield moto's S3 server, shared by the whole session."""
    with stores.moto() as running:
        yield running.store


@pytest.fixture(scope="session")
def minio_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Yield a real MinIO, shared by all tests that do not stop or break it."""
    with stores.minio(tmp_path_factory.mktemp("minio")) as running:
        yield running.store


@pytest.fixture(scope="session")
def _shared_redis() -> Iterator[RedisServer]:
    with redis_servers.running() as running:
        yield running


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """Yield a real Redis that the test may stop."""
    with redis_servers.running() as running:
        yield running


@pytest.fixture
def redis_url(_shared_redis: RedisServer) -> str:
    """Return the URL of a real Redis that knows nothing yet."""
    client = redis.Redis.from_url(_shared_redis.url)
    client.flushall()
    client.close()
    return _shared_redis.url


@pytest.fixture(scope="session")
def versitygw_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Yield a VersityGW, shared by all tests that do not stop or break it."""
    with stores.versitygw(tmp_path_factory.mktemp("versitygw")) as running:
        yield running.store


@pytest.fixture
def bucket() -> str:
    """Return a bucket name that no other test uses."""
    return f"test-{next(_numbers)}"


@pytest.fixture
def world(server: ServerThread) -> Iterator[FakeAPIMart]:
    """Yield a new world on the shared server."""
    with FakeAPIMart(server.url) as fresh:
        yield fresh


Places = tuple[FakeAPIMart, FakeAPIMart]
"""The same world on two servers that are one fake, or on one server twice."""


@pytest.fixture(
    params=[
        "memory",
        "folder",
        pytest.param("redis", marks=pytest.mark.subprocess),
        pytest.param("s3", marks=pytest.mark.subprocess),
    ]
)
def places(
    request: pytest.FixtureRequest, start_server: StartServer, tmp_path: Path, bucket: str
) -> Iterator[Places]:
    """Yield a world, reached by two ways, on each kind of storage and of state."""
    settings: dict[str, Any] = {"task_seconds": 0}
    with contextlib.ExitStack() as stack:
        if request.param == "redis":
            settings["state"] = request.getfixturevalue("redis_url")
        if request.param == "s3":
            stack.enter_context(stores.environment(request.getfixturevalue("moto_store").env))
        locations = {"memory": "memory://", "s3": f"s3://{bucket}"}
        settings["storage"] = locations.get(request.param, f"dir:{tmp_path}")
        one = other = start_server(**settings)
        if request.param == "redis":
            other = start_server(**settings)
        world = stack.enter_context(FakeAPIMart(one.url))
        yield world, FakeAPIMart(other.url, world.api_key)


@pytest.fixture(scope="session")
def client(server: ServerThread) -> Iterator[httpx.Client]:
    """Yield a client of the shared server that sends an API key."""
    with httpx.Client(base_url=server.url, headers=AUTHORIZED) as session:
        yield session
