"""HTTP/1.1: broken bodies, ambiguous heads, half-closed and reused connections."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_apimart.app import create_app
from fake_apimart.http.incoming_body import high_water
from fake_apimart.http.protocol import Protocol
from fake_apimart.net_http.request_reader import MAX_HEAD_BYTES, RequestReader
from fake_apimart.settings.settings import Settings
from fake_apimart_storage import storage_at
from starlette.types import Message

from tests.harness import (
    DEADLINE_SECONDS,
    PNG,
    ServerProcess,
    ServerThread,
    connection,
    exchange,
    form,
    parse_head,
    read_answer,
    read_to_end,
    upload_request,
    wait_until,
)

PREFIX = "missing or invalid file field: "
CHUNKED: dict[str, str | None] = {"Content-Length": None, "Transfer-Encoding": "chunked"}
KEEP: dict[str, str | None] = {"Connection": None}
BODY = form(PNG)


def message_of(answer: bytes) -> str:
    status, _, body = parse_head(answer)
    assert status == 400, answer
    return str(json.loads(body)["error"]["message"]).removeprefix(PREFIX)


BROKEN_CHUNKS = [
    (b"zz\r\n", "invalid byte in chunk length"),
    (b"5\r\nabcdefgh\r\n", "malformed chunked encoding"),
    (b"fffffffffffffffff\r\n", "http chunk length too large"),
    (b"5\nabcde\r\n", "chunked line ends with bare LF"),
]


@pytest.mark.parametrize(("chunk", "text"), BROKEN_CHUNKS)
def test_broken_chunk_is_refused_in_go_s_words(
    chunk: bytes, text: str, server: ServerThread
) -> None:
    start = b"%x\r\n%b\r\n" % (150, BODY[:150])
    answer = exchange(server.address, upload_request(start + chunk, CHUNKED | KEEP))
    assert message_of(answer) == text
    assert parse_head(answer)[1]["connection"] == "close"


def test_nothing_after_a_broken_chunk_is_a_request(server: ServerThread) -> None:
    smuggled = b"GET /_fake/health HTTP/1.1\r\nHost: x\r\n\r\n"
    broken = b"5\r\nabcdefgh\r\n" + smuggled
    answer = exchange(server.address, upload_request(broken, CHUNKED | KEEP))
    assert answer.count(b"HTTP/1.1") == 1


BAD = "400 Bad Request"

AMBIGUOUS = {
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n": BAD,
    b"Content-Length: 5\r\nContent-Length: 6\r\n": BAD,
    b"Content-Length: +5\r\n": BAD,
    b"Content-Length: 5, 5\r\n": BAD,
    b"Content-Length:\r\n": BAD,
    b"Content-Length: 9223372036854775808\r\n": BAD,
    b"Content-Length: " + b"9" * 5000 + b"\r\n": BAD,
    b"Content-Length : 5\r\n": f"{BAD}: invalid header name",
    b" Content-Length: 5\r\n": f"{BAD}: malformed Host header",
    b"Transfer-Encoding: chunked\r\nTrailer: content-length\r\n": BAD,
    b"X: y\nContent-Length: 5\r\n": BAD,
    b"X: y\rContent-Length: 5\r\n": BAD,
    b"Content-Length\r\n": BAD,
    b": 5\r\n": BAD,
    b"X: \x00\r\n": BAD,
    b"X\xff: y\r\n": BAD,
}

UNKNOWN_CODINGS = [
    b"",
    b"gzip",
    b"x",
    b"chunked, identity",
    b"chunked\r\nTransfer-Encoding: chunked",
]


def assert_refused(answer: bytes, status: str, text: str) -> None:
    assert answer.decode() == (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Connection: close\r\n\r\n{text}"
    )


@pytest.mark.parametrize(("header", "status"), AMBIGUOUS.items())
def test_ambiguous_head_is_refused(header: bytes, status: str, server: ServerThread) -> None:
    request = b"POST /v1/uploads/images HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n"
    assert_refused(exchange(server.address, request), status, status)


@pytest.mark.parametrize("coding", UNKNOWN_CODINGS)
def test_unknown_transfer_coding_is_refused(coding: bytes, server: ServerThread) -> None:
    request = b"POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + coding + b"\r\n\r\n"
    answer = exchange(server.address, request)
    assert_refused(answer, "501 Not Implemented", "Unsupported transfer encoding")


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/0.9", b"HTTP/3.1"])
def test_unknown_version_is_refused(version: bytes, server: ServerThread) -> None:
    answer = exchange(server.address, b"GET /v1/models " + version + b"\r\nHost: x\r\n\r\n")
    status = "505 HTTP Version Not Supported: unsupported protocol version"
    assert_refused(answer, status, status)


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        (b"", b": missing required Host header"),
        (b"Host: a\r\nHost: b\r\n", b""),
        (b"Host: a/b\r\n", b": malformed Host header"),
    ],
)
def test_wrong_host_is_refused_in_go_s_words(
    headers: bytes, problem: bytes, server: ServerThread
) -> None:
    answer = exchange(server.address, b"GET /_fake/health HTTP/1.1\r\n" + headers + b"\r\n")
    assert answer == (
        b"HTTP/1.1 400 Bad Request" + problem + b"\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
        b"400 Bad Request" + problem
    )


@pytest.mark.parametrize(
    "garbage", [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/9\r\n\r\n"]
)
def test_garbage_is_refused(garbage: bytes, server: ServerThread) -> None:
    assert parse_head(exchange(server.address, garbage, half_close=True))[0] == 400


def test_endless_head_is_refused(server: ServerThread) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + bytes([120]) * (MAX_HEAD_BYTES + 1)
    with connection(server.address) as sock:
        sock.sendall(head)
        assert sock.recv(1000).startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")


@pytest.mark.parametrize("size", [8_000, 70_000])
def test_long_head_is_no_problem(size: int, server: ServerThread) -> None:
    request = upload_request(BODY, {"X-Long": "x" * size})
    assert parse_head(exchange(server.address, request))[0] == 200


def test_half_closed_client_gets_its_answer(server: ServerThread) -> None:
    answer = exchange(server.address, upload_request(BODY, KEEP), half_close=True)
    assert parse_head(answer)[0] == 200


def test_half_close_within_the_body_is_an_unexpected_eof(server: ServerThread) -> None:
    request = upload_request(BODY, {"Content-Length": str(len(BODY) + 100_000)} | KEEP)
    cut = upload_request(BODY[:-20], {"Content-Length": str(len(BODY))} | KEEP)
    assert parse_head(exchange(server.address, request, half_close=True))[0] == 200
    assert message_of(exchange(server.address, cut, half_close=True)) == "unexpected EOF"


def test_half_close_within_a_large_body_is_an_unexpected_eof(server: ServerThread) -> None:
    body = form(PNG + bytes(3_000_000))
    request = upload_request(body, KEEP)[:-1_000_000]
    assert message_of(exchange(server.address, request, half_close=True)) == "unexpected EOF"


def test_half_close_without_a_request_ends_the_connection(server: ServerThread) -> None:
    assert exchange(server.address, b"", half_close=True) == b""


def test_half_close_within_a_head_is_refused(server: ServerThread) -> None:
    assert_refused(exchange(server.address, b"GET / HT", half_close=True), BAD, BAD)


@pytest.mark.parametrize("cut", [b"", b"GE", b"GET / HT"])
def test_half_close_behind_a_request_is_refused_where_another_has_begun(
    cut: bytes, server: ServerThread
) -> None:
    health = b"GET /_fake/health HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = exchange(server.address, health + cut, half_close=True)
    # Go begins to read the next request once there are four bytes of it.
    assert answer.count(b"HTTP/1.1 400 Bad Request\r\n") == (len(cut) >= 4)


def test_long_request_line_may_come_byte_by_byte() -> None:
    reader = RequestReader()
    for byte in b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n":
        reader.feed(bytes([byte]), 0)
    assert reader.request is not None


def test_body_of_http_1_0_has_its_length_whatever_its_coding(server: ServerThread) -> None:
    head, _, body = upload_request(BODY, {"Transfer-Encoding": "chunked"}).partition(b"\r\n\r\n")
    request = head.replace(b"HTTP/1.1", b"HTTP/1.0") + b"\r\n\r\n" + body
    # What follows such a request is never taken for another.
    answer = exchange(server.address, request + b"GET /_fake/health HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
    assert answer.count(b"HTTP/1.0") == 1


def test_unknown_expectation_of_a_head_has_no_length(server: ServerThread) -> None:
    request = b"HEAD / HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n"
    assert exchange(server.address, request) == (
        b"HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\n\r\n"
    )


def test_connection_is_used_again(server: ServerThread) -> None:
    with connection(server.address) as sock:
        for _ in range(3):
            sock.sendall(upload_request(BODY, KEEP))
            assert parse_head(read_answer(sock))[0] == 200


def test_requests_sent_at_once_are_answered_in_order(server: ServerThread) -> None:
    health = b"GET /_fake/health HTTP/1.1\r\nHost: x\r\n\r\n"
    with connection(server.address) as sock:
        sock.sendall(upload_request(BODY, KEEP) + health + upload_request(BODY))
        received = read_to_end(sock)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in received.split(b"HTTP/1.1 200 OK")[1:]]
    assert [min(json.loads(body)) for body in bodies] == ["bytes", "status", "bytes"]


LARGE = form(PNG + bytes(1_000_000))
UPLOAD = upload_request(LARGE, KEEP)
HEAD_END = len(UPLOAD) - len(LARGE)
HEALTH = b"GET /_fake/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "cut",
    [
        *(HEAD_END - 1, HEAD_END, HEAD_END + 1, HEAD_END + 200_000),
        *(len(UPLOAD) - 1, len(UPLOAD), len(UPLOAD) + 1, len(UPLOAD) + len(HEALTH) - 1),
    ],
)
def test_request_after_a_large_body_is_answered_wherever_the_two_are_split(
    cut: int, server: ServerThread
) -> None:
    both = UPLOAD + HEALTH
    with connection(server.address) as sock:
        sock.sendall(both[:cut])
        # Without this pause the system may merge both pieces.
        time.sleep(0.05)
        sock.sendall(both[cut:])
        uploaded, health = read_answer(sock), read_to_end(sock)
    assert json.loads(parse_head(uploaded)[2])["bytes"] == len(PNG) + 1_000_000
    assert json.loads(parse_head(health)[2])["status"] == "ok"


def test_nothing_after_the_body_of_a_last_request_is_answered(server: ServerThread) -> None:
    answer = exchange(server.address, upload_request(LARGE) + HEALTH)
    assert parse_head(answer)[0] == 200
    assert answer.count(b"HTTP/1.1 ") == 1


def test_body_that_trickles_is_whole(server: ServerThread) -> None:
    request = upload_request(BODY)
    with connection(server.address) as sock:
        for position in range(len(request)):
            sock.sendall(request[position : position + 1])
        assert json.loads(parse_head(read_to_end(sock))[2])["bytes"] == len(PNG)


def test_body_in_chunks_of_a_byte_is_whole(server: ServerThread) -> None:
    body = form(PNG + bytes(50_000))
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    answer = exchange(server.address, upload_request(chunks, CHUNKED))
    assert json.loads(parse_head(answer)[2])["bytes"] == len(PNG) + 50_000


def test_garbage_after_a_request_does_not_spoil_its_answer(server: ServerThread) -> None:
    with connection(server.address) as sock:
        sock.sendall(upload_request(BODY, KEEP) + b"\x00\x01garbage\r\n\r\n")
        received = read_to_end(sock)
    assert parse_head(received)[0] == 200
    assert received.endswith(b"400 Bad Request")


def test_trailer_is_never_a_header(server: ServerThread) -> None:
    body = b"%x\r\n%b\r\n0\r\nAuthorization: Bearer trailing\r\nX-Late: 1\r\n\r\n" % (
        len(BODY),
        BODY,
    )
    headers: dict[str, str | None] = {"Authorization": "Bearer leading", **CHUNKED}
    assert parse_head(exchange(server.address, upload_request(body, headers)))[0] == 200
    (entry,) = journal_of(server, "leading")
    assert "x-late" not in entry["headers"]
    assert journal_of(server, "trailing") == []


def journal_of(server: ServerThread, key: str) -> list[Any]:
    headers = f"Host: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    answer = exchange(server.address, b"GET /_fake/requests HTTP/1.1\r\n" + headers.encode())
    found: list[Any] = json.loads(parse_head(answer)[2])["requests"]
    return found


def test_flood_of_small_requests_is_answered_in_order(server: ServerThread) -> None:
    health = b"GET /_fake/health HTTP/1.1\r\nHost: x\r\n\r\n"
    count = 5_000
    with connection(server.address) as sock:
        sender = threading.Thread(
            target=sock.sendall, args=(health * (count - 1) + HEALTH,), daemon=True
        )
        sender.start()
        received = read_to_end(sock)
        sender.join(DEADLINE_SECONDS)
    assert received.count(b"HTTP/1.1 200 OK") == count


def resident_bytes(process: ServerProcess) -> int:
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.mark.subprocess
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")
def test_requests_sent_ahead_cost_no_memory() -> None:
    request = b"GET /v1/nothing HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ahead\r\n\r\n"
    rule = {"operation": "models.list", "delay": 3, "times": None}
    with ServerProcess("--storage", "memory://") as process, contextlib.ExitStack() as stack:
        headers = {"Authorization": "Bearer ahead"}
        answer = httpx.post(f"{process.url}/_fake/faults", json=rule, headers=headers)
        answer.raise_for_status()
        before = resident_bytes(process)
        sockets = [stack.enter_context(connection(process.address)) for _ in range(5)]
        for sock in sockets:
            sock.sendall(request.replace(b"nothing", b"models"))
            sock.setblocking(False)
        deadline = time.monotonic() + 1.5
        sent = 0
        while time.monotonic() < deadline:
            for sock in sockets:
                with contextlib.suppress(BlockingIOError):
                    sent += sock.send(request * 3000)
            time.sleep(0.01)
        grown = resident_bytes(process) - before
    assert sent > 5_000_000, "the kernel takes some megabytes for each"
    assert grown < 6_000_000


@pytest.mark.parametrize(
    "trailer",
    [b"X: " + b"a" * 5000, b"A: b\r\n" * 1000, b"\xff" * 100_000],
    ids=["long line", "many lines", "endless"],
)
def test_long_trailer_ends_the_connection(trailer: bytes, server: ServerThread) -> None:
    body = b"%x\r\n%b\r\n0\r\n%b\r\n\r\n" % (len(BODY), BODY, trailer)
    answer = exchange(server.address, upload_request(body, CHUNKED | KEEP) + HEALTH)
    assert answer.count(b"HTTP/1.1") == 1, "nothing behind it is a request"
    create = upload_request(body, CHUNKED | KEEP).replace(b"uploads/images", b"images/generations")
    error = json.loads(parse_head(exchange(server.address, create + HEALTH))[2])["error"]
    assert error["message"]


def test_http_1_0_client_gets_the_answer_and_the_end(server: ServerThread) -> None:
    request = upload_request(BODY, {"Host": None}).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    assert parse_head(exchange(server.address, request))[0] == 200


UPGRADE: dict[str, str | None] = {
    "Connection": "Upgrade, HTTP2-Settings",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA",
}


@pytest.mark.parametrize("cut", [0, 30, 150, 300, 500])
def test_upgrade_to_another_protocol_is_ignored(cut: int, server: ServerThread) -> None:
    request = upload_request(BODY, UPGRADE)
    with connection(server.address) as sock:
        for _ in range(2):
            sock.sendall(request[:cut])
            sock.sendall(request[cut:])
            assert parse_head(read_answer(sock))[0] == 200


def test_upgrade_to_another_protocol_may_come_with_chunks(server: ServerThread) -> None:
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    with connection(server.address) as sock:
        sock.sendall(upload_request(body, UPGRADE | CHUNKED))
        assert parse_head(read_answer(sock))[0] == 200


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (b"CONNECT x:443 HTTP/1.1", "CONNECT "),
        (b"GET http://x/v1/y?z HTTP/1.1", "GET /v1/y"),
        (b"GET http://x HTTP/1.1", "GET "),
        (b"GET /v1/y#z HTTP/1.1", "GET /v1/y#z"),
        (b"GET /v1/\xe5\x9b\xbe/%E5%9B%BE HTTP/1.7", "GET /v1/图/图"),
        (b"PRI * HTTP/2.0", "PRI *"),
        (b"get /v1/models HTTP/1.1", "get /v1/models"),
        (b"!#$%&'*+-.^_`|~9 * HTTP/1.1", "!#$%\\u0026'*+-.^_`|~9 *"),
    ],
)
def test_request_that_no_operation_answers_is_named(
    line: bytes, path: str, server: ServerThread
) -> None:
    with connection(server.address) as sock:
        sock.sendall(line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        status, _, body = parse_head(read_to_end(sock))
    assert status == 404
    assert f'"Invalid URL ({path})"'.replace("\\\\", "\\") in body.decode()


MALFORMED_LINES = [
    b"GET /v1/%zz HTTP/1.1",
    b"GET v1 HTTP/1.1",
    b"GET  / HTTP/1.1",
    b"GET / http/1.1",
    b"GET / HTTP/1.1 ",
    b"GET / HTTP/11",
    b"GET /",
    b"GE(T / HTTP/1.1",
    b"GET http://[::1/ HTTP/1.1",
    b"CONNECT a:b HTTP/1.1",
    b"\r\nGET / HTTP/1.1",
]


@pytest.mark.parametrize("line", MALFORMED_LINES)
def test_request_line_that_go_refuses_is_refused(line: bytes, server: ServerThread) -> None:
    assert_refused(exchange(server.address, line + b"\r\nHost: x\r\n\r\n"), BAD, BAD)


def test_malformed_line_is_refused_before_the_head_is_whole(server: ServerThread) -> None:
    with connection(server.address) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nno colon\r\n")
        assert_refused(read_to_end(sock), BAD, BAD)


def test_folded_header_is_one_line(server: ServerThread) -> None:
    head = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer\r\n  sk-a\r\n"
    with connection(server.address) as sock:
        sock.sendall(head + b"Connection: close\r\n\r\n")
        assert parse_head(read_to_end(sock))[0] == 200


@pytest.mark.parametrize("line_ends", [b"\r\n", b"\n", b"\r\n\r\n"])
def test_line_ends_behind_a_post_are_passed_over(line_ends: bytes, server: ServerThread) -> None:
    with connection(server.address) as sock:
        sock.sendall(upload_request(BODY, KEEP) + line_ends + upload_request(BODY))
        assert read_to_end(sock).count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("position", range(1, 60, 7))
def test_head_may_come_in_pieces(position: int, server: ServerThread) -> None:
    request = upload_request(BODY)
    with connection(server.address) as sock:
        for piece in (
            request[:position],
            request[position : 2 * position],
            request[2 * position :],
        ):
            sock.sendall(piece)
            time.sleep(0.01)
        assert parse_head(read_to_end(sock))[0] == 200


def test_connection_that_was_reset_is_not_kept(server: ServerThread) -> None:
    with connection(server.address) as sock:
        sock.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n\r\n")
        assert sock.recv(1)
        port = sock.getsockname()[1]
        assert port in ports_of_connections()
        # Closing a socket with unread data sends a reset.
    wait_until(lambda: port not in ports_of_connections(), "the connection was forgotten")


def ports_of_connections() -> list[int]:
    """List the client ports of all connections that are still referenced."""
    gc.collect()
    connections = [each for each in gc.get_objects() if isinstance(each, Protocol)]
    return [each.client[1] for each in connections if each.client]


def test_client_that_vanishes_within_a_head_hurts_nobody(server: ServerThread) -> None:
    with socket.create_connection(server.address) as sock:
        sock.sendall(b"POST /v1/uploads/images HTT")
    assert parse_head(exchange(server.address, upload_request(BODY)))[0] == 200


def test_request_after_a_refusal_is_not_read(server: ServerThread) -> None:
    broken = upload_request(b"%x\r\n%b\r\nzz\r\n" % (len(BODY), BODY), CHUNKED | KEEP)
    with connection(server.address) as sock:
        sock.sendall(broken)
        sock.sendall(b"GET /_fake/health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_to_end(sock).count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("garbage", [b"\x00" * 50_000, b"GET / HTTP/9\r\n\r\n" + bytes(200_000)])
def test_refusal_reaches_a_client_that_goes_on_sending(
    garbage: bytes, server: ServerThread
) -> None:
    with connection(server.address) as sock:
        sock.sendall(garbage)
        sock.sendall(garbage)
        assert parse_head(read_to_end(sock))[0] == 400


def test_application_passes_on_what_is_not_http() -> None:
    started: list[str] = []

    async def main() -> None:
        app = create_app(Settings(), storage_at("memory://"))
        messages = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))

        async def receive() -> Message:
            return next(messages)

        async def send(message: Message) -> None:
            started.append(message["type"])

        await app({"type": "lifespan", "state": {}}, receive, send)

    asyncio.run(main())
    assert started == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize(
    ("connections", "kibibytes"),
    [(0, 1024), (1, 1024), (4, 1024), (8, 512), (20, 204), (32, 128), (1000, 128)],
)
def test_each_connection_may_hold_less_the_more_there_are(connections: int, kibibytes: int) -> None:
    assert high_water(connections) // 1024 == kibibytes
