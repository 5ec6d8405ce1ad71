"""Bodies that end early or whose coding is broken: refused with Go's text, and nothing is done."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import httpx
import pytest
from fake_apimart.contract.operations import BY_NAME

from tests.conftest import StartServer
from tests.generating import PATH
from tests.harness import AUTHORIZED, KEY, ServerThread, exchange, parse_head

RULE = b'{"operation":"tasks.get","error":"rate_limited"}'
CREATE = b'{"model":"m","prompt":"p"}'
CALLS = {
    "create": ("POST", PATH, CREATE),
    "batch": ("POST", BY_NAME["tasks.batch"].paths[0], b'{"task_ids":[]}'),
    "clock": ("POST", "/_fake/clock", b'{"advance":100}'),
    "settings": ("PATCH", "/_fake/world", b'{"balance":1}'),
    "rule": ("POST", "/_fake/faults", RULE),
    "rules removed": ("DELETE", "/_fake/faults", b"{}"),
    "reset": ("POST", "/_fake/reset", b"{}"),
}


class Cut(NamedTuple):
    """How a body is sent so that it is none, and what is said to it."""

    headers: str
    body: bytes
    message: str


def chunks(body: bytes, end: bytes) -> bytes:
    return b"%x\r\n%b" % (len(body), body) + end


def _with_length(body: bytes, length: int, message: str = "unexpected EOF") -> Cut:
    return Cut(f"Content-Length: {length}\r\n", body, message)


def _in_chunks(body: bytes, end: bytes, message: str = "unexpected EOF") -> Cut:
    return Cut("Transfer-Encoding: chunked\r\n", chunks(body, end), message)


def _zipped(coded: bytes, length: int, message: str = "unexpected EOF") -> Cut:
    return Cut(f"Content-Encoding: gzip\r\nContent-Length: {length}\r\n", coded, message)


CUT_TRAILER = "http: unexpected EOF reading trailer"
BAD_TRAILER = 'malformed MIME header: missing colon: "no trailer"'
WAYS: dict[str, Callable[[bytes], Cut]] = {
    "whole JSON, but less than was announced": lambda body: _with_length(body, len(body) + 5),
    "nothing of what was announced": lambda body: _with_length(b"", len(body)),
    "in the middle": lambda body: _with_length(body[:-1], len(body)),
    "no last chunk": lambda body: _in_chunks(body, b"\r\n"),
    "within a chunk": lambda body: _in_chunks(body, b""),
    "no line end behind a chunk": lambda body: _in_chunks(
        body, b"XX0\r\n\r\n", "malformed chunked encoding"
    ),
    "a size that is none": lambda body: _in_chunks(
        body, b"\r\nzz\r\n\r\n", "invalid byte in chunk length"
    ),
    "a trailer that is none": lambda body: _in_chunks(
        body, b"\r\n0\r\nno trailer\r\n\r\n", BAD_TRAILER
    ),
    "no end of the trailers": lambda body: _in_chunks(body, b"\r\n0\r\n", CUT_TRAILER),
    "gzip without its end": lambda body: _zipped(
        gzip.compress(body)[:-4], len(gzip.compress(body)) - 4
    ),
    "whole gzip, but less than was announced": lambda body: _zipped(
        gzip.compress(body), len(gzip.compress(body)) + 4
    ),
    "gzip with a wrong checksum": lambda body: _zipped(
        gzip.compress(body)[:-8] + bytes(8), len(gzip.compress(body)), "gzip: invalid checksum"
    ),
}


def send(server: ServerThread, method: str, path: str, cut: Cut) -> tuple[int, str]:
    """Send a request, shut the writing side; return the answer's status and message."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.address[1]}\r\n"
        f"Authorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\n{cut.headers}\r\n"
    )
    answer = exchange(server.address, head.encode() + cut.body, half_close=True)
    status, _, body = parse_head(answer)
    return status, json.loads(body)["error"]["message"]


def seen(server: ServerThread) -> dict[str, Any]:
    """Return what a world holds: all that the calls would have changed."""
    found = {}
    for path in ("clock", "world", "faults", "tasks", "uploads"):
        answer = httpx.get(f"{server.url}/_fake/{path}", headers=AUTHORIZED)
        assert answer.status_code == 200, answer.text
        found[path] = answer.json()
    found["world"] = found["world"]["own_settings"]
    found["clock"] = round(found["clock"]["now"], -1) if found["clock"]["frozen"] else "running"
    return found


@pytest.fixture
def used(start_server: StartServer) -> ServerThread:
    """Start a server on which there is something to lose, in a world whose clock stands still."""
    server = start_server()
    for path, body in (
        ("/_fake/clock", {"freeze": True}),
        ("/_fake/faults", json.loads(RULE)),
        (PATH, json.loads(CREATE)),
    ):
        answer = httpx.post(server.url + path, headers=AUTHORIZED, json=body)
        assert answer.status_code == 200, answer.text
    return server


@pytest.mark.parametrize("call", CALLS)
def test_nothing_is_done_for_a_body_that_is_cut_or_broken(call: str, used: ServerThread) -> None:
    before = seen(used)
    method, path, body = CALLS[call]
    for name, way in WAYS.items():
        if path.startswith("/_fake/") and "gzip" in name:
            # The control API takes no coded bodies.
            continue
        cut = way(body)
        assert (name, *send(used, method, path, cut)) == (name, 400, cut.message)
    assert seen(used) == before
    journal = httpx.get(f"{used.url}/_fake/requests", headers=AUTHORIZED).json()["requests"]
    assert journal


def test_cut_create_keeps_no_idempotency_key(server: ServerThread) -> None:
    keyed = "Idempotency-Key: cut-1\r\n"
    for way in WAYS.values():
        cut = way(CREATE)
        cut = cut._replace(headers=keyed + cut.headers)
        assert send(server, "POST", PATH, cut) == (400, cut.message)
    headers = {**AUTHORIZED, "Idempotency-Key": "cut-1"}
    answer = httpx.post(server.url + PATH, headers=headers, content=CREATE)
    assert answer.status_code == 200
    assert "idempotency-replayed" not in answer.headers


def test_every_place_at_which_a_body_may_be_cut_is_refused(server: ServerThread) -> None:
    body = chunks(CREATE[:9], b"\r\n") + chunks(CREATE[9:], b"\r\n0\r\n\r\n")
    before = httpx.get(f"{server.url}/_fake/tasks", headers=AUTHORIZED).json()
    for length, (method, path, _) in itertools.product(
        range(0, len(body), 5), (CALLS["create"], CALLS["clock"])
    ):
        cut = Cut("Transfer-Encoding: chunked\r\n", body[:length], "")
        status, message = send(server, method, path, cut)
        assert status == 400
        assert message in ("unexpected EOF", CUT_TRAILER)
    assert httpx.get(f"{server.url}/_fake/tasks", headers=AUTHORIZED).json() == before
