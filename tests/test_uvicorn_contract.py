"""The undocumented parts of uvicorn that this project relies on, one test for each.

An upgrade of uvicorn that changes one of them fails here first. In that case, read uvicorn's
release notes about the part that the test names. Then fix `fake_apimart/http/protocol.py` and
`connection.py`, the only modules that use uvicorn's internals, or `fake_apimart/server.py`, the
only one that uses its Config and Server, or `workers.py` beside it, which extends its supervisor.
Then raise the version range of `uvicorn` in pyproject.toml.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import signal
import socket
import tomllib
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fake_apimart.http.protocol import Protocol
from fake_apimart.server import uvicorn_config
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.server import HANDLED_SIGNALS, ServerState
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from tests.harness import DEADLINE_SECONDS

ROOT = Path(__file__).parents[1]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Do nothing: no request arrives here."""


def config(**changes: Any) -> Config:
    made = uvicorn_config()
    made.app = app
    for name, value in changes.items():
        setattr(made, name, value)
    made.load()
    return made


def test_installed_version_is_one_that_the_range_allows() -> None:
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]
    dependencies = hatch["metadata"]["hooks"]["custom"]["dependencies"]
    (requirement,) = [each for each in dependencies if each.startswith("uvicorn")]
    bounds = re.fullmatch(r"uvicorn>=(\d+)\.(\d+),<(\d+)\.(\d+)", requirement)
    assert bounds, "older versions give keep_alive another meaning, newer ones are untested"
    low, high = tuple(map(int, bounds.groups()[:2])), tuple(map(int, bounds.groups()[2:]))
    assert low <= tuple(map(int, uvicorn.__version__.split(".")[:2])) < high


def test_config_has_the_attributes_that_a_connection_reads() -> None:
    made = config()
    assert made.loaded_app is app, "uvicorn wraps the application although no setting asks for it"
    assert made.limit_concurrency is None
    assert made.http_protocol_class is Protocol
    assert callable(made.get_loop_factory())


def test_server_state_has_the_attributes_that_a_connection_reads() -> None:
    state = ServerState()
    assert (state.connections, state.tasks, state.default_headers) == (set(), set(), [])


def test_protocol_can_be_made_as_the_server_makes_it() -> None:
    called_with = inspect.signature(Protocol).bind(
        config=config(), server_state=ServerState(), app_state={}, _loop=None
    )
    assert set(called_with.arguments) == {"config", "server_state", "app_state", "_loop"}


class RecordingProtocol(asyncio.Protocol):
    """A protocol that records how the server creates it and asks it to close."""

    made_with: dict[str, Any]
    is_connected: asyncio.Event
    was_shut_down = False

    def __init__(self, **arguments: Any) -> None:
        type(self).made_with = arguments

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.made_with["server_state"].connections.add(self)
        self.is_connected.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.made_with["server_state"].connections.discard(self)

    def shutdown(self) -> None:
        type(self).was_shut_down = True
        self._transport.close()


class RecordingServer(uvicorn.Server):
    """A server that records the order of its startup and shutdown."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.steps: list[str] = []
        self.is_started = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.steps.append(f"started={self.started}")
        self.is_started.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.steps.append("shutdown")
        await super().shutdown(sockets)


async def serve_one_connection() -> RecordingServer:
    listener = socket.create_server(("127.0.0.1", 0))
    server = RecordingServer(config(http=RecordingProtocol))
    running = asyncio.create_task(server.serve([listener]))
    await server.is_started.wait()
    RecordingProtocol.is_connected = asyncio.Event()
    _, writer = await asyncio.open_connection(*listener.getsockname())
    await RecordingProtocol.is_connected.wait()
    server.should_exit = True
    await running
    writer.close()
    return server


@pytest.fixture(scope="module")
def served() -> RecordingServer:
    """Run a server that accepts one connection and is asked to stop; return it."""
    return asyncio.run(asyncio.wait_for(serve_one_connection(), DEADLINE_SECONDS))


def test_server_makes_a_protocol_for_each_connection_by_these_keywords(
    served: RecordingServer,
) -> None:
    assert set(RecordingProtocol.made_with) == {"config", "server_state", "app_state", "_loop"}
    assert RecordingProtocol.made_with["server_state"] is served.server_state


def test_should_exit_ends_the_server_by_startup_and_shutdown(served: RecordingServer) -> None:
    assert served.steps == ["started=True", "shutdown"]


def test_server_asks_each_connection_to_end(served: RecordingServer) -> None:
    assert RecordingProtocol.was_shut_down


def test_default_headers_hold_the_date_alone(served: RecordingServer) -> None:
    ((name, value),) = served.server_state.default_headers
    assert name == b"date"
    assert value.endswith(b" GMT")


def test_signals_that_ask_for_the_end_go_to_handle_exit() -> None:
    assert {signal.SIGINT, signal.SIGTERM} <= set(HANDLED_SIGNALS)
    parameters = list(inspect.signature(uvicorn.Server.handle_exit).parameters)
    assert parameters == ["self", "sig", "frame"]


def test_signal_is_raised_again_only_where_uvicorn_s_own_handler_kept_it() -> None:
    source = inspect.getsource(uvicorn.Server.capture_signals)
    assert "self.handle_exit" in source
    assert "self._captured_signals" in source, "signals are kept elsewhere: see handle_exit"


def test_lifespan_off_asks_the_application_for_nothing() -> None:
    scopes: list[str] = []

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope["type"])

    made = config(app=noting)
    lifespan = made.lifespan_class(made)
    asyncio.run(lifespan.startup())
    assert (lifespan.should_exit, lifespan.state, scopes) == (False, {}, [])


def test_supervisor_has_the_parts_that_ours_replaces() -> None:
    for kind, names in {
        Multiprocess: "init_processes terminate_all join_all restart_all keep_subprocess_alive run "
        "handle_signals handle_ttin",
        Process: "target pong always_pong is_alive terminate kill start exitcode pid",
    }.items():
        missing = [name for name in names.split() if not hasattr(kind, name)]
        assert not missing, f"{kind.__name__} has no {missing} any more: see workers.py"
    assert list(inspect.signature(Process).parameters) == ["config", "sockets"]
    assert list(inspect.signature(Multiprocess).parameters) == ["config", "sockets"]


def test_supervisor_ends_pings_with_its_own_end_of_the_pipe() -> None:
    process = Process(config(), [])
    process.parent_conn.close()
    with pytest.raises(EOFError):
        process.always_pong()
    process.child_conn.close()
