"""Few file descriptors: connections are bounded, files still open, and nothing breaks for good."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_apimart.observability.seldom import SeldomLine

from tests.harness import (
    PNG,
    ServerProcess,
    connection,
    form,
    parse_head,
    read_answer,
    upload_request,
    wait_until,
)

pytestmark = pytest.mark.subprocess

MOST_FILES = 128
POLL = b"GET /v1/models HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\n\r\n"
CONTROL = b"GET /_fake/world HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer k\r\n\r\n"
UPLOAD = upload_request(form(PNG), {"Connection": None})


@contextlib.contextmanager
def crowd(address: tuple[str, int], size: int) -> Iterator[list[socket.socket]]:
    """Open many connections that send nothing, of which the server may close some."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connection(address)) for _ in range(size)]


def status_on(sock: socket.socket, request: bytes) -> int:
    sock.sendall(request)
    return parse_head(read_answer(sock))[0]


def is_served(address: tuple[str, int]) -> bool:
    with connection(address) as sock, contextlib.suppress(ConnectionError, AssertionError):
        return status_on(sock, POLL) == 200
    return False


@pytest.mark.parametrize("storage", ["memory://", "dir:{}"])
def test_existing_connections_work_on_in_a_crowd(storage: str, tmp_path: Path) -> None:
    flags = ("--storage", storage.format(tmp_path))
    with ServerProcess(*flags, most_files=MOST_FILES) as server, contextlib.ExitStack() as stack:
        # Connections in use, which have not loaded anything yet.
        first = [stack.enter_context(connection(server.address)) for _ in range(20)]
        assert [status_on(sock, POLL) for sock in first] == [200] * 20
        with crowd(server.address, 400):
            assert [status_on(sock, UPLOAD) for sock in first] == [200] * 20
            assert [status_on(sock, CONTROL) for sock in first] == [200] * 20
            assert not is_served(server.address)
        wait_until(lambda: is_served(server.address), "a connection is accepted again")
        status, log = server.end()
    assert status == 0
    assert "Traceback" not in log
    lines = [line for line in log.splitlines() if " WARNING " in line]
    assert len(lines) == 1, "one line a minute"
    assert "refused 1 connection(s)" in lines[0]


def test_uploads_on_all_connections_at_once_find_a_descriptor_each(tmp_path: Path) -> None:
    with (
        ServerProcess("--storage", f"dir:{tmp_path}", most_files=MOST_FILES) as server,
        contextlib.ExitStack() as stack,
    ):
        sockets = [stack.enter_context(connection(server.address)) for _ in range(32)]
        large = upload_request(form(PNG + bytes(600_000)), {"Connection": None})
        for sock in sockets:
            sock.sendall(large[:500_000])
        for sock in sockets:
            sock.sendall(large[500_000:])
        assert [parse_head(read_answer(sock))[0] for sock in sockets] == [200] * 32


def test_limit_is_raised_as_far_as_the_process_may(tmp_path: Path) -> None:
    with ServerProcess("--storage", "memory://", most_files=None) as server:
        limits = Path(f"/proc/{server.process.pid}/limits")
        if not limits.exists():
            pytest.skip("this system has no /proc")
        match = re.search(r"Max open files +(\d+) +(\d+)", limits.read_text())
    assert match
    assert int(match[1]) == min(int(match[2]), 65_536)


def test_seldom_line_says_how_often_it_happened(caplog: pytest.LogCaptureFixture) -> None:
    import logging

    line = SeldomLine(logging.getLogger("seldom"), "%d times", 60)
    for now in (0, 1, 59, 61, 71):
        line.note(now)
    assert [record.getMessage() for record in caplog.records] == ["1 times", "3 times"]
