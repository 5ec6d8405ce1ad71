"""The application under each ASGI server that users have, behind one interface for the tests."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from anyio.from_thread import start_blocking_portal
from fake_apimart import create_app
from fake_apimart.settings.names import variable_of
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from tests.harness import AUTHORIZED, DEADLINE_SECONDS
from tests.stores import environment, free_port

PREFIX = "/fake"
LOCAL = "http://127.0.0.1"
SCRIPTS = Path(sys.executable).parent

FACTORY = "fake_apimart:create_app"
# Without a host in the URL these would be no calls from this machine.
PEER = ("127.0.0.1", 50000)

PAGE = (Path(__file__).parents[1] / "docs" / "servers.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
(OUTER,) = (code for _, code in BLOCKS if "outer.mount" in code)
"""The page's application that mounts ours at PREFIX."""


@dataclass(frozen=True)
class Served:
    """The application somewhere; `base` is the URL below which clients find it."""

    base: str
    send: Callable[[httpx.Request], httpx.Response]

    def request(
        self, method: str, url: str, headers: Mapping[str, str] = AUTHORIZED, **body: Any
    ) -> httpx.Response:
        """Send a request to a path below `base`, or to a URL of an answer."""
        url = url if url.startswith("http") else self.base + url
        return self.send(httpx.Request(method, url, headers=headers, **body))

    def get(self, url: str, headers: Mapping[str, str] = AUTHORIZED) -> httpx.Response:
        return self.request("GET", url, headers)

    def post(
        self, url: str, headers: Mapping[str, str] = AUTHORIZED, **body: Any
    ) -> httpx.Response:
        return self.request("POST", url, headers, **body)

    def control(
        self, method: str, path: str, headers: Mapping[str, str] = AUTHORIZED, **body: Any
    ) -> httpx.Response:
        """Call the control API; each of its bodies is JSON, be it empty."""
        headers = {"Content-Type": "application/json", **headers}
        return self.request(method, f"/_fake/{path}", headers, **body)


@contextlib.contextmanager
def in_test_client(app: ASGIApp | None = None, prefix: str = "") -> Iterator[Served]:
    """Serve by Starlette's TestClient, within its `with` statement."""
    with TestClient(
        app or create_app(), base_url=LOCAL, client=PEER, follow_redirects=False
    ) as client:

        def send(request: httpx.Request) -> httpx.Response:
            answer = client.request(
                request.method,
                str(request.url),
                headers=request.headers.multi_items(),
                content=request.read(),
            )
            return httpx.Response(
                answer.status_code, headers=answer.headers.raw, content=answer.read()
            )

        yield Served(LOCAL + prefix, send)


@contextlib.contextmanager
def mounted_in_test_client() -> Iterator[Served]:
    """Serve the page's outer application by TestClient."""
    outer: dict[str, Any] = {}
    exec(OUTER, outer)
    with in_test_client(outer["outer"], PREFIX) as served:
        yield served


@contextlib.contextmanager
def asgi_transport(app: FastAPI | None = None) -> Iterator[Served]:
    """Serve by httpx.ASGITransport, which runs no lifespan."""
    app = app or create_app()
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
        portal.wrap_async_context_manager(
            httpx.AsyncClient(transport=httpx.ASGITransport(app))
        ) as client,
    ):
        yield Served(LOCAL, lambda request: portal.call(client.send, request))


class Process:
    """A server as a user starts it; `command` has `{port}` where its port goes."""

    def __init__(self, command: Sequence[str], folder: Path | None = None) -> None:
        self.url = f"{LOCAL}:{(port := free_port())}"
        program, *arguments = (each.replace("{port}", str(port)) for each in command)
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(SCRIPTS / program), *arguments],
            cwd=folder,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def wait_for(self, path: str) -> None:
        """Wait until the server answers."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            with contextlib.suppress(httpx.TransportError):
                if self.get(path).status_code == httpx.codes.OK:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start: {self.stop()}")
            time.sleep(0.05)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path)

    def stop(self) -> str:
        """Ask the server to stop; return what it has written."""
        self._process.terminate()
        try:
            self._process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        with self._log:
            self._log.seek(0)
            return self._log.read()


@contextlib.contextmanager
def process(
    *command: str, prefix: str = "", is_stripped: bool = False, http2: bool = False, **options: Any
) -> Iterator[Served]:
    """Serve in a process of its own.

    Where the prefix `is_stripped`, the client is also the proxy that does so.
    """
    running = Process(command, **options)
    below = "" if is_stripped else prefix
    try:
        running.wait_for(f"{below}/_fake/health")
        with httpx.Client(http1=not http2, http2=http2) as client:

            def send(request: httpx.Request) -> httpx.Response:
                if is_stripped:
                    path = request.url.raw_path.removeprefix(prefix.encode())
                    request.url = request.url.copy_with(raw_path=path)
                return client.send(request)

            yield Served(running.url + prefix, send)
    finally:
        running.stop()


@contextlib.contextmanager
def mounted_in_uvicorn() -> Iterator[Served]:
    """Serve the page's outer application by uvicorn."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "outer.py").write_text(OUTER)
        command = (*UVICORN, "outer:outer")
        with process(*command, prefix=PREFIX, folder=Path(folder)) as served:
            yield served


UVICORN = ("uvicorn", "--port", "{port}")
HYPERCORN = ("hypercorn", "--bind", "127.0.0.1:{port}", "fake_apimart:create_app()")
GRANIAN = ("granian", "--port", "{port}", "--interface", "asgi", "--factory", FACTORY)

WAYS: Mapping[str, Callable[[], AbstractContextManager[Served]]] = {
    "TestClient": in_test_client,
    "ASGITransport": asgi_transport,
    "mounted-TestClient": mounted_in_test_client,
    "mounted-uvicorn": mounted_in_uvicorn,
    "uvicorn-httptools": partial(process, *UVICORN, "--factory", FACTORY, "--http", "httptools"),
    "uvicorn-h11": partial(process, *UVICORN, "--factory", FACTORY, "--http", "h11"),
    "uvicorn-prefix": partial(
        process,
        *(*UVICORN, "--factory", FACTORY, "--root-path", PREFIX),
        prefix=PREFIX,
        is_stripped=True,
    ),
    "hypercorn": partial(process, *HYPERCORN),
    "hypercorn-h2": partial(process, *HYPERCORN, http2=True),
    "granian": partial(process, *GRANIAN),
}


@contextlib.contextmanager
def served(way: str, settings: Mapping[str, str], env: Mapping[str, str]) -> Iterator[Served]:
    """Serve the application in one of the WAYS, with settings by environment variables."""
    variables = {variable_of(name): value for name, value in settings.items()}
    with environment({**env, **variables}), WAYS[way]() as running:
        yield running
