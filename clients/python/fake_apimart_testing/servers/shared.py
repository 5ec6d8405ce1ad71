"""A server that many processes share, started lazily by the first connection."""

from __future__ import annotations

import os
import select
import socket
import sys
import threading

from fake_apimart_testing.servers.server import Server

BACKLOG = 1024
"""How many connections may wait while the child starts."""


class SharedServer:
    """Listens at `url`; a child process takes over the socket once a client connects."""

    def __init__(self) -> None:
        self._server = Server()
        if os.name == "nt":
            # On Windows a child process cannot inherit the socket: start it right away.
            self.url = self._server.start().url
            return
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        host, port = self._listener.getsockname()
        self.url = f"http://{host}:{port}"
        self._wake_sender, self._wake_receiver = socket.socketpair()
        self._thread = threading.Thread(target=self._wait_for_client, name="fake-apimart")
        self._thread.daemon = True
        self._thread.start()

    def _wait_for_client(self) -> None:
        readable, _, _ = select.select([self._listener, self._wake_receiver], [], [])
        with self._listener:
            if self._wake_receiver not in readable:
                self._server.start_on(self._listener)

    def close(self) -> None:
        """Stop listening, and stop the child if it was started."""
        if os.name != "nt":
            self._wake_sender.close()
            self._thread.join()
            self._wake_receiver.close()
        log = self._server.stop()
        if log:
            sys.stderr.write(f"fake-apimart: {log}\n")
