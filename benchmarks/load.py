"""What is asked of the servers: prebuilt requests over raw keep-alive sockets.

The load runs in the measuring process, with blocking sockets: it copies bytes into the kernel and
reads short answers, so that it costs less than any server.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

JPEG_HEAD = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb")
_SHORT = 4096

PDF_HEAD = b"%PDF-1.7\n"


@dataclass(frozen=True)
class Load:
    """Requests of one kind, sent over `connections` at once."""

    name: str
    size: int
    connections: int
    head: bytes = JPEG_HEAD
    status: int = 200

    @property
    def kind(self) -> str:
        return self.name.split()[0]


LOADS = (
    Load("upload 50 KB x 8", 50_000, 8),
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
    """How many requests were answered, in which time, at which cost to the load itself."""

    requests: int
    seconds: float
    load_cpu_seconds: float


def upload_request(size: int, head: bytes = JPEG_HEAD) -> bytes:
    """A whole upload of a picture of `size` bytes."""
    body = (
        b'--bench\r\nContent-Disposition: form-data; name="file"; filename="photo.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + head + bytes(size - len(head)) + b"\r\n--bench--\r\n"
    )
    return (
        b"POST /v1/uploads/images HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer bench\r\n"
        b"Content-Type: multipart/form-data; boundary=bench\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    ) + body


def answer(sock: socket.socket, buffer: bytearray) -> bytes:
    """Read one answer; gives back its head and, of a short one, the body."""
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
        if length <= _SHORT:
            received += buffer[:count]
        left -= count
    return received


CREATE = b'{"model":"gpt-image-2","prompt":"a cat [fake: seconds=3600]"}'


def create_request() -> bytes:
    """A task that is still running when the load ends."""
    return (
        b"POST /v1/images/generations HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Authorization: Bearer bench\r\nContent-Length: %d\r\n\r\n" % len(CREATE)
    ) + CREATE


def request_of(load: Load, port: int) -> bytes:
    """The bytes to send again and again; what they ask for is made first."""
    if load.kind == "create":
        return create_request()
    if load.kind == "poll":
        task_id = _once(create_request(), port).split(b'"task_id":"')[1].split(b'"')[0]
        return _get(b"/v1/tasks/" + task_id)
    upload = upload_request(load.size, load.head)
    if load.kind == "get":
        path = _once(upload, port).split(b"/f/image/")[1].split(b'"')[0]
        return _get(b"/f/image/" + path)
    return upload


def _get(path: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer bench\r\n\r\n" % path


def _once(request: bytes, port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(request)
        return answer(sock, bytearray(65536))


def run(load: Load, port: int, seconds: float) -> Result:
    """Send the load's requests for `seconds`, each connection one after the other."""
    request = request_of(load, port)
    counts = [0] * load.connections
    deadline = time.perf_counter() + seconds

    def send(number: int) -> None:
        counts[number] = _send_until(deadline, request, load.status, port)

    started, cpu = time.perf_counter(), time.process_time()
    _in_threads(load.connections, send)
    return Result(sum(counts), time.perf_counter() - started, time.process_time() - cpu)


def _send_until(deadline: float, request: bytes, status: int, port: int) -> int:
    count, buffer = 0, bytearray(1 << 20)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        while time.perf_counter() < deadline:
            sock.sendall(request)
            said = answer(sock, buffer)
            # The sink takes everything, in few words.
            assert said.startswith(b"HTTP/1.1 %d" % status) or b"{}" in said, said[:300]
            count += 1
    return count


def _in_threads(count: int, work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
