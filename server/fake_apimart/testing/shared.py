"""A server that many processes share, and that is started by the first who connects to it."""

from __future__ import annotations

import os
import select
import socket
import sys
import threading

from fake_apimart.testing.server import Server

BACKLOG = 1024


class SharedServer:
    """Listens at `url` from now on; a child takes over the socket once somebody connects."""

    def __init__(self) -> None:
        self._server = Server()
        if os.name == "nt":
            # Sockets cannot be handed to a child there in the same way.
            self.url = self._server.start().url
            return
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        host, port = self._listener.getsockname()
        self.url = f"http://{host}:{port}"
        self._waker, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._wait_for_client, name="fake-apimart")
        self._thread.daemon = True
        self._thread.start()

    def _wait_for_client(self) -> None:
        readable, _, _ = select.select([self._listener, self._woken], [], [])
        with self._listener:
            if self._woken not in readable:
                self._server.start_on(self._listener)

    def close(self) -> None:
        """Nobody will connect any more."""
        if os.name != "nt":
            self._waker.close()
            self._thread.join()
            self._woken.close()
        log = self._server.stop()
        if log:
            sys.stderr.write(f"fake-apimart: {log}\n")
