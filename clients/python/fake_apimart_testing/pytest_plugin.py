"""The pytest plugin: the fixtures `apimart` and `apimart_server`.

With pytest-xdist the controller binds a port for all workers, and the first connection starts the
server. This module is outside `testing`, which is imported by the first test that needs it, because
every pytest run in an environment with this package imports the plugin.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fake_apimart_testing.client import FakeAPIMart
    from fake_apimart_testing.servers.server import Server

URL_VARIABLE = "FAKE_APIMART_URL"
_WORKER_INPUT = "fake_apimart_url"
_SHARED = pytest.StashKey[Any]()
_WORLDS = pytest.StashKey[Any]()


@pytest.fixture(scope="session")
def apimart_server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """Provide one fake APIMart for all tests, or the one that FAKE_APIMART_URL names."""
    from fake_apimart_testing.servers.server import Server

    worker: dict[str, Any] = getattr(pytestconfig, "workerinput", {})
    with Server(os.environ.get(URL_VARIABLE) or worker.get(_WORKER_INPUT)) as server:
        yield server


@pytest.fixture
def apimart(apimart_server: Server, request: pytest.FixtureRequest) -> Iterator[FakeAPIMart]:
    """Provide a fresh world: unmodified clients find it by `apimart.base_url` and `.api_key`."""
    from fake_apimart_testing.client import FakeAPIMart

    world = FakeAPIMart(apimart_server.url)
    worlds = request.node.stash.setdefault(_WORLDS, [])
    worlds.append(world)
    yield world
    # A test that is run again keeps its stash, and its rules would never be met any more.
    worlds.remove(world)
    world.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that passed but left rules unused."""
    result = yield
    for world in item.stash.get(_WORLDS, []):
        world.check_rules()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the requests of its worlds to the report of a test that failed."""
    report = yield
    if report.failed and call.when == "call":
        for world in item.stash.get(_WORLDS, []):
            report.sections.append(("fake-apimart requests", world.described_requests()))
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Pass the shared server's URL to a worker of pytest-xdist."""
    config: pytest.Config = node.config
    if os.environ.get(URL_VARIABLE):
        return
    if _SHARED not in config.stash:
        from fake_apimart_testing.servers.shared import SharedServer

        config.stash[_SHARED] = SharedServer()
    node.workerinput[_WORKER_INPUT] = config.stash[_SHARED].url


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the shared server, after the last worker has ended."""
    shared = config.stash.get(_SHARED, None)
    if shared is not None:
        shared.close()
