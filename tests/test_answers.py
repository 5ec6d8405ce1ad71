"""How responses are sent: head and body in one write, in request order, with backpressure."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.harness import (
    AUTHORIZED,
    JPEG,
    ServerThread,
    connection,
    parse_head,
    read_answer,
    read_to_end,
    wait_until,
)

POLL = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n\r\n"
FILE_BYTES = 50_000


@pytest.fixture
def path(server: ServerThread) -> bytes:
    """Upload a file of FILE_BYTES and return its path."""
    answered = httpx.post(
        f"{server.url}/v1/uploads/images",
        headers=AUTHORIZED,
        files={"file": ("a.jpg", JPEG.ljust(FILE_BYTES, b"\0"))},
    )
    return httpx.URL(answered.json()["url"]).raw_path


def test_head_and_body_come_together(server: ServerThread) -> None:
    with connection(server.address) as sock:
        for _ in range(20):
            sock.sendall(POLL)
            _, headers, body = parse_head(sock.recv(65536))
            assert len(body) == int(headers["content-length"]) > 0


def test_pipelined_requests_are_answered_in_their_order(path: bytes, server: ServerThread) -> None:
    file = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path
    with connection(server.address) as sock:
        sock.sendall((POLL + file + POLL) * 20)
        sizes = [len(parse_head(read_answer(sock))[2]) for _ in range(60)]
    poll = sizes[0]
    assert sizes == [poll, FILE_BYTES, poll] * 20


def files_answered(server: ServerThread) -> int:
    query = {"operation": "files.get"}
    answer = httpx.get(f"{server.url}/_fake/requests", params=query, headers=AUTHORIZED)
    return len(answer.json()["requests"])


def test_client_that_does_not_read_is_waited_for(path: bytes, server: ServerThread) -> None:
    count = 400
    with connection(server.address) as sock:
        sock.sendall((b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path) * count)
        wait_until(lambda: files_answered(server) > 1, "an answer was begun")
        before = -1
        while (answered := files_answered(server)) > before:
            before = answered
            time.sleep(0.2)
        assert answered < count // 2
        for _ in range(count):
            assert len(parse_head(read_answer(sock))[2]) == FILE_BYTES


CLOSING = [
    b"GET /v1/models HTTP/1.0\r\nAuthorization: Bearer k\r\n\r\n",
    POLL.replace(b"Host: x", b"Host: x\r\nConnection: close"),
]


@pytest.mark.parametrize("request_bytes", CLOSING, ids=["HTTP/1.0", "close"])
def test_connection_ends_where_the_client_wishes(
    request_bytes: bytes, server: ServerThread
) -> None:
    with connection(server.address) as sock:
        sock.sendall(request_bytes)
        status, headers, body = parse_head(read_to_end(sock))
    assert status == 200
    assert len(body) == int(headers["content-length"])
