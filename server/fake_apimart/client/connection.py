"""Sends bytes, as they are, and reads the answer strictly."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import h11

from fake_apimart.client.answer import Answer

IDLE_SECONDS = 0.2
"""A connection that is not closed for so long after its answer is open."""
_ARRIVAL_SECONDS = 0.5
"""After so long a busy server has accepted a connection too; one that stops resets all others."""
_PIECE = 256 * 1024
_MAX_BYTES = 64 * 1024 * 1024
"""No answer of the API is near so long; the largest file has 20 MiB."""
_MAX_SECONDS = 300.0
"""No answer takes so long, however slowly it drips."""
_INTERIM = b"HTTP/1.1 1"
_END_OF_HEAD = b"\r\n\r\n"


class NoAnswer(Exception):
    """There was no answer that can be read; the text says why."""


class CutAnswer(NoAnswer):
    """The connection ended within the answer."""

    def __init__(self) -> None:
        super().__init__("the connection ended within the answer")


class Place(NamedTuple):
    """Where a server is reached."""

    scheme: str
    host: str
    port: int
    authority: str
    """What `Host` says."""
    prefix: str
    """What stands before every path."""

    @classmethod
    def of(cls, url: str) -> Place:
        """Read a base URL. Raises ValueError."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("expected http://HOST or https://HOST")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("expected neither a user, nor a query, nor a fragment")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, parts.hostname, port, parts.netloc, parts.path.rstrip("/"))

    @property
    def base(self) -> str:
        """The URL that paths are put behind."""
        return f"{self.scheme}://{self.authority}{self.prefix}"


@contextlib.contextmanager
def _connected(place: Place, seconds: float) -> Iterator[socket.socket]:
    try:
        plain = socket.create_connection((place.host, place.port), seconds)
    except (OSError, UnicodeError) as error:
        # Names of hosts may come from answers, and need not be such as can be looked up.
        raise NoAnswer(f"cannot connect to {place.host}:{place.port}: {error}") from error
    with plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if place.scheme == "http":
            yield plain
            return
        try:
            secured = ssl.create_default_context().wrap_socket(plain, server_hostname=place.host)
        except OSError as error:
            raise NoAnswer(f"no TLS with {place.host}: {error}") from error
        with secured:
            yield secured


def ask(
    place: Place,
    request: bytes,
    seconds: float,
    *,
    pause_before_end: float = 0,
    half_close: bool = False,
    linger: bool = False,
    read_after: float = 0,
    once_sent: Callable[[], None] | None = None,
) -> Answer | None:
    """Send a request and return its answer, or None where the connection ends without one.

    Before the last byte of the request, `pause_before_end` seconds pass. Each read may take
    `seconds`; the first is put off by `read_after` more. Where `linger`, it is looked whether the
    connection stays open. Raises NoAnswer.
    """
    with _connected(place, seconds) as sock:
        # An early answer may come, and the connection end, before all is sent.
        with contextlib.suppress(OSError):
            _send(sock, request, pause_before_end)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
        if once_sent is not None:
            time.sleep(_ARRIVAL_SECONDS)
            once_sent()
        time.sleep(read_after)
        method = request.split(b" ", 1)[0] or b"GET"
        try:
            return _receive(sock, method, linger=linger)
        except TimeoutError:
            raise NoAnswer(f"nothing came for {seconds:g} s") from None
        except (OSError, h11.RemoteProtocolError) as error:
            raise NoAnswer(str(error)) from error


def _send(sock: socket.socket, request: bytes, pause_before_end: float) -> None:
    held = 1 if pause_before_end else 0
    for first in range(0, len(request) - held, _PIECE):
        sock.sendall(request[first : min(first + _PIECE, len(request) - held)])
    if held:
        time.sleep(pause_before_end)
        sock.sendall(request[-held:])


def _receive(sock: socket.socket, method: bytes, *, linger: bool) -> Answer | None:
    client = h11.Connection(h11.CLIENT)
    # What was really sent may be malformed; of it, only HEAD and CONNECT change how to read on.
    known = method if method in (b"HEAD", b"CONNECT") else b"POST"
    client.send(h11.Request(method=known, target="/", headers=[("Host", "-")]))
    client.send(h11.EndOfMessage())
    received, count, end = b"", 0, time.monotonic() + _MAX_SECONDS
    head: h11.Response | None = None
    body: list[bytes] = []
    while True:
        event = _next_event(client)
        if event is h11.NEED_DATA:
            data = sock.recv(_PIECE)
            if not data and not received:
                return None
            count += len(data)
            _check_bounds(count, len(received), end)
            if head is None:
                received += data
            client.receive_data(data)
        elif isinstance(event, h11.Response):
            head = event
            _check_head(received)
        elif isinstance(event, h11.Data):
            body.append(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            break
        elif not isinstance(event, h11.InformationalResponse):
            raise CutAnswer
    assert head is not None
    if client.trailing_data[0]:
        raise NoAnswer(f"more came behind the answer: {client.trailing_data[0][:80]!r}")
    # What headers say of the end is one thing, the end itself another.
    is_open = not _ends(sock) if linger else client.their_state is h11.DONE
    return Answer(
        head.status_code,
        head.reason.decode("latin-1"),
        [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in head.headers],
        b"".join(body),
        is_open,
        f"HTTP/{head.http_version.decode()}",
    )


def _check_bounds(count: int, before_head: int, end: float) -> None:
    """Raise NoAnswer where an answer has no end in sight: its bytes, those before it, its time."""
    if count > _MAX_BYTES or before_head > _PIECE * 4:
        raise NoAnswer(f"the answer does not end within {count} bytes")
    if time.monotonic() > end:
        raise NoAnswer(f"the answer does not end within {_MAX_SECONDS:g} s")


def _check_head(received: bytes) -> None:
    """Raise NoAnswer for a head that h11 reads, but that no right server writes."""
    while received.startswith(_INTERIM):
        received = received.partition(_END_OF_HEAD)[2]
    head, _, _ = received.partition(_END_OF_HEAD)
    lines = head.split(b"\r\n")
    if any(b"\n" in line for line in lines):
        raise NoAnswer("a line of the head ends in LF alone")
    if any(line.startswith((b" ", b"\t")) for line in lines):
        raise NoAnswer("a line of the head is folded")
    if sum(line.lower().startswith(b"content-length:") for line in lines) > 1:
        raise NoAnswer("Content-Length stands twice")


def _next_event(client: h11.Connection) -> object:
    """Return what comes next in what has been received. Raises CutAnswer at an end within it."""
    try:
        return client.next_event()
    except h11.RemoteProtocolError:
        if client.trailing_data[1]:
            raise CutAnswer from None
        raise


def _ends(sock: socket.socket) -> bool:
    """Return whether the connection ends soon, without a further byte. Raises NoAnswer for one."""
    sock.settimeout(IDLE_SECONDS)
    try:
        more = sock.recv(_PIECE)
    except TimeoutError:
        return False
    except OSError:
        return True
    if more:
        raise NoAnswer(f"more came behind the answer: {more[:80]!r}")
    return True
