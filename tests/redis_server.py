"""A real Redis, or Valkey, for the tests: started on a free port, and ended with them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Self

import pytest

from tests.harness import DEADLINE_SECONDS

PROGRAMS = ("redis-server", "valkey-server")


class RedisServer:
    """A server in a process of its own, which keeps nothing on disk."""

    def __init__(self) -> None:
        self._program = _program()
        with closing(socket.create_server(("127.0.0.1", 0))) as found:
            self._port = found.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def start(self) -> None:
        """Start it, on the same port each time, and wait until it answers."""
        flags = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--databases", "1"]
        self._process = subprocess.Popen([self._program, *flags], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, f"{self._program} does not start"
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(100).startswith(b"+PONG")
        except OSError:
            return False

    def stop(self) -> None:
        """End it as a power cut would: all that it knew is gone."""
        self._process.kill()
        self._process.wait()

    def hang(self) -> None:
        """Let it take connections and answer nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _program() -> str:
    for name in PROGRAMS:
        path = shutil.which(name)
        if path is not None:
            return path
    missing = "there is no redis-server: apt-get install redis-server"
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    pytest.skip(missing)


@contextmanager
def running() -> Iterator[RedisServer]:
    """Yield a server. Skips the test where none is installed, which never happens in CI."""
    with RedisServer() as server:
        yield server
