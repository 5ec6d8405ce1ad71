"""Whatever bytes arrive on a connection: the answer is one of the service's or of Go's, or none."""

from __future__ import annotations

import contextlib
import gzip
import random
import re
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.harness import KEY, PNG, ServerProcess, connection, form

pytestmark = pytest.mark.subprocess

MUTATIONS_PER_SEED = 400
READ_SECONDS = 3.0
"""How long an answer is waited for, where the connection stays open."""
FAULT = re.compile(rb"HTTP/1\.[01] 5(?!01|05)\d\d |Internal Server Error|\"code\":500")


def request(line: str, body: bytes = b"", *headers: str) -> bytes:
    fields = ["Host: 127.0.0.1", f"Authorization: Bearer {KEY}", *headers]
    if body and not any("encoding: chunked" in each.lower() for each in headers):
        fields.append(f"Content-Length: {len(body)}")
    return "\r\n".join([f"{line} HTTP/1.1", *fields, "", ""]).encode() + body


def chunked(body: bytes) -> bytes:
    half = len(body) // 2
    pieces = (body[:half], body[half:])
    return (
        b"".join(b"%x;a=b\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\nX: y\r\n\r\n"
    )


FORM_TYPE = "Content-Type: multipart/form-data; boundary=bbb"
JSON_TYPE = "Content-Type: application/json"
CREATE = b'{"model":"gpt-image-2","prompt":"a cat","n":2,"size":"16:9","image_urls":["http://h/f"]}'
REQUESTS = [
    request("POST /v1/uploads/images", form(PNG), FORM_TYPE),
    request(
        "POST /v1/uploads/images?a=%41", chunked(form(PNG)), FORM_TYPE, "Transfer-Encoding: chunked"
    ),
    request(
        "POST /v1/uploads/images", gzip.compress(form(PNG)), FORM_TYPE, "Content-Encoding: gzip"
    ),
    request("POST /v1/uploads/images", form(PNG), FORM_TYPE, "Expect: 100-continue"),
    request("POST /v1/images/generations", CREATE, JSON_TYPE, "Idempotency-Key: a"),
    request("POST /v1/images/generations", CREATE, "X-APIMart-Response-Version: 2026-07-27"),
    request("POST /v1/tasks/batch", b'{"task_ids":["task_01KT48E134GCG3W870HKHPVMNA"]}', JSON_TYPE),
    request("GET /v1/tasks/task_01KT48E134GCG3W870HKHPVMNA?language=en"),
    request(
        "GET /f/image/9990000123456-a1b2c3d4-photo.jpg", b"", "Range: bytes=0-5", 'If-Match: "a"'
    ),
    request("GET /v1/models/gpt-image-2/schema", b"", "Origin: http://h"),
    request("OPTIONS /v1/models", b"", "Origin: http://h", "Access-Control-Request-Method: GET"),
    request("HEAD http://127.0.0.1/v1/models?expand=parameters", b"", "Connection: close"),
    request("GET /_fake/requests?limit=3"),
    request("POST /_fake/clock", b'{"advance":"1s"}', JSON_TYPE),
    request("PATCH /_fake/world", b'{"rate_limit":"900/minute","balance":5.5}', JSON_TYPE),
    request("GET /_fake/uploads"),
]
TOKENS = [
    *(bytes([each]) for each in (0, 9, 10, 13, 32, 37, 58, 127, 128, 255)),
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\n\n",
        b"%zz",
        b"%00",
        b"..",
        b"//",
        b"[::1",
        b"\xed\xa0\x80",
        b"1e999",
    ),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\n",
        b"HTTP/1.0",
        b"9" * 40,
        b"{" * 99,
    ),
    *(b"\\ud800", b"NaN", b"Content-Encoding: gzip\r\n", b"Expect: 100-continue\r\n", b'"', b"-1"),
]

Mutation = Callable[[random.Random, bytes], bytes]


def flip(dice: random.Random, data: bytes) -> bytes:
    place = dice.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]


def cut(dice: random.Random, data: bytes) -> bytes:
    start = dice.randrange(len(data))
    return data[:start] + data[start + dice.choice([1, 2, 10, 100]) :]


def insert(dice: random.Random, data: bytes) -> bytes:
    place = dice.randrange(len(data))
    return data[:place] + dice.choice(TOKENS) + data[place:]


def replace(dice: random.Random, data: bytes) -> bytes:
    place = dice.randrange(len(data))
    token = dice.choice(TOKENS)
    return data[:place] + token + data[place + len(token) :]


def repeat(dice: random.Random, data: bytes) -> bytes:
    start = dice.randrange(len(data))
    piece = data[start : start + dice.choice([1, 5, 50])]
    return data[:start] + piece * dice.choice([2, 3, 200]) + data[start:]


def splice(dice: random.Random, data: bytes) -> bytes:
    other = dice.choice(REQUESTS)
    return data[: dice.randrange(len(data))] + other[dice.randrange(len(other)) :]


def end_early(dice: random.Random, data: bytes) -> bytes:
    return data[: dice.randrange(len(data)) + 1]


def follow(dice: random.Random, data: bytes) -> bytes:
    return data + dice.choice(REQUESTS)


MUTATIONS: list[Mutation] = [flip, cut, insert, insert, replace, repeat, splice, end_early, follow]


def mutated(dice: random.Random) -> bytes:
    data = dice.choice(REQUESTS)
    for _ in range(dice.randint(1, 4)):
        data = dice.choice(MUTATIONS)(dice, data) or b"\0"
    return data


def answer_to(sent: bytes, address: tuple[str, int], *, in_pieces: bool) -> bytes:
    """Send bytes, shut our side, and return all that comes."""
    received = b""
    with connection(address) as sock, contextlib.suppress(OSError):
        sock.settimeout(READ_SECONDS)
        half = len(sent) // 2 if in_pieces else 0
        sock.sendall(sent[:half])
        sock.sendall(sent[half:])
        sock.shutdown(socket.SHUT_WR)
        while chunk := sock.recv(65536):
            received += chunk
    return received


@pytest.fixture(scope="module")
def process() -> Iterator[ServerProcess]:
    with ServerProcess("--storage", "memory://", "--no-access-log") as running:
        yield running
        status, log = running.end()
        assert (status, log) == (0, "")


@pytest.mark.parametrize("seed", range(4))
def test_no_bytes_are_a_fault(seed: int, process: ServerProcess) -> None:
    dice = random.Random(seed)
    for _ in range(MUTATIONS_PER_SEED):
        sent = mutated(dice)
        received = answer_to(sent, process.address, in_pieces=dice.random() < 0.3)
        assert not received or received.startswith(b"HTTP/1."), (sent, received)
        # A size that is none is a 500 of the service's own.
        assert b"build_request_failed" in received or not FAULT.search(received), (sent, received)
