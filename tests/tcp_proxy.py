"""A TCP proxy that simulates networks: it can hang, be slow, or reset connections."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import Self
from urllib.parse import urlsplit

_RESET = struct.pack("ii", 1, 0)
_READ_BYTES = 65_536


class _Line:
    """What carries so many bytes in a second, of all connections in turn."""

    def __init__(self, bytes_per_second: float) -> None:
        self._bytes_per_second = bytes_per_second
        self.read_bytes = min(_READ_BYTES, int(bytes_per_second / 50) or _READ_BYTES)
        self._lock = threading.Lock()

    def carry(self, size: int) -> None:
        if self._bytes_per_second:
            with self._lock:
                time.sleep(size / self._bytes_per_second)


class TCPProxy:
    """A proxy to `endpoint`; `hang`, `reset` and `pass_on` change how it behaves from then on.

    With `bytes_per_second` all connections together send no more than that to either end. It counts
    the bytes that came from the store.
    """

    def __init__(self, endpoint: str, bytes_per_second: float = 0) -> None:
        self._line = {up: _Line(bytes_per_second) for up in (True, False)}
        self.bytes_down = 0
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
            while data := source.recv(self._line[upwards].read_bytes):
                self._flowing.wait()
                self._line[upwards].carry(len(data))
                self.bytes_down += 0 if upwards else len(data)
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
