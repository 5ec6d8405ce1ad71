"""Requests whose bodies are coded with gzip: undone, with the limits of the body behind them."""

from __future__ import annotations

import gzip
import json
import select
import tracemalloc

import pytest

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, PNG, ServerThread, connection, exchange, form, parse_head

GZIP = {"Content-Encoding": "gzip"}
TYPE = "multipart/form-data; boundary=bbb"
BOMB_BYTES = 300 * 1024 * 1024


def request(body: bytes, path: str = "/v1/uploads/images", **headers: str) -> bytes:
    """Return a request with a body that says it is gzip; `headers` with underscores for dashes."""
    all_headers = {
        "Host": "x",
        "Connection": "close",
        "Content-Type": TYPE,
        "Content-Length": str(len(body)),
        **GZIP,
        **AUTHORIZED,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def upload(body: bytes, server: ServerThread, **headers: str) -> tuple[int, bytes]:
    status, _, answer = parse_head(exchange(server.address, request(body, **headers)))
    return status, answer


def test_upload_is_decoded(server: ServerThread) -> None:
    status, answer = upload(gzip.compress(form(PNG)), server)
    assert status == 200, answer
    assert json.loads(answer)["bytes"] == len(PNG)


def test_create_is_decoded(server: ServerThread) -> None:
    body = gzip.compress(json.dumps({"model": "m", "prompt": "p"}).encode())
    sent = request(body, path="/v1/images/generations", Content_Type="application/json")
    assert parse_head(exchange(server.address, sent))[0] == 200


REFUSED_BODIES = [b"hello", form(PNG), b"\x1f\x8b", gzip.compress(b"", mtime=0)[:9]]


@pytest.mark.parametrize("body", REFUSED_BODIES)
def test_body_that_is_no_gzip_is_refused_before_the_key(body: bytes, server: ServerThread) -> None:
    sent = request(body, Authorization="")
    status, headers, answer = parse_head(exchange(server.address, sent, half_close=True))
    assert (status, answer) == (400, b"")
    assert "content-type" not in headers
    assert headers["x-oneapi-request-id"]


def test_key_is_looked_at_before_the_rest_of_the_body(server: ServerThread) -> None:
    assert upload(gzip.compress(form(PNG)), server, Authorization="")[0] == 401


@pytest.mark.parametrize("coding", ["GZIP", "br", "deflate", "gzip, gzip", "identity"])
def test_other_codings_are_passed_over(coding: str, server: ServerThread) -> None:
    assert upload(form(PNG), server, Content_Encoding=coding)[0] == 200


def test_empty_body_is_none(server: ServerThread) -> None:
    status, answer = upload(b"", server)
    assert status == 400
    assert b"multipart: NextPart: EOF" in answer


def test_body_of_a_get_is_not_read(server: ServerThread) -> None:
    sent = request(b"hello").replace(b"POST /v1/uploads/images", b"GET /v1/models")
    assert parse_head(exchange(server.address, sent))[0] == 200


@pytest.mark.parametrize(
    ("cut", "text"),
    [(-12, "unexpected EOF"), (-4, None), (18, "multipart: NextPart: unexpected EOF")],
)
def test_gzip_that_ends_early_is_a_body_that_ends_early(
    cut: int, text: str | None, server: ServerThread
) -> None:
    body = gzip.compress(form(PNG), compresslevel=0)[:cut]
    status, answer = upload(body, server)
    # What comes behind the form's last boundary is not looked at.
    assert (status == 200) is (text is None)
    assert text is None or text in json.loads(answer)["error"]["message"]


def test_limits_of_size_count_decoded_bytes(start_server: StartServer) -> None:
    server = start_server(max_file_bytes=1000)
    status, answer = upload(gzip.compress(form(PNG + bytes(5000))), server)
    assert status == 413
    assert f"file size {len(PNG) + 5000} exceeds" in json.loads(answer)["error"]["message"]


def test_bomb_costs_no_memory(server: ServerThread) -> None:
    bomb = gzip.compress(form(PNG + bytes(BOMB_BYTES)), compresslevel=1)
    tracemalloc.start()
    try:
        status, answer = upload(bomb, server)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert status == 413, answer
    assert peak < 60_000_000


def test_other_clients_are_answered_while_a_bomb_is_decoded(server: ServerThread) -> None:
    bomb = request(gzip.compress(form(PNG + bytes(BOMB_BYTES)), compresslevel=1))
    with connection(server.address) as sock:
        sock.sendall(bomb)
        answered = 0
        while not select.select([sock], [], [], 0)[0]:
            exchange(server.address, b"GET /_fake/health HTTP/1.0\r\n\r\n")
            answered += 1
        assert sock.recv(65536).startswith(b"HTTP/1.1 413")
    assert answered > 10


def test_body_may_arrive_byte_by_byte(server: ServerThread) -> None:
    sent = request(gzip.compress(form(PNG)))
    with connection(server.address) as sock:
        head, _, body = sent.partition(b"\r\n\r\n")
        sock.sendall(head + b"\r\n\r\n")
        for position in range(len(body)):
            sock.sendall(body[position : position + 1])
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK")
