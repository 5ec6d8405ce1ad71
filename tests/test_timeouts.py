"""Clients that take too long lose their connection; those that the server keeps waiting do not."""

from __future__ import annotations

import contextlib
import gzip
import json
import select
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from fake_apimart.http.timeouts import Watch, limits_of
from fake_apimart.settings.settings import Settings

from tests.harness import (
    AUTHORIZED,
    KEY,
    PNG,
    ServerThread,
    connection,
    form,
    parse_head,
    read_answer,
    read_to_end,
    upload_request,
)

HEAD_SECONDS = 0.3
PAUSE_SECONDS = 0.3
KEEP_ALIVE_SECONDS = 0.5
LATE_SECONDS = 0.6
"""How much later than its limit a connection may end on a busy machine."""
HOLD_SECONDS = 1.0
"""Longer than any limit."""

POLL = f"GET /v1/models HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode()
LARGE = form(PNG + bytes(3_000_000))
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
KEEP: dict[str, str | None] = {"Connection": None}


def upload(body: bytes, **headers: str | None) -> bytes:
    return upload_request(body, {**KEEP, **{k.replace("_", "-"): v for k, v in headers.items()}})


CHUNKED = upload(b"", Content_Length=None, Transfer_Encoding="chunked")
GZIP = gzip.compress(form(PNG + bytes(range(256)) * 40))

HEADS = {
    "nothing": b"",
    "half a request line": b"GET /v1/mod",
    "half a head": POLL[:40],
    "all of a head but its last byte": POLL[:-1],
}
BODIES = {
    "nothing of a body": upload(form(PNG))[: -len(form(PNG))],
    "half a body": upload(form(PNG))[:-20],
    "half a large body": upload(LARGE)[:1_000_000],
    "a part of a large body": upload(LARGE)[:300],
    "a chunk": CHUNKED + b"5\r\n--bbb\r\n",
    "half a chunk": CHUNKED + b"50\r\n--bbb",
    "half a chunk's size": CHUNKED + b"5",
    "half a trailer": CHUNKED + b"0\r\nX-A: b",
    "half a body in gzip": upload(GZIP, Content_Encoding="gzip")[:-20],
    "half a create": upload(b'{"model":', Content_Length="99").replace(
        b"uploads/images", b"images/generations"
    ),
    "half a control call": b"POST /_fake/clock HTTP/1.1\r\nHost: h\r\n"
    b"Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{",
}


@pytest.fixture(scope="module")
def hasty_server() -> Iterator[ServerThread]:
    settings = Settings(
        port=0,
        storage="memory://",
        head_seconds=HEAD_SECONDS,
        keep_alive_seconds=KEEP_ALIVE_SECONDS,
        body_pause_seconds=PAUSE_SECONDS,
        download_pause_seconds=PAUSE_SECONDS,
    )
    with ServerThread(settings) as server:
        yield server


def add_rule(server: ServerThread, key: str, **rule: object) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    httpx.post(f"{server.url}/_fake/faults", json=rule, headers=headers).raise_for_status()


def upload_large(server: ServerThread, key: str) -> bytes:
    """Upload a file of 15 MB under a key, and return the request for it."""
    headers = {"Authorization": f"Bearer {key}"}
    files = {"file": ("a.png", PNG + bytes(15_000_000))}
    answer = httpx.post(f"{server.url}/v1/uploads/images", files=files, headers=headers)
    path = httpx.URL(answer.json()["url"]).path
    return f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()


def ends_within(sock: socket.socket, seconds: float) -> bool:
    """Return whether the server closes the connection in time, without a word."""
    if not select.select([sock], [], [], seconds)[0]:
        return False
    with contextlib.suppress(ConnectionResetError):
        received = sock.recv(65536)
        assert received == b"", received
    return True


def assert_ends_after(sock: socket.socket, seconds: float) -> None:
    assert not ends_within(sock, seconds * 0.5)
    assert ends_within(sock, seconds * 0.5 + LATE_SECONDS)


@pytest.mark.parametrize("name", HEADS)
def test_client_that_sends_no_whole_head_is_closed_without_a_word(
    name: str, hasty_server: ServerThread
) -> None:
    with connection(hasty_server.address) as sock:
        sock.sendall(HEADS[name])
        assert_ends_after(sock, HEAD_SECONDS)


@pytest.mark.parametrize("name", BODIES)
def test_client_that_pauses_within_a_body_is_closed_without_a_word(
    name: str, hasty_server: ServerThread
) -> None:
    with connection(hasty_server.address) as sock:
        sock.sendall(BODIES[name])
        assert_ends_after(sock, PAUSE_SECONDS)


def test_client_that_was_asked_for_a_body_and_sends_none_is_closed(
    hasty_server: ServerThread,
) -> None:
    with connection(hasty_server.address) as sock:
        sock.sendall(upload(form(PNG), Expect="100-continue")[: -len(form(PNG))])
        assert sock.recv(100) == CONTINUE
        assert_ends_after(sock, PAUSE_SECONDS)


@pytest.mark.parametrize("second", [POLL[:30], POLL[:-1]])
def test_head_sent_ahead_has_its_time_from_the_answer_on(
    second: bytes, hasty_server: ServerThread
) -> None:
    add_rule(hasty_server, "sk-ahead", operation="models.list", delay=HOLD_SECONDS, times=1)
    with connection(hasty_server.address) as sock:
        sock.sendall(POLL.replace(KEY.encode(), b"sk-ahead") + second)
        assert parse_head(read_answer(sock))[0] == 200
        assert_ends_after(sock, HEAD_SECONDS)


def test_connection_stays_open_for_another_request_for_a_while(hasty_server: ServerThread) -> None:
    with connection(hasty_server.address) as sock:
        for _ in range(2):
            sock.sendall(POLL)
            read_answer(sock)
            assert not ends_within(sock, KEEP_ALIVE_SECONDS * 0.5)
        assert ends_within(sock, KEEP_ALIVE_SECONDS * 0.5 + LATE_SECONDS)


def test_head_that_trickles_does_not_get_more_time(hasty_server: ServerThread) -> None:
    with connection(hasty_server.address) as sock:
        began = time.monotonic()
        for byte in POLL:
            sock.send(bytes([byte]))
            if ends_within(sock, HEAD_SECONDS / 10):
                break
        assert time.monotonic() - began < HEAD_SECONDS + LATE_SECONDS


def send_slowly(sock: socket.socket, data: bytes, pieces: int) -> None:
    step = len(data) // pieces + 1
    for position in range(0, len(data), step):
        sock.sendall(data[position : position + step])
        time.sleep(PAUSE_SECONDS / 3)


@pytest.mark.parametrize(
    "request_of",
    [
        lambda: (upload(form(PNG))[: -len(form(PNG))], form(PNG)),
        lambda: (upload(LARGE)[: -len(LARGE)], LARGE),
        lambda: (CHUNKED, b"%x\r\n%b\r\n0\r\n\r\n" % (len(form(PNG)), form(PNG))),
        lambda: (upload(GZIP, Content_Encoding="gzip")[: -len(GZIP)], GZIP),
    ],
    ids=["small", "large", "chunks", "gzip"],
)
def test_body_that_trickles_has_all_the_time_it_wants(
    request_of: object, hasty_server: ServerThread
) -> None:
    assert callable(request_of)
    head, body = request_of()
    with connection(hasty_server.address) as sock:
        sock.sendall(head)
        send_slowly(sock, body, 8)
        assert parse_head(read_answer(sock))[0] == 200


@pytest.mark.parametrize(
    ("body", "late_bytes"),
    [(form(PNG), 20), (LARGE, 20), (form(PNG), 0)],
    ids=["small", "large", "whole"],
)
def test_delay_of_a_rule_is_no_pause_of_the_client(
    body: bytes, late_bytes: int, hasty_server: ServerThread
) -> None:
    add_rule(hasty_server, KEY, operation="uploads.create", delay=HOLD_SECONDS, times=1)
    request = upload(body)
    with connection(hasty_server.address) as sock:
        sock.sendall(request[: len(request) - late_bytes])
        # Long before the delay ends: on a busy machine this thread may wake late.
        time.sleep(HOLD_SECONDS * 0.6)
        sock.sendall(request[len(request) - late_bytes :])
        answer = read_answer(sock)
        assert parse_head(answer)[0] == 200, answer


def test_fault_that_never_answers_goes_on_for_ever(hasty_server: ServerThread) -> None:
    add_rule(hasty_server, "sk-never", operation="models.list", socket="never_answer")
    with connection(hasty_server.address) as sock:
        sock.sendall(POLL.replace(KEY.encode(), b"sk-never"))
        assert not ends_within(sock, HOLD_SECONDS)


def test_long_poll_is_no_pause_of_the_client(hasty_server: ServerThread) -> None:
    with connection(hasty_server.address) as sock:
        path = "/_fake/requests/wait?count=50&timeout=1"
        sock.sendall(POLL.replace(b"/v1/models", path.encode()))
        assert parse_head(read_answer(sock))[0] in (200, 408)


def test_half_closed_client_is_waited_for_no_longer(hasty_server: ServerThread) -> None:
    add_rule(hasty_server, "sk-half", operation="models.list", delay=HOLD_SECONDS, times=1)
    with connection(hasty_server.address) as sock:
        sock.sendall(POLL.replace(KEY.encode(), b"sk-half"))
        sock.shutdown(socket.SHUT_WR)
        assert parse_head(read_to_end(sock))[0] == 200


@pytest.mark.parametrize("range_header", [b"", b"Range: bytes=100-14000000\r\n"])
def test_answer_that_nobody_reads_is_cut(range_header: bytes, hasty_server: ServerThread) -> None:
    request = upload_large(hasty_server, "sk-unread").replace(
        b"\r\n\r\n", b"\r\n" + range_header + b"\r\n"
    )
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(hasty_server.address)
        sock.sendall(request)
        time.sleep(PAUSE_SECONDS + LATE_SECONDS)
        assert hasty_server.connections == 0
        with contextlib.suppress(ConnectionResetError):
            assert len(read_to_end(sock)) < 14_000_000


def test_half_of_an_answer_that_nobody_reads_does_not_hold_the_connection(
    hasty_server: ServerThread,
) -> None:
    request = upload_large(hasty_server, "sk-cut")
    add_rule(hasty_server, "sk-cut", operation="files.get", socket="cut_in_body")
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(hasty_server.address)
        sock.sendall(request)
        time.sleep(PAUSE_SECONDS + LATE_SECONDS)
        assert hasty_server.connections == 0


def test_answer_that_is_read_slowly_comes_whole(hasty_server: ServerThread) -> None:
    request = upload_large(hasty_server, "sk-slow")
    received = 0
    with connection(hasty_server.address) as sock:
        sock.sendall(request)
        for _ in range(8):
            time.sleep(PAUSE_SECONDS / 3)
            received += len(sock.recv(1_000_000))
        received += len(read_to_end(sock))
    assert received > 15_000_000


def test_file_that_comes_a_byte_per_second_is_not_cut(hasty_server: ServerThread) -> None:
    request = upload_large(hasty_server, "sk-byte")
    add_rule(hasty_server, "sk-byte", operation="files.get", socket="one_byte_per_second")
    with connection(hasty_server.address) as sock:
        sock.sendall(request)
        time.sleep(HOLD_SECONDS)
        head, _, body = sock.recv(65536).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert not ends_within_or_more(sock, body)


def ends_within_or_more(sock: socket.socket, body: bytes) -> bool:
    """Return whether the answer ends although no more than the body's first bytes have come."""
    return len(body) > 5 or sock.recv(1) == b""


def test_request_that_was_cut_by_a_limit_is_journaled_as_one_whose_client_left(
    hasty_server: ServerThread,
) -> None:
    with connection(hasty_server.address) as sock:
        sock.sendall(upload(form(PNG))[:-20])
        assert ends_within(sock, PAUSE_SECONDS + LATE_SECONDS)
    entries = httpx.get(f"{hasty_server.url}/_fake/requests", headers=AUTHORIZED).json()
    assert "went away" in json.dumps(entries)


def test_limits_are_minutes_by_default() -> None:
    limits = {each.name: seconds for each, seconds in limits_of(Settings()).items()}
    assert limits == {
        "NO_CLIENT": float("inf"),
        "FIRST": 60,
        "NEXT": 75,
        "HEAD": 60,
        "BODY": 300,
        "READING": 300,
    }


def test_connections_are_looked_at_once_a_second() -> None:
    assert Watch([], limits_of(Settings()))._interval == 1.0
