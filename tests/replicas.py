"""Several servers in processes of their own that are one fake: a folder and a Redis are theirs."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.harness import ServerProcess


class Replicas:
    """So many servers, each on a port of its own that stays the same when it is started anew."""

    def __init__(self, number: int, folder: Path, state: str, *flags: str) -> None:
        self._flags = ("--storage", f"dir:{folder}", "--state", state, "--no-access-log", *flags)
        self.servers = [ServerProcess(*self._flags) for _ in range(number)]

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    def stop(self, index: int, sig: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End one; return its exit status and its log."""
        return self.servers[index].end(sig)

    def start(self, index: int) -> None:
        """Start one again that was stopped."""
        port = str(self.servers[index].address[1])
        self.servers[index] = ServerProcess("--port", port, *self._flags)


@contextmanager
def replicas(number: int, folder: Path, state: str, *flags: str) -> Iterator[Replicas]:
    """Yield so many servers, which end with the block."""
    started = Replicas(number, folder, state, *flags)
    try:
        yield started
    finally:
        for server in started.servers:
            with server:
                pass
