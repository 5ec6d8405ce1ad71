"""A TCP proxy that simulates network failures: it can hang, or reset connections."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Self
from urllib.parse import urlsplit

_RESET = struct.pack("ii", 1, 0)
_READ_BYTES = 65_536


class TCPProxy:
    """A proxy to `endpoint`; `hang`, `reset` and `pass_on` change how it behaves from then on."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._flowing = threading.Event()
        self._flowing.set()
        self._resets_after: int | None = None
        self._ended = False
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._flowing.set()
        for each in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def hang(self) -> None:
        """Stop forwarding in both directions, but keep all connections open."""
        self._flowing.clear()

    def reset(self, after: int = 0) -> None:
        """Reset each connection on which the client has sent more than `after` bytes."""
        self._resets_after = after

    @property
    def has_clients(self) -> bool:
        """Whether anybody has connected."""
        return bool(self._sockets)

    def pass_on(self) -> None:
        """Forward normally again."""
        self._resets_after = None
        self._flowing.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                store = socket.create_connection(self._target)
                self._sockets += [client, store]
                for pair in ((client, store, True), (store, client, False)):
                    threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, upwards: bool) -> None:
        forwarded = 0
        with contextlib.suppress(OSError):
            while data := source.recv(_READ_BYTES):
                self._flowing.wait()
                if self._ended:
                    return
                forwarded += len(data)
                if upwards and self._resets_after is not None and forwarded > self._resets_after:
                    source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    source.close()
                    break
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
