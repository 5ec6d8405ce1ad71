"""A proxy on the wire that changes answers, as a server would that is wrong in one thing."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

_PIECE = 262144
_IDLE_SECONDS = 30.0
_END_OF_HEAD = b"\r\n\r\n"
_WITHOUT_BODY = (204, 304)


class Asked(NamedTuple):
    """What an answer is the answer to."""

    method: str
    path: str
    """With the query."""


@dataclass
class Reply:
    """An answer, to be changed in place."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes
    method: str = "GET"
    """That of the request."""
    version: str = "HTTP/1.1"
    interim: bytes = b""
    """Answers of the 100s before it."""
    behind: bytes = b""
    """What follows it."""
    is_length_kept: bool = False
    """Whether Content-Length stays whatever becomes of the body."""
    is_chunked: bool = False
    line_end: str = "\r\n"
    """What lines of the head end in."""
    closes: bool = False
    """Whether the connection ends behind it, whatever the server does."""
    stays: bool = False
    """Whether the connection stays open behind it, whatever the server does."""

    @property
    def is_head_only(self) -> bool:
        """Whether no body follows; a length that it states is that of another answer."""
        return self.method == "HEAD" or self.status in _WITHOUT_BODY

    def header(self, name: str) -> str | None:
        """Return the first value of a header, None for none."""
        return next((value for each, value in self.headers if each.lower() == name.lower()), None)

    def set(self, name: str, value: str) -> None:
        """Give a header this value; it is added where it is not there."""
        if self.header(name) is None:
            self.headers.append((name, value))
        self.headers = [
            (each, value if each.lower() == name.lower() else old) for each, old in self.headers
        ]

    def drop(self, name: str) -> None:
        """Take a header away."""
        self.headers = [each for each in self.headers if each[0].lower() != name.lower()]

    def written(self) -> bytes:
        """Return its bytes."""
        body = b"" if self.is_head_only else self.body
        if self.is_chunked:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = chunk + b"0\r\n\r\n"
        elif self.header("content-length") and not (self.is_head_only or self.is_length_kept):
            self.set("content-length", str(len(body)))
        lines = [f"{self.version} {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        head = self.line_end.join([*lines, "", ""]).encode("latin-1")
        return self.interim + head + body + self.behind


Change = Callable[[Asked, Reply], bool]
"""Changes an answer; returns whether it did, which not every answer allows."""


def unchanged(asked: Asked, reply: Reply) -> bool:
    """Leave an answer as it is, but write it anew."""
    del asked, reply
    return False


class MutatingProxy:
    """A proxy for the server at `address`, for connections of one request each.

    Requests go through byte by byte. `change` gets each answer, but for those of `/_fake/`, and
    those that do not come whole; `changed` counts how many it has changed.
    """

    def __init__(self, address: tuple[str, int], change: Change = unchanged) -> None:
        self.changed = 0
        self._address = address
        self._change = change
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.add(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            client,
            socket.create_connection(self._address) as server,
        ):
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _Exchange(client, server, self._changed).run()
            _end(client)
        self._threads.discard(threading.current_thread())

    def _changed(self, asked: Asked, reply: Reply) -> None:
        if asked.path.startswith("/_fake/"):
            return
        # Changes may remember earlier answers.
        with self._lock:
            self.changed += self._change(asked, reply)

    def __enter__(self) -> Self:
        self._acceptor.start()
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
        self._acceptor.join()
        for thread in list(self._threads):
            thread.join(_IDLE_SECONDS)


class _Exchange:
    """A connection: what the client sends goes on at once, an answer once it is whole."""

    def __init__(
        self,
        client: socket.socket,
        server: socket.socket,
        change: Callable[[Asked, Reply], None],
    ) -> None:
        self._client = client
        self._server = server
        self._change = change
        self._sent = b""
        """What the request begins with."""
        self._received = b""
        self._is_answered = False

    def run(self) -> None:
        sources = [self._client, self._server]
        while self._server in sources:
            ready, _, _ = select.select(sources, [], [], _IDLE_SECONDS)
            if not ready:
                return
            if self._server in ready:
                if not self._from_server():
                    return
            elif not self._from_client():
                sources.remove(self._client)

    def _from_client(self) -> bool:
        """Pass something on; return whether more may come."""
        data = self._client.recv(_PIECE)
        if b"\n" not in self._sent:
            self._sent += data
        # A server that answers early may read no more.
        with contextlib.suppress(OSError):
            if data:
                self._server.sendall(data)
            else:
                self._server.shutdown(socket.SHUT_WR)
        return bool(data)

    def _from_server(self) -> bool:
        """Take something in, and pass on what is whole; return whether more may come."""
        data = self._server.recv(_PIECE)
        if self._is_answered:
            self._client.sendall(data)
            return bool(data)
        self._received += data
        asked = _asked(self._sent)
        reply = _read(self._received, asked.method, is_at_end=not data)
        if reply is None:
            if not data:
                self._client.sendall(self._received)
            return bool(data)
        self._is_answered = True
        self._change(asked, reply)
        self._client.sendall(reply.written())
        if reply.stays:
            self._client.settimeout(_IDLE_SECONDS)
            self._client.recv(1)
        return bool(data) and not (reply.closes or reply.stays)


def _end(sock: socket.socket) -> None:
    """End a connection so that the other side can read what was sent, whatever it still sends."""
    sock.shutdown(socket.SHUT_WR)
    sock.settimeout(_IDLE_SECONDS)
    while sock.recv(_PIECE):
        pass


def _asked(request: bytes) -> Asked:
    words = request.lstrip(b"\r\n").split(b"\n")[0].decode("latin-1").split(" ")
    return Asked(words[0], words[1] if len(words) > 1 else "")


def _read(data: bytes, method: str, *, is_at_end: bool) -> Reply | None:
    """Return the answer that `data` is, None where it is not whole."""
    interim, rest = b"", data
    while rest.startswith(b"HTTP/1.1 1") and _END_OF_HEAD in rest:
        end = rest.index(_END_OF_HEAD) + len(_END_OF_HEAD)
        interim, rest = interim + rest[:end], rest[end:]
    head, found, body = rest.partition(_END_OF_HEAD)
    if not found:
        return None
    status_line, *lines = head.decode("latin-1").split("\r\n")
    version, status, reason = status_line.split(" ", 2)
    pairs = [line.partition(": ") for line in lines]
    headers = [(name, value) for name, _, value in pairs]
    reply = Reply(int(status), reason, headers, b"", method, version, interim)
    length = 0 if reply.is_head_only else reply.header("content-length")
    if length is None:
        reply.body = body
        return reply if is_at_end else None
    # What follows an answer that it should not is passed on.
    reply.body, reply.behind = body[: int(length)], body[int(length) :]
    return reply if len(body) >= int(length) else None
