"""What the real service looks like from outside, with our server behind it.

It has no control API, its network adds headers, and it may change what is answered.
"""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Self

_ADDED = b"server: cloud\r\ncf-ray: 8f1e-HKG\r\n"
_NOT_THERE = b"/_fake/"
_PIECE = 65536


class ServiceProxy:
    """A proxy on a port of its own for the server at `address`, for one request a connection.

    It takes `prefix` off each path, and replaces the first text of `change` by the other in bodies.
    `requests` has what came, in order.
    """

    def __init__(
        self,
        address: tuple[str, int],
        *,
        prefix: bytes = b"",
        change: tuple[bytes, bytes] | None = None,
    ) -> None:
        self.requests: list[bytes] = []
        self._address = address
        self._prefix = prefix
        self._change = change
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._address) as server:
            head, body = _read(client)
            self.requests.append(head + body)
            method, target, rest = head.split(b" ", 2)
            target = target.removeprefix(self._prefix)
            if target.startswith(_NOT_THERE):
                target = b"/v1/none"
            server.sendall(b" ".join([method, target, rest]) + body)
            answer_head, answer_body = _read(server, has_body=method != b"HEAD")
            client.sendall(self._changed(answer_head, answer_body))

    def _changed(self, head: bytes, body: bytes) -> bytes:
        lines = head.removesuffix(b"\r\n\r\n")
        if self._change is not None:
            changed = body.replace(*self._change)
            before, after = b"content-length: %d" % len(body), b"content-length: %d" % len(changed)
            lines, body = lines.replace(before, after), changed
        return lines + b"\r\n" + _ADDED + b"\r\n" + body

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closing alone does not end an `accept` that waits.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _read(sock: socket.socket, *, has_body: bool = True) -> tuple[bytes, bytes]:
    """Read a message with a Content-Length or without a body: its head, and its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(_PIECE)
        if not piece:
            return data, b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].partition(b":")[2]) if lengths and has_body else 0
    while len(body) < length:
        body += sock.recv(_PIECE)
    return head + b"\r\n\r\n", body
