"""Memory at rest, and how far it rises when many large uploads arrive at once."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import dataclass

from benchmarks.load import Load, answer, run, upload_request
from benchmarks.servers import RunningServer

UPLOADS = 64
SIZE = 20_000_000
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class MemoryFigure:
    """Megabytes: after the first upload, and at the highest point above that."""

    at_rest: float
    rise: float


def measure() -> MemoryFigure:
    """The server on `dir:`, under UPLOADS concurrent uploads of SIZE bytes."""
    with RunningServer("fake dir:") as server:
        at_rest = server.memory("VmRSS")
        # What the first uploads load once, libmagic above all, is no rise.
        run(Load("warm up", 500_000, 2), server.port, 0.3)
        warm = server.memory("VmRSS")
        request = upload_request(SIZE)
        threads = [
            threading.Thread(target=_upload, args=(server.port, request)) for _ in range(UPLOADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return MemoryFigure(at_rest / _MEGABYTE, (server.memory("VmHWM") - warm) / _MEGABYTE)


def _upload(port: int, request: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(request)
        said = json.loads(answer(sock, bytearray(65536)).partition(b"\r\n\r\n")[2])
    assert said["bytes"] == SIZE, said
