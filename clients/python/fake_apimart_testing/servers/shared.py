"""One server for all processes of a test run: the first that asks for its URL starts it."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import sys
import threading

from fake_apimart_testing.control import ControlError
from fake_apimart_testing.servers.child import ChildServer
from fake_apimart_testing.untouched import http_client

BACKLOG = 1024
"""How many processes may wait while the server starts."""


class SharedServer:
    """Tells whoever connects to `address` the URL of a server that it starts for the first."""

    def __init__(self) -> None:
        self._server = ChildServer()
        self._answer = b""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self.address = "{}:{}".format(*self._listener.getsockname())
        self._wake_sender, self._wake_receiver = socket.socketpair()
        self._thread = threading.Thread(target=self._tell_all, name="fake-apimart", daemon=True)
        self._thread.start()

    def _tell_all(self) -> None:
        waiting = (self._listener, self._wake_receiver)
        while self._wake_receiver not in select.select(waiting, [], [])[0]:
            asking, _ = self._listener.accept()
            # Who asked may have ended meanwhile.
            with asking, contextlib.suppress(OSError):
                asking.sendall(self._told())

    def _told(self) -> bytes:
        """Return the URL, or why there is none: the first failure stands for the whole run."""
        if not self._answer:
            try:
                told = {"url": self._server.start().url}
            except ControlError as error:
                told = {"error": str(error)}
            self._answer = json.dumps(told).encode()
        return self._answer

    def close(self) -> None:
        """Stop telling, and stop the server if it was started."""
        self._wake_sender.close()
        self._server.abandon_start()
        self._thread.join()
        self._wake_receiver.close()
        self._listener.close()
        log = self._server.stop()
        if log:
            sys.stderr.write(f"fake-apimart: {log}\n")


def asked_url(address: str) -> str:
    """Return the URL of the server that is shared at `address`. Raises ControlError."""
    host, _, port = address.rpartition(":")
    try:
        with http_client().socket.create_connection((host, int(port))) as asking:
            told = json.loads(b"".join(iter(lambda: asking.recv(65_536), b"")))
    except (OSError, ValueError) as error:
        raise ControlError(f"the test run that shares its server has ended: {error}") from error
    if "error" in told:
        raise ControlError(told["error"])
    return str(told["url"])
