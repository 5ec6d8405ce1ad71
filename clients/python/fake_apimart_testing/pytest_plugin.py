"""The pytest plugin: the fixtures `apimart` and `apimart_server`, and worlds of wider scopes.

With pytest-xdist the controller starts the server for the first worker that asks for it. Every run
of pytest in an environment with this package imports this module, which imports the others for the
first test that needs them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fake_apimart_testing.client import FakeAPIMart
    from fake_apimart_testing.servers.server import Server

_WORKER_INPUT = "fake_apimart_shared"
_SHARED = pytest.StashKey[Any]()
_WORLDS = pytest.StashKey[Any]()
_LOG = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def apimart_server(pytestconfig: pytest.Config) -> Iterator[Server]:
    """Provide one fake APIMart for all tests, or the one that FAKE_APIMART_URL names."""
    from fake_apimart_testing.servers.server import Server

    with _told_without_traceback():
        server = Server(_shared_url(pytestconfig)).start()
    yield server
    pytestconfig.stash[_LOG] = server.stop()


@contextlib.contextmanager
def _told_without_traceback() -> Iterator[None]:
    """Fail the test by the message of an error alone: where it was noticed helps nobody."""
    from fake_apimart_testing.control import ControlError

    try:
        yield
    except (AssertionError, ControlError) as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def _shared_url(config: pytest.Config) -> str | None:
    """Return the URL of the server that all workers of pytest-xdist share, None without them."""
    worker: dict[str, Any] = getattr(config, "workerinput", {})
    if _WORKER_INPUT not in worker:
        return None
    from fake_apimart_testing.servers.shared import asked_url

    return asked_url(worker[_WORKER_INPUT])


@pytest.fixture
def apimart(apimart_server: Server, request: pytest.FixtureRequest) -> Iterator[FakeAPIMart]:
    """Provide a fresh world: unmodified clients find it by `apimart.base_url` and `.api_key`."""
    yield from _fresh_world(apimart_server, request)


@pytest.fixture(scope="class")
def class_apimart(apimart_server: Server, request: pytest.FixtureRequest) -> Iterator[FakeAPIMart]:
    """Provide a world that the tests of a class share."""
    yield from _fresh_world(apimart_server, request)


@pytest.fixture(scope="module")
def module_apimart(apimart_server: Server, request: pytest.FixtureRequest) -> Iterator[FakeAPIMart]:
    """Provide a world that the tests of a module share."""
    yield from _fresh_world(apimart_server, request)


@pytest.fixture(scope="session")
def session_apimart(
    apimart_server: Server, request: pytest.FixtureRequest
) -> Iterator[FakeAPIMart]:
    """Provide a world that all tests share, those of one worker where there are several."""
    yield from _fresh_world(apimart_server, request)


def _fresh_world(server: Server, request: pytest.FixtureRequest) -> Iterator[FakeAPIMart]:
    from fake_apimart_testing.client import FakeAPIMart

    with _told_without_traceback():
        world = FakeAPIMart(server.url, label=_label_of(request.node))
        world.open()
    worlds = request.node.stash.setdefault(_WORLDS, [])
    worlds.append(world)
    yield world
    # A test that is run again keeps its stash, and its rules would never be met any more.
    worlds.remove(world)
    with _told_without_traceback(), contextlib.closing(world):
        if request.scope != "function":
            world.check_rules()


def _label_of(node: Any) -> str:
    """Return what the worlds of a test, a class, a module or the session are called."""
    from fake_apimart_testing.world.label import label_of

    if isinstance(node, pytest.Session):
        worker: dict[str, Any] = getattr(node.config, "workerinput", {})
        return f"session {worker.get('workerid', '')}".strip()
    return label_of(node.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that passed but left rules unused."""
    result = yield
    for world in item.stash.get(_WORLDS, []):
        with _told_without_traceback():
            world.check_rules()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the requests of its worlds to the report of a test that failed."""
    report = yield
    if report.failed and call.when != "teardown":
        worlds: list[list[FakeAPIMart]] = [node.stash.get(_WORLDS, []) for node in item.listchain()]
        for world in itertools.chain.from_iterable(worlds):
            report.sections.append(("fake-apimart requests", world.described_requests()))
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist where to ask for the server that all of them share."""
    config: pytest.Config = node.config
    if os.environ.get("FAKE_APIMART_URL"):
        return
    if _SHARED not in config.stash:
        from fake_apimart_testing.servers.shared import SharedServer

        config.stash[_SHARED] = SharedServer()
    node.workerinput[_WORKER_INPUT] = config.stash[_SHARED].address


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show what the server has logged, which is nothing where all went well."""
    log = config.stash.get(_LOG, "")
    if log:
        terminalreporter.section("fake-apimart server")
        terminalreporter.write_line(log)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the shared server, after the last worker has ended."""
    shared = config.stash.get(_SHARED, None)
    if shared is not None:
        shared.close()
