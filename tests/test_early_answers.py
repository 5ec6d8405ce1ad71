"""Responses sent before the body is read: the connection stays open, or closes without a reset."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest
from fake_apimart.http import early_answers as early_answer

from tests.conftest import StartServer
from tests.harness import (
    AUTHORIZED,
    DEADLINE_SECONDS,
    PNG,
    ServerThread,
    connection,
    exchange,
    form,
    parse_head,
    read_answer,
    read_to_end,
    upload_request,
)

KEEP = {"Connection": None}
REFUSED = {"Authorization": None, "Connection": None}
DISCARDED = early_answer.MAX_DISCARDED_BYTES


@pytest.mark.parametrize("size", [0, 1000, DISCARDED // 2, DISCARDED - 1000])
def test_connection_stays_open_after_a_small_unread_body(size: int, server: ServerThread) -> None:
    with connection(server.address) as sock:
        for _ in range(2):
            sock.sendall(upload_request(bytes(size), REFUSED))
            status, headers, _ = parse_head(read_answer(sock))
            assert (status, "connection" in headers) == (401, False)
        sock.sendall(upload_request(form(PNG), KEEP))
        assert parse_head(read_answer(sock))[0] == 200


def chunks(size: int) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (size, bytes(size))


@pytest.mark.parametrize(
    ("framing", "body", "is_closed"),
    [
        (b"Content-Length: 262143", bytes(262143), False),
        (b"Content-Length: 262144", bytes(262144), True),
        (b"Transfer-Encoding: chunked", chunks(262144), False),
        (b"Transfer-Encoding: chunked", chunks(262145), True),
    ],
    ids=["length", "too long", "chunks", "too many chunks"],
)
def test_connection_ends_where_exactly_go_ends_it(
    framing: bytes, body: bytes, is_closed: bool, server: ServerThread
) -> None:
    with connection(server.address) as sock:
        sock.sendall(b"POST /v1/uploads/images HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n\r\n")
        sock.sendall(body)
        status, headers, _ = parse_head(read_answer(sock))
    assert (status, "connection" in headers) == (401, is_closed)


@pytest.mark.parametrize("size", [DISCARDED * 4, 20_000_000])
def test_answer_reaches_a_client_that_sends_all_before_it_reads(
    size: int, server: ServerThread
) -> None:
    with connection(server.address) as sock:
        sock.sendall(upload_request(bytes(size), REFUSED))
        status, headers, body = parse_head(read_to_end(sock))
    assert (status, headers["connection"]) == (401, "close")
    assert body.startswith(b'{"error":{"code":"","message":"invalid API key')


def test_refused_form_reaches_the_client_too(server: ServerThread) -> None:
    body = b"--bbb\r\nno colon\r\n\r\n" + bytes(3_000_000)
    with connection(server.address) as sock:
        sock.sendall(upload_request(body, KEEP))
        status, headers, answer = parse_head(read_to_end(sock))
    assert (status, headers["connection"]) == (400, "close")
    assert b"malformed MIME header: missing colon" in answer


def test_answer_comes_before_the_client_has_sent_all(server: ServerThread) -> None:
    request = upload_request(bytes(2_000_000), REFUSED)
    with connection(server.address) as sock:
        sock.sendall(request[:1_000_000])
        assert parse_head(read_answer(sock))[0] == 401
        sock.sendall(request[1_000_000:])
        assert read_to_end(sock) == b""


def test_client_that_waits_for_100_continue_is_not_asked_for_the_body(
    server: ServerThread,
) -> None:
    head = upload_request(bytes(1000), REFUSED | {"Expect": "100-continue"})[:-1000]
    with connection(server.address) as sock:
        sock.sendall(head)
        answer = read_to_end(sock)
    assert answer.startswith(b"HTTP/1.1 401")
    assert parse_head(answer)[1]["connection"] == "close"


def test_client_that_waits_for_100_continue_is_asked_where_the_body_is_wanted(
    server: ServerThread,
) -> None:
    body = form(PNG)
    head = upload_request(body, {"Expect": "100-continue"})[: -len(body)]
    with connection(server.address) as sock:
        sock.sendall(head)
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert parse_head(read_to_end(sock))[0] == 200


def test_stalled_client_gets_its_answer_and_the_end(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early_answer, "IDLE_SECONDS", 0.2)
    started = time.monotonic()
    with connection(server.address) as sock:
        sock.sendall(upload_request(bytes(1000), REFUSED)[:-500])
        answer = read_to_end(sock)
    assert parse_head(answer)[1]["connection"] == "close"
    assert time.monotonic() - started < 5


def test_client_that_never_stops_is_cut_off(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early_answer, "LINGER_SECONDS", 0.3)
    with connection(server.address) as sock:
        sock.sendall(upload_request(b"", REFUSED | {"Content-Length": "999999999999"}))
        with pytest.raises(ConnectionError):
            send_without_end(sock)


def send_without_end(sock: socket.socket) -> None:
    """Send until the peer stops accepting data, for at most DEADLINE_SECONDS."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        sock.sendall(bytes(65536))


def test_client_that_leaves_within_the_unread_body_hurts_nobody(server: ServerThread) -> None:
    with connection(server.address) as sock:
        sock.sendall(upload_request(bytes(5_000_000), REFUSED)[:1_000_000])
        sock.shutdown(socket.SHUT_RDWR)
    with connection(server.address) as sock:
        sock.sendall(upload_request(form(PNG)))
        assert parse_head(read_to_end(sock))[0] == 200


def test_unread_chunked_body_is_discarded(server: ServerThread) -> None:
    chunked = {"Content-Length": None, "Transfer-Encoding": "chunked"}
    with connection(server.address) as sock:
        sock.sendall(upload_request(b"5\r\nhello\r\n0\r\n\r\n", REFUSED | chunked))
        assert parse_head(read_answer(sock))[0] == 401
        sock.sendall(upload_request(form(PNG), AUTHORIZED | {"Connection": "close"}))
        assert parse_head(read_to_end(sock))[0] == 200


def test_rate_limit_answers_early_too(start_server: StartServer) -> None:
    server = start_server(rate_limit="1/hour")
    with connection(server.address) as sock:
        for status in (200, 429, 429):
            sock.sendall(upload_request(form(PNG), KEEP))
            assert parse_head(read_answer(sock))[0] == status


def test_nothing_is_waited_for_where_the_client_ends_the_connection(server: ServerThread) -> None:
    head = upload_request(bytes(1000), {"Authorization": None})[:-1000]
    with connection(server.address) as sock:
        started = time.monotonic()
        sock.sendall(head)
        assert parse_head(read_answer(sock))[0] == 401
        assert time.monotonic() - started < early_answer.IDLE_SECONDS / 2
        sock.sendall(bytes(1000))
        assert sock.recv(1) == b""


def test_http_1_0_client_is_not_told_what_it_takes_for_granted(server: ServerThread) -> None:
    request = upload_request(bytes(DISCARDED), REFUSED).replace(b"HTTP/1.1", b"HTTP/1.0")
    status, headers, _ = parse_head(exchange(server.address, request))
    assert (status, "connection" in headers) == (401, False)


@pytest.mark.parametrize("missing", [1, 500])
def test_connection_ends_where_an_unread_body_is_cut_off(
    missing: int, server: ServerThread
) -> None:
    request = upload_request(bytes(1000), REFUSED)[:-missing]
    status, headers, _ = parse_head(exchange(server.address, request, half_close=True))
    assert (status, headers["connection"]) == (401, "close")


def test_connection_ends_where_much_of_a_body_is_cut_off(server: ServerThread) -> None:
    request = upload_request(form(PNG + bytes(2 * DISCARDED)), KEEP)
    answers = [
        parse_head(exchange(server.address, request[:-missing], half_close=True))
        for missing in (DISCARDED - 1, DISCARDED)
    ]
    assert [status for status, _, _ in answers] == [400, 400]
    assert ["connection" in headers for _, headers, _ in answers] == [False, True]


def test_refused_body_that_was_asked_for_ends_the_connection(server: ServerThread) -> None:
    body = b"--bbb\r\nno colon\r\n\r\n" + bytes(240_000)
    head = upload_request(body, KEEP | {"Expect": "100-continue"})[: -len(body)]
    with connection(server.address) as sock:
        sock.sendall(head)
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body[:200_000])
        answer = read_to_end(sock)
    status, headers, _ = parse_head(answer)
    assert (status, headers["connection"]) == (400, "close")


def test_answer_reaches_a_client_that_waits_for_no_100_continue(server: ServerThread) -> None:
    request = upload_request(bytes(3_000_000), REFUSED | {"Expect": "100-continue"})
    for _ in range(5):
        with connection(server.address) as sock, contextlib.suppress(OSError):
            sock.sendall(request[:1_000_000])
            time.sleep(0.05)
            sock.sendall(request[1_000_000:])
            answer = read_to_end(sock)
        assert parse_head(answer)[0] == 401


def test_request_behind_a_body_too_large_is_neither_answered_nor_does_it_cost_the_answer(
    server: ServerThread,
) -> None:
    request = upload_request(bytes(DISCARDED), REFUSED)
    health = b"GET /_fake/health HTTP/1.1\r\nHost: x\r\n\r\n"
    with connection(server.address) as sock:
        sock.sendall(request)
        sock.sendall(health * 20_000)
        time.sleep(0.2)
        sock.sendall(health)
        answer = read_to_end(sock)
    assert parse_head(answer)[0] == 401
    assert answer.count(b"HTTP/1.1") == 1
