"""What clients that dawdle cost others: polls beside idle connections, and beside slow ones too.

Of a thousand connections two hundred are slow: they send a head, a body or chunks byte by byte, or
do not read the file that they have asked for. Both servers run at once and are asked in turns.
"""

from __future__ import annotations

import contextlib
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.load import (
    LOADS,
    STALLED_SECONDS,
    of_apimart,
    once,
    read_response,
    request,
    upload_request,
)
from benchmarks.servers.running import RunningServer

CONNECTIONS = 1000
SLOW = 200
BYTE_SECONDS = 0.5
"""The pause of a slow client between two bytes."""
SECONDS = 1.0
"""How long one server is asked in its turn."""
TURNS = 4
TARGET = 2.0
_SIZE = 20_000_000
(_POLL,) = (load for load in LOADS if load.kind == "poll")

_UPLOAD = b"POST /v1/uploads/images HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer slow\r\n"
_FORM = b"Content-Type: multipart/form-data; boundary=b\r\n"


@dataclass(frozen=True)
class SlowClientsFigure:
    """How many times as long polls take, and as much CPU, beside slow clients, round by round."""

    latencies: tuple[float, ...]
    slowest: tuple[float, ...]
    """The 99th percentile's ratio."""
    cpu: tuple[float, ...]

    @property
    def is_met(self) -> bool:
        return max(map(statistics.median, (self.latencies, self.slowest, self.cpu))) <= TARGET

    def __str__(self) -> str:
        ratios = (f"{statistics.median(each):.2f}" for each in (self.latencies, self.slowest))
        return (
            f"polls beside {SLOW} slow clients of {CONNECTIONS}: {' and '.join(ratios)} x the "
            f"latency (median, 99th percentile), {statistics.median(self.cpu):.2f} x the CPU "
            f"(target {TARGET:g}: {'held' if self.is_met else 'MISSED'})"
        )


def measure(rounds: int) -> SlowClientsFigure:
    """Measure polls on two servers side by side, of which one has slow clients."""
    ratios = [_measure_once() for _ in range(rounds)]
    latencies, slowest, cpu = (tuple(each) for each in zip(*ratios, strict=True))
    return SlowClientsFigure(latencies, slowest, cpu)


def _measure_once() -> tuple[float, float, float]:
    with contextlib.ExitStack() as stack:
        figures = []
        for slow in (0, SLOW):
            server = stack.enter_context(RunningServer("fake memory://"))
            stack.enter_context(_crowd(server.port, CONNECTIONS - slow, slow))
            figures.append(_Asked(server))
        for turn in range(TURNS):
            for asked in reversed(figures) if turn % 2 else figures:
                asked.ask(SECONDS)
        healthy, beside = figures
        return (
            beside.quantile(0.5) / healthy.quantile(0.5),
            beside.quantile(0.99) / healthy.quantile(0.99),
            beside.cpu_of_a_request / healthy.cpu_of_a_request,
        )


class _Asked:
    """A server that is asked for a task again and again, and how long its answers took."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._request = of_apimart(_POLL, server.port, 0)
        self._seconds: list[float] = []
        self._cpu_seconds = 0.0

    def ask(self, seconds: float) -> None:
        """Poll for so long."""
        buffer = bytearray(65536)
        before, end = self._server.cpu_seconds(), time.perf_counter() + seconds
        address = ("127.0.0.1", self._server.port)
        with socket.create_connection(address, timeout=STALLED_SECONDS) as sock:
            while (began := time.perf_counter()) < end:
                sock.sendall(self._request)
                read_response(sock, buffer)
                self._seconds.append(time.perf_counter() - began)
        self._cpu_seconds += self._server.cpu_seconds() - before

    def quantile(self, share: float) -> float:
        return sorted(self._seconds)[int(len(self._seconds) * share)]

    @property
    def cpu_of_a_request(self) -> float:
        return max(self._cpu_seconds, 0.01) / len(self._seconds)


@contextlib.contextmanager
def _crowd(port: int, idle: int, slow: int) -> Iterator[None]:
    """Hold so many idle and slow connections open; the slow ones are served by one thread."""
    stopping = threading.Event()
    with contextlib.ExitStack() as stack:

        def connect(first: bytes) -> socket.socket:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            sock.sendall(first)
            return sock

        for _ in range(idle):
            read_response(connect(request(b"GET", b"/v1/balance")), bytearray(4096))
        kinds = _slow_kinds(port) if slow else []
        sockets = []
        for number in range(slow):
            first, next_byte = kinds[number % len(kinds)]
            sockets.append((connect(first), next_byte))
        thread = threading.Thread(target=_dawdle, args=(sockets, stopping))
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()


_Kind = tuple[bytes, bytes]
"""What a slow client sends at first, and what it goes on to send; nothing where it only waits."""


def _slow_kinds(port: int) -> list[_Kind]:
    path = once(upload_request(_SIZE), port).split(b"/f/image/")[1].split(b'"')[0]
    chunked = _UPLOAD + _FORM + b"Transfer-Encoding: chunked\r\n\r\n"
    return [
        (b"GET /v1/models HTTP/1.1\r\nX: ", b"x"),
        (_UPLOAD + _FORM + b"Content-Length: 900000\r\n\r\n", b"-"),
        (chunked, b"1\r\n-\r\n"),
        (request(b"GET", b"/f/image/" + path), b""),
    ]


def _dawdle(sockets: list[tuple[socket.socket, bytes]], stopping: threading.Event) -> None:
    """Have each of the sockets send a little, one after another, over and over."""
    pause = BYTE_SECONDS / max(1, len(sockets))
    while not stopping.wait(0 if sockets else BYTE_SECONDS):
        for sock, data in sockets:
            if data:
                with contextlib.suppress(OSError):
                    sock.sendall(data)
            if stopping.wait(pause):
                return
