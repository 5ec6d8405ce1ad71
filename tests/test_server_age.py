"""A server that is older than the package of the tests is told in one line."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fake_apimart_testing import ControlError, FakeAPIMart
from fake_apimart_testing.servers.age import OLDEST_SERVER
from fake_apimart_testing.version import __version__

asked: list[str] = []


@pytest.fixture
def server_of(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a server that says this version of its health, and knows nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = json.dumps({"status": "ok", **request.param}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_DELETE(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    asked.clear()
    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("server_of", "said"),
    [
        ({"version": "0.0.9"}, "0.0.9"),
        ({"version": "0.0.99-rc1"}, "0.0.99-rc1"),
        ({}, "unknown"),
        ({"version": "old"}, "old"),
    ],
    indirect=["server_of"],
)
def test_server_that_is_too_old_is_named_in_one_line(server_of: str, said: str) -> None:
    with pytest.raises(ControlError) as refused, FakeAPIMart(server_of):
        pass
    needed = f"this package needs {OLDEST_SERVER} or newer"
    assert str(refused.value) == f"fake-apimart at {server_of} is version {said}: {needed}"


@pytest.mark.parametrize(
    "server_of",
    [
        {"version": version}
        for version in (OLDEST_SERVER, __version__, "0.10.0", "0.2.0rc1", "1.0.0+local")
    ],
    indirect=True,
)
def test_server_that_is_new_enough_is_asked_once(server_of: str) -> None:
    for _ in range(3):
        with FakeAPIMart(server_of):
            pass
    assert asked.count("/_fake/health") == 1
