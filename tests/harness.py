"""Test harness: a server in a thread or a process, and raw HTTP requests over sockets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, cast

import uvicorn
from fake_apimart.app import Application, create_app, storage_of
from fake_apimart.cases import contents
from fake_apimart.common.clock import Clock
from fake_apimart.common.randomness import Randomness
from fake_apimart.http.protocol import Protocol
from fake_apimart.listening import listen, url_of
from fake_apimart.server import Server, uvicorn_config
from fake_apimart.service.expiry import lifetimes
from fake_apimart.settings.settings import Settings
from fake_apimart_storage import Storage
from starlette.types import ASGIApp

DATA = Path(__file__).parent / "data"
RECORDED = Path(str(contents.RECORDED))
"""Requests and files with recorded answers, which the package has for its own cases."""
DEADLINE_SECONDS = 20.0
KEY = "test-key"
AUTHORIZED = {"Authorization": f"Bearer {KEY}"}

JPEG = (RECORDED / "mime" / "jpeg-baseline-jfif.jpg").read_bytes()
PNG = (RECORDED / "mime" / "png-rgb.png").read_bytes()
PDF = (RECORDED / "mime" / "pdf.pdf").read_bytes()


class StoppedClock:
    """A clock that only moves when `advance` is called."""

    def __init__(self, seconds: float) -> None:
        self._now = round(seconds * 1000) * 1_000_000

    def time_ns(self) -> int:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += round(seconds * 1000) * 1_000_000


class ServerThread:
    """A server in a thread of this process, on a free port of 127.0.0.1, that runs until `stop`."""

    def __init__(
        self,
        settings: Settings,
        storage: Storage | None = None,
        clock: Clock | None = None,
        randomness: Randomness | None = None,
    ) -> None:
        self.settings = settings
        self.storage = storage or storage_of(settings)
        self._clock = clock
        self._randomness = randomness
        self._listening = threading.Event()
        self._listener = listen(settings)
        self.url = url_of(self._listener)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._server: Server | None = None
        self.application: Application | None = None
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        assert self._listening.wait(DEADLINE_SECONDS), "the server did not start"
        return self

    @property
    def connections(self) -> int:
        """How many connections are open."""
        assert self._server is not None
        return len(self._server.server_state.connections)

    @property
    def unsent_bytes(self) -> int:
        """How many bytes of answers wait in memory for clients that do not read them."""
        assert self._server is not None
        connections = cast(Collection[Protocol], self._server.server_state.connections)
        return sum(each.progress()[1] for each in connections)

    def stop(self) -> None:
        assert self._server is not None
        self._server.should_exit = True
        self._thread.join(DEADLINE_SECONDS)
        assert not self._thread.is_alive(), "the server did not stop"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        config = uvicorn_config()
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        await self.storage.open(lifetimes(self.settings.url_ttl_seconds))
        app = create_app(self.settings, self.storage, self._clock, self._randomness)
        self.application = app
        async with app.router.lifespan_context(app):
            self._server = Server(uvicorn_config(), app, self._listening.set)
            await self._server.serve([self._listener])
        await self.storage.close()


class ServerProcess:
    """`fake-apimart serve` in a separate process, as a user starts it.

    `most_files` is the limit of its open files. `stderr` is where its log goes, a pipe by default.
    """

    def __init__(
        self,
        *flags: str,
        env: Mapping[str, str] | None = None,
        most_files: int | None = None,
        stderr: int = subprocess.PIPE,
    ) -> None:
        command = [sys.executable, "-m", "fake_apimart", "serve", "--port", "0", *flags]
        if most_files is not None:
            command = ["sh", "-c", f'ulimit -n {most_files} && exec "$@"', "sh", *command]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, **(env or {})},
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        if "listening on " not in self.first_line:
            _, problem = self.process.communicate(timeout=DEADLINE_SECONDS)
            raise AssertionError(f"the server did not start: {problem}")
        self.url = self.first_line.split("listening on ")[1].split(" ")[0]
        self.address = ("127.0.0.1", int(self.url.rpartition(":")[2]))

    def end(self, sig: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit status and the contents of standard error."""
        self.process.send_signal(sig)
        _, log = self.process.communicate(timeout=DEADLINE_SECONDS)
        return self.process.returncode, log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def answers(url: str) -> bool:
    """Return whether a server accepts connections at the URL."""
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port))).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def served(application: ASGIApp) -> Iterator[tuple[str, int]]:
    """Serve any ASGI application with our own protocol; yield the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn_config()
    config.app = application
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    yield listener.getsockname()[:2]
    server.should_exit = True
    thread.join(DEADLINE_SECONDS)


@contextlib.contextmanager
def connection(address: tuple[str, int]) -> Iterator[socket.socket]:
    """Open a raw TCP connection to the server."""
    with socket.create_connection(address, timeout=DEADLINE_SECONDS) as sock:
        yield sock


def exchange(address: tuple[str, int], request: bytes, *, half_close: bool = False) -> bytes:
    """Send raw request bytes; return everything received until the server closes."""
    with connection(address) as sock:
        sock.sendall(request)
        if half_close:
            sock.shutdown(socket.SHUT_WR)
        return read_to_end(sock)


def read_to_end(sock: socket.socket) -> bytes:
    """Return everything received until the server closes the connection."""
    received = bytearray()
    while chunk := sock.recv(65536):
        received += chunk
    return bytes(received)


def read_answer(sock: socket.socket) -> bytes:
    """Read one response with a Content-Length, head and body; leave the connection open."""
    received = bytearray()
    while b"\r\n\r\n" not in received:
        chunk = sock.recv(1)
        assert chunk, f"the connection ended within a head: {bytes(received)!r}"
        received += chunk
    head, _, _ = bytes(received).partition(b"\r\n\r\n")
    length = int(parse_head(head + b"\r\n\r\n")[1].get("content-length", "0"))
    body = bytearray()
    while len(body) < length:
        chunk = sock.recv(length - len(body))
        assert chunk, "the connection ended within a body"
        body += chunk
    return bytes(received + body)


def parse_head(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Split a raw response into its status, headers by lower-case name, and body."""
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(": ") for line in lines)
    headers = {name.lower(): value for name, _, value in pairs}
    return int(status_line.split(" ")[1]), headers, body


def form(
    content: bytes, filename: str = "a.png", *, name: str = "file", boundary: str = "bbb"
) -> bytes:
    """Return a multipart form body with one file."""
    return (
        (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
        ).encode("utf-8", "surrogateescape")
        + content
        + f"\r\n--{boundary}--\r\n".encode()
    )


FORM_TYPE = {"Content-Type": "multipart/form-data; boundary=bbb"}


def upload_request(body: bytes, headers: Mapping[str, str | None] | None = None) -> bytes:
    """Return a raw upload request; it has `Connection: close` unless `headers` override it."""
    given: dict[str, Any] = {
        "Host": "127.0.0.1",
        **AUTHORIZED,
        **FORM_TYPE,
        "Content-Length": len(body),
        "Connection": "close",
        **(headers or {}),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value is not None)
    return f"POST /v1/uploads/images HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body


def catches_signals(process: subprocess.Popen[str]) -> bool:
    """Return whether a process has a handler for SIGTERM."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = int(status.split("SigCgt:")[1].split()[0], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def wait_until(condition: Any, what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Wait until `condition()` is true, for at most so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.01)
