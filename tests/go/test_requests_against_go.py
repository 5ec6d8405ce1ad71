"""Differential tests: the same random requests, as raw bytes, to Go's own server and to ours."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from fake_apimart.go.textproto import EOF
from fake_apimart.http.transaction import EXTENSION
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.go.toolchain import build
from tests.harness import connection, served

REFERENCE = Path(__file__).parents[1] / "go_reference" / "server"
REQUESTS_PER_SEED = 400
Address = tuple[str, int]

pytestmark = pytest.mark.skipif(shutil.which("go") is None, reason="needs Go")

METHODS = [b"GET", b"POST", b"PUT", b"get", b"FOO", b"!#~", b"G(T", b"", b"OPTIONS", b"CONNECT"]
TARGETS = [
    *(b"/", b"/v1/a", b"//a", b"/a/", b"/%41", b"/%zz", b"/%", b"/\xe5\x9b\xbe", b"/\xff", b"/a b"),
    *(
        b"/?",
        b"/?a=%zz;b",
        b"/a#b",
        b"*",
        b"a",
        b"",
        b"?a",
        b"h:80",
        b"http://h",
        b"HTTP://h:1/a?b",
    ),
    *(b"http://[::1]/a", b"http://[::1/a", b"http://u:p@h/", b"http:///a", b"mailto:a", b"/\x7f"),
]
VERSIONS = [
    *([b"HTTP/1.1"] * 20),
    *([b"HTTP/1.0"] * 4),
    *(
        b"HTTP/1.2",
        b"HTTP/2.0",
        b"HTTP/0.9",
        b"http/1.1",
        b"HTTP/1.1 ",
        b"HTTP/11",
        b"HTTP/1.10",
        b"",
    ),
]
HEADERS = [
    *(
        b"X: a",
        b"X:a",
        b"X:\ta \t",
        b"x: \xff",
        b"X: a\r\n b",
        b"X: a\r\n\t\r\n b",
        b"X:",
        b"X-Y_Z: 1",
    ),
    *(
        b"X : a",
        b"X\t: a",
        b": a",
        b"X",
        b"X: \x00",
        b"X: a\x7f",
        b"X: a\rb",
        b"X\xff: a",
        b" X: a",
    ),
    *(b"Host: other", b"Host:", b"Host : h", b"Connection: close", b"Connection: keep-alive"),
    *(b"Connection: x, CLOSE", b"connection: Keep-Alive, x", b"Connection: closed", b"Connection:"),
    *(b"Expect: 100-continue", b"Expect: x", b"Expect: x, 100-Continue", b"Expect:"),
    *(b"Upgrade: h2c", b"Trailer: X", b"Te: trailers", b"!#$%&'*+-.^_`|~: a"),
]
LENGTHS = [
    b"%d",
    b"%d\r\nContent-Length: %d",
    b"+%d",
    b"0%d",
    b"%d, %d",
    b"-1",
    b"",
    b"%d x",
    b"1e1",
]
CODINGS = [
    b"chunked",
    b"Chunked",
    b"gzip",
    b"chunked, gzip",
    b"chunked\r\nTransfer-Encoding: x",
    b"",
]
SIZE_ENDS = [
    *([b""] * 6),
    b" ",
    b"\t ",
    b";",
    b";a=b",
    b"; \xff",
    b" ;a",
    b"x",
    b"\r",
    b";" + b"a" * 5000,
]
TRAILERS = [
    *([b""] * 6),
    b"X: a\r\n",
    b"X\r\n",
    b"X: " + b"a" * 5000 + b"\r\n",
]
HOST = b"Host: h"
UNREAD = b"/unread"
"""Where both servers answer without reading the body."""
SIZES = [*range(13), 5000, 262_143, 262_144, 262_145, 300_000]
"""Go reads less than 262,144 bytes of an unread body before it answers."""
SIZE_WEIGHTS = [10] * 13 + [2] * 5
MOST_BYTES_SHOWN = 1000
SECONDS_BETWEEN_PIECES = 0.0005


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what was read of the request, as the reference does."""
    transaction = scope["extensions"][EXTENSION]
    body, error = b"", ""
    if transaction.body is not None and scope["raw_path"] != UNREAD:
        while chunks := await transaction.body.take():
            body += b"".join(chunks)
        error = transaction.body.ending if transaction.body.ending != EOF else ""
    read = {
        "body": body[:MOST_BYTES_SHOWN].hex(),
        "error": error,
        "host": transaction.headers.get(b"host", b"").hex(),
        "method": scope["method"],
        "path": unquote_to_bytes(scope["raw_path"]).hex(),
        "query": scope["query_string"].hex(),
        "size": str(len(body)),
        "x": transaction.headers.get(b"x", b"").hex(),
    }
    text = json.dumps(read, separators=(",", ":"))
    text = text.replace("&", "\\u0026")
    await Response(text, media_type="application/json")(scope, receive, send)


@pytest.fixture(scope="module")
def ours() -> Iterator[Address]:
    with served(echo) as address:
        yield address


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    program = tmp_path_factory.mktemp("go") / "server"
    build(REFERENCE, program)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield "127.0.0.1", int(process.stdout.readline())
        process.communicate()


def chunked(source: random.Random, content: bytes) -> bytes:
    """Return content in chunks, some of which are malformed."""
    pieces = []
    while content:
        size = source.randint(1, len(content))
        piece, content = content[:size], content[size:]
        digits = source.choice([b"%x", b"%X", b"%x", b"0000%x"]) % (
            size + source.choice([0] * 9 + [1])
        )
        end = source.choice([b"\r\n"] * 12 + [b"\n", b"", b"\r", b"\rx"])
        line_end = source.choice([b"\r\n"] * 12 + [b"\n", b"\r\r\n"])
        pieces.append(digits + source.choice(SIZE_ENDS) + line_end + piece + end)
    last = source.choice([b"0"] * 8 + [b"", b"00", b"g", b"1" * 17, b"f" * 15, b"0;x"])
    end = source.choice([b"\r\n"] * 8 + [b"", b"\r"])
    return b"".join(pieces) + last + b"\r\n" + source.choice(TRAILERS) + end


def random_request(source: random.Random) -> bytes:
    usual = source.random() < 0.8
    method = source.choice(METHODS[:2] if usual else METHODS)
    target = source.choice([*TARGETS[:2], UNREAD] if usual else TARGETS)
    version = source.choice(VERSIONS[:24] if usual else VERSIONS)
    headers = [HOST] * source.choice([1] * 12 + [0, 2])
    headers += source.choices(HEADERS, k=source.choice([0, 0, 0, 1, 1, 2]))
    size = source.choices(SIZES, SIZE_WEIGHTS)[0]
    content = bytes(source.choices(b"ab\r\n", k=min(size, 1000))).ljust(size, b"a")
    body = b""
    kind = source.random()
    if kind < 0.35:
        length = source.choice(LENGTHS[:2] if usual else LENGTHS)
        size = len(content) + source.choice([0] * 6 + [1, -1])
        headers.append(b"Content-Length: " + length.replace(b"%d", b"%d" % max(0, size)))
        body = content
    elif kind < 0.75 and version != b"HTTP/1.0" and not _may_be_asked_for(target, headers):
        # We end a connection whose HTTP/1.0 client sends this. Go takes what follows for another
        # request: docs/fidelity.md lists it.
        headers.append(b"Transfer-Encoding: " + source.choice(CODINGS[:1] if usual else CODINGS))
        body = chunked(source, content)
    source.shuffle(headers)
    if (method, target) == (b"OPTIONS", b"*"):
        # Go answers this itself, and so does the gateway, which is not part of these tests.
        method = b"GET"
    lines = [b" ".join([method, target, version]), *headers, b"", body]
    return b"\r\n".join(lines)


def _may_be_asked_for(target: bytes, headers: list[bytes]) -> bool:
    # Go ends the connection although a body in chunks that is empty is there already, unread.
    return target == UNREAD and any(b"100-" in each for each in headers)


def random_requests(source: random.Random) -> list[bytes]:
    """Return what is sent on one connection, in pieces: up to three requests, perhaps cut off."""
    requests = random_request(source)
    for _ in range(source.choice([0, 0, 0, 1, 2])):
        requests += source.choice([b"", b"", b"\r\n", b"\r\n\r\n\r\n"]) + random_request(source)
    if source.random() < 0.3:
        between = source.choice([b"", b"", b"\r\n", b"\r\n\r\n\r\n"])
        requests += between + b"GET /second HTTP/1.1\r\nHost: h\r\n\r\n"
    if source.random() < 0.1 and b"HTTP/1.0" not in requests:
        # Go tells an HTTP/1.0 client to go on where it ends the connection.
        requests = requests[: source.randrange(len(requests))]
    cuts = sorted(source.choices(range(len(requests) + 1), k=source.choice([0, 0, 1, 4])))
    return [requests[start:end] for start, end in itertools.pairwise([0, *cuts, len(requests)])]


def received_from(address: Address, pieces: list[bytes]) -> tuple[str, bool]:
    """Send the pieces; return what came back, and whether the connection was reset."""
    received = bytearray()
    with connection(address) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                sock.sendall(piece)
                if len(pieces) > 1:
                    time.sleep(SECONDS_BETWEEN_PIECES)
            sock.shutdown(socket.SHUT_WR)
            while chunk := sock.recv(65536):
                received += chunk
        except OSError:
            with contextlib.suppress(OSError):
                received += sock.recv(65536)
            return received.decode("latin-1"), True
    return received.decode("latin-1"), False


def answers(received: str) -> list[str]:
    """Return the answers, without their dates, and with headers in one order."""
    found = []
    for answer in re.split(r"(?=HTTP/1\.[01] [0-9]{3} )", received)[1:]:
        head, _, body = answer.partition("\r\n\r\n")
        line, *headers = head.split("\r\n")
        kept = sorted(each.lower() for each in headers if not each.lower().startswith("date:"))
        found.append("\n".join([line, *kept, "", body]))
    return found


@pytest.mark.parametrize("seed", range(int(os.environ.get("GO_REQUEST_SEEDS", "2"))))
def test_random_requests_are_read_as_go_reads_them(
    seed: int, ours: Address, theirs: Address
) -> None:
    source = random.Random(seed)
    for _ in range(REQUESTS_PER_SEED):
        pieces = random_requests(source)
        theirs_received, was_reset = received_from(theirs, pieces)
        # Go resets a client now and then that has sent more than it read.
        if not was_reset:
            assert answers(received_from(ours, pieces)[0]) == answers(theirs_received), pieces
