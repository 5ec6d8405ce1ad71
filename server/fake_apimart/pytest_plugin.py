"""The pytest plugin: the fixtures `apimart` and `apimart_server`.

With pytest-xdist the controller binds a port, which all workers use; its server is started by the
first who connects. It stands outside `testing`, which is imported by the first test that needs it:
every pytest run where this is installed pays for the import of this module.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fake_apimart.testing.client import FakeAPIMart
    from fake_apimart.testing.server import Server

URL_VARIABLE = "FAKE_APIMART_URL"
_WORKER_INPUT = "fake_apimart_url"
_SHARED = pytest.StashKey[Any]()
_WORLDS = pytest.StashKey[Any]()


@pytest.fixture(scope="session")
def apimart_server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """One fake APIMart for all tests, or the one that FAKE_APIMART_URL names."""
    from fake_apimart.testing.server import Server

    worker: dict[str, Any] = getattr(pytestconfig, "workerinput", {})
    with Server(os.environ.get(URL_VARIABLE) or worker.get(_WORKER_INPUT)) as server:
        yield server


@pytest.fixture
def apimart(apimart_server: Server, request: pytest.FixtureRequest) -> Iterator[FakeAPIMart]:
    """A fresh world on it: unmodified clients find it by `apimart.base_url` and `.api_key`."""
    from fake_apimart.testing.client import FakeAPIMart

    world = FakeAPIMart(apimart_server.url)
    request.node.stash.setdefault(_WORLDS, []).append(world)
    yield world
    world.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """A test that passes otherwise fails for the rules that it left unused."""
    result = yield
    for world in item.stash.get(_WORLDS, []):
        world.check_rules()
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where the shared server is."""
    config: pytest.Config = node.config
    if os.environ.get(URL_VARIABLE):
        return
    if _SHARED not in config.stash:
        from fake_apimart.testing.shared import SharedServer

        config.stash[_SHARED] = SharedServer()
    node.workerinput[_WORKER_INPUT] = config.stash[_SHARED].url


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last worker is gone."""
    shared = config.stash.get(_SHARED, None)
    if shared is not None:
        shared.close()
