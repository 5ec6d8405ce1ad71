"""The load generator: prebuilt requests over raw keep-alive sockets.

It runs in the measuring process, with blocking sockets. It only copies bytes into the kernel and
reads short responses, so it costs less CPU than any server.
"""

from __future__ import annotations

import functools
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

JPEG_HEAD = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb")
PDF_HEAD = b"%PDF-1.7\n"
BOUNDARY = b"------------------------d74496d66958873e"
"""As long as curl's boundary: parsers may search longer for a short one."""

STALLED_SECONDS = 60.0
_SHORT = 4096


@dataclass(frozen=True)
class Load:
    """Requests of one kind, sent over `connections` concurrent connections. `size` is in bytes."""

    name: str
    size: int
    connections: int
    head: bytes = JPEG_HEAD
    status: int = 200
    on_disk: bool = False
    """Whether the server stores on disk. By default in memory: disk journaling hides its costs."""

    @property
    def kind(self) -> str:
        return self.name.split()[0]


LOADS = (
    Load("upload 50 KB x 8", 50_000, 8),
    Load("upload 50 KB x 8 disk", 50_000, 8, on_disk=True),
    Load("upload 1 MB x 8", 1_000_000, 8),
    Load("upload 20 MB x 1", 20_000_000, 1),
    Load("upload 20 MB x 8", 20_000_000, 8),
    Load("refuse 1 MB PDF x 8", 1_000_000, 8, head=PDF_HEAD, status=400),
    Load("refuse 25 MB x 1", 25_000_000, 1, status=413),
    Load("get 50 KB x 8", 50_000, 8),
    Load("get 20 MB x 1", 20_000_000, 1),
    Load("create x 4", 0, 4),
    Load("poll x 4", 0, 4),
)


@dataclass(frozen=True)
class Result:
    """The number of answered requests, the elapsed time, and the CPU time of the load generator."""

    requests: int
    seconds: float
    load_cpu_seconds: float


RequestOf = Callable[[Load, int, int], bytes]
"""A function of load, port and connection number that returns the request that this connection
repeats. It first creates the file or task that the request needs."""


def request(method: bytes, path: bytes, body: bytes = b"", headers: bytes = b"") -> bytes:
    """Return a raw request with the benchmark's API key."""
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    head = b"%b %b HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer bench\r\n" % (method, path)
    return head + headers + length + b"\r\n" + body


@functools.lru_cache(maxsize=4)
def upload_request(size: int, head: bytes = JPEG_HEAD) -> bytes:
    """Return a raw upload request for a picture of `size` bytes."""
    form = (
        b'--%b\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n%b\r\n--%b--\r\n"
    ) % (BOUNDARY, content(size, head), BOUNDARY)
    form_type = b"Content-Type: multipart/form-data; boundary=%b\r\n" % BOUNDARY
    return request(b"POST", b"/v1/uploads/images", form, form_type)


def content(size: int, head: bytes = JPEG_HEAD) -> bytes:
    """Return a file of `size` bytes that begins with `head`."""
    return head + bytes(size - len(head))


CREATE = request(
    b"POST",
    b"/v1/images/generations",
    b'{"model":"gpt-image-2","prompt":"a cat [fake: seconds=3600]"}',
)
"""A request for a task that still runs when the load ends."""


def of_apimart(load: Load, port: int, connection: int) -> bytes:
    """Return the request for a server with APIMart's API."""
    if load.kind == "create":
        return CREATE
    if load.kind == "poll":
        task_id = once(CREATE, port).split(b'"task_id":"')[1].split(b'"')[0]
        return request(b"GET", b"/v1/tasks/" + task_id)
    upload = upload_request(load.size, load.head)
    if load.kind == "get":
        path = once(upload, port).split(b"/f/image/")[1].split(b'"')[0]
        return request(b"GET", b"/f/image/" + path)
    return upload


def of_s3(load: Load, port: int, connection: int) -> bytes:
    """Return a PUT of the same bytes, with a key per connection: moto fails on shared keys."""
    return request(b"PUT", b"/bench/%d.jpg" % connection, content(load.size, load.head))


def of_bare(load: Load, port: int, connection: int) -> bytes:
    """Return the request for the minimal routes of `benchmarks.servers.bare`."""
    path = (
        b"/%d" % load.size if load.kind == "get" else b"/v1/tasks/task_01M2T0YKN9ZXCWCAGMHGNZ6GJ6"
    )
    return request(b"GET", path)


def once(sent: bytes, port: int) -> bytes:
    """Send one request on a new connection; return the head and a short body of the response."""
    with connected(port) as sock:
        sock.sendall(sent)
        return read_response(sock, bytearray(65536))


def connected(port: int) -> socket.socket:
    """Return a new connection to a server of this machine."""
    return socket.create_connection(("127.0.0.1", port), timeout=STALLED_SECONDS)


def read_response(sock: socket.socket, buffer: bytearray) -> bytes:
    """Read one response; return its head and, if it is short, its body."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = sock.recv(65536)
        if not chunk:
            raise ConnectionError(f"the server closed the connection behind {received!r}")
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    left = length - len(body)
    while left:
        count = sock.recv_into(buffer, min(left, len(buffer)))
        if not count:
            raise ConnectionError("the server closed the connection within a body")
        if length <= _SHORT:
            received += buffer[:count]
        left -= count
    return received


def run(
    load: Load,
    port: int,
    seconds: float,
    request_of: RequestOf = of_apimart,
    *,
    reconnects: bool = False,
) -> Result:
    """Send requests for `seconds`; each connection sends one request after another.

    With `reconnects`, each request uses a new connection.
    """
    requests = [request_of(load, port, number) for number in range(load.connections)]
    counts = [0] * load.connections
    deadline = time.perf_counter() + seconds

    def send(number: int) -> None:
        while time.perf_counter() < deadline:
            end = 0.0 if reconnects else deadline
            counts[number] += _send_until(end, requests[number], load.status, port)

    started, cpu = time.perf_counter(), time.process_time()
    in_threads(load.connections, send)
    return Result(sum(counts), time.perf_counter() - started, time.process_time() - cpu)


def _send_until(deadline: float, sent: bytes, status: int, port: int) -> int:
    count, buffer = 0, bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port), timeout=STALLED_SECONDS) as sock:
        while True:
            sock.sendall(sent)
            response = read_response(sock, buffer)
            # The sink accepts everything and always answers {}.
            assert response.startswith(b"HTTP/1.1 %d" % status) or b"{}" in response, response[:300]
            count += 1
            if time.perf_counter() >= deadline:
                return count


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run `work` for each number below `count` concurrently; wait for all of them."""
    with ThreadPoolExecutor(count) as threads:
        for ended in [threads.submit(work, number) for number in range(count)]:
            ended.result()
