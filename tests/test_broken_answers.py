"""Answers in malformed chunks, and answers that dribble: as bytes, and as clients see them."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from typing import Any

import httpx
import pytest
import requests
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.harness import JPEG, connection, read_to_end, wait_until
from tests.worlds import authorized, upload


def answer_to(world: FakeAPIMart, path: str, *, method: str = "GET", version: str = "1.1") -> bytes:
    """Return all bytes of an answer, on a connection of its own."""
    host, port = world.base_url.removeprefix("http://").split(":")
    with connection((host, int(port))) as sock:
        key = f"Authorization: Bearer {world.api_key}\r\n"
        sock.sendall(f"{method} {path} HTTP/{version}\r\nHost: x\r\n{key}\r\n".encode())
        return read_to_end(sock)


def test_malformed_answer_has_half_of_its_body_and_then_no_chunk(world: FakeAPIMart) -> None:
    whole = httpx.get(f"{world.base_url}/v1/balance", headers=authorized(world)).content
    world.fail("balance.get", socket="malformed_chunks")
    head, _, body = answer_to(world, "/v1/balance").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    assert b"content-length" not in head.lower()
    half = whole[: len(whole) // 2]
    assert body == b"%x\r\n%b\r\nno size\r\n" % (len(half), half)


def test_malformed_answer_of_old_http_is_cut(world: FakeAPIMart) -> None:
    world.fail("balance.get", socket="malformed_chunks")
    head, _, body = answer_to(world, "/v1/balance", version="1.0").partition(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    assert body.startswith(b'{"success"')
    assert b"no size" not in body


@pytest.mark.parametrize("fault", ["malformed_chunks", "dribble"])
def test_answer_without_a_body_has_nothing_to_break(fault: str, world: FakeAPIMart) -> None:
    path = httpx.URL(upload(world).json()["url"]).path
    world.fail("files.get", socket=fault)
    host, port = world.base_url.removeprefix("http://").split(":")
    with connection((host, int(port))) as sock:
        sock.sendall(f"HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head, _, body = read_to_end(sock).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert body == b""


def by_curl(url: str, headers: dict[str, str]) -> None:
    lines = [each for name, value in headers.items() for each in ("-H", f"{name}: {value}")]
    subprocess.run(["curl", "-sS", url, *lines], check=True, capture_output=True, timeout=30)


CLIENTS: dict[str, tuple[Any, type[Exception]]] = {
    "httpx": (lambda url, headers: httpx.get(url, headers=headers), httpx.RemoteProtocolError),
    "requests": (
        lambda url, headers: requests.get(url, headers=headers, timeout=20),
        requests.exceptions.ChunkedEncodingError,
    ),
    "curl": (by_curl, subprocess.CalledProcessError),
}


@pytest.mark.parametrize(
    "client", ["httpx", "requests", pytest.param("curl", marks=pytest.mark.subprocess)]
)
def test_malformed_chunks_are_an_error_of_the_client_s(client: str, world: FakeAPIMart) -> None:
    if client == "curl" and shutil.which("curl") is None:
        pytest.skip("needs curl")
    call, error = CLIENTS[client]
    rule = world.fail("models.list", socket="malformed_chunks")
    with pytest.raises(error):
        call(f"{world.base_url}/v1/models", authorized(world))
    assert rule.used == 1
    call(f"{world.base_url}/v1/models", authorized(world))
    assert [each.fault for each in world.requests] == ["malformed_chunks", None]


def test_malformed_answer_to_an_upload_leaves_the_file(world: FakeAPIMart) -> None:
    world.fail("uploads.create", socket="malformed_chunks")
    with pytest.raises(httpx.RemoteProtocolError):
        upload(world)
    assert [each.read() for each in world.uploads] == [JPEG]


def test_answer_dribbles_in_pieces_at_its_pace(world: FakeAPIMart) -> None:
    url = upload(world).json()["url"]
    size = len(JPEG)
    pieces = 5
    piece, pause = -(-size // pieces), 0.1
    world.fail("files.get", socket="dribble", dribble={"bytes": piece, "seconds": pause})
    started = time.monotonic()
    with httpx.stream("GET", url) as answer:
        assert answer.headers["content-length"] == str(size)
        arrived = [(len(each), time.monotonic() - started) for each in answer.iter_raw()]
    assert sum(length for length, _ in arrived) == size
    assert [length for length, _ in arrived[:-1]] == [piece] * (pieces - 1)
    assert all(at >= number * pause for number, (_, at) in enumerate(arrived))
    assert httpx.get(url).content == JPEG


def test_dribble_has_a_pace_by_default(world: FakeAPIMart) -> None:
    world.fail("balance.get", socket="dribble")
    started = time.monotonic()
    with httpx.stream("GET", f"{world.base_url}/v1/balance", headers=authorized(world)) as answer:
        pieces = answer.iter_raw()
        assert [len(next(pieces)) for _ in range(5)] == [1] * 5
    assert time.monotonic() - started >= 0.05 * 4


def test_client_that_leaves_a_long_pause_is_noticed_soon(start_server: StartServer) -> None:
    server = start_server()
    with FakeAPIMart(server.url) as world:
        world.fail("balance.get", socket="dribble", dribble={"seconds": 60})
        with connection(server.address) as sock:
            key = f"Authorization: Bearer {world.api_key}\r\n"
            sock.sendall(f"GET /v1/balance HTTP/1.1\r\nHost: x\r\n{key}\r\n".encode())
            sock.recv(1)
        wait_until(lambda: server.connections <= 1, "only the connection of the rule is open")


def test_others_are_answered_while_many_answers_dribble(world: FakeAPIMart) -> None:
    pace = {"bytes": 1, "seconds": 0.001}
    world.fail("balance.get", socket="dribble", dribble=pace, times=None)
    host, port = world.base_url.removeprefix("http://").split(":")
    key = f"Authorization: Bearer {world.api_key}\r\n"
    request = f"GET /v1/balance HTTP/1.1\r\nHost: x\r\n{key}\r\n".encode()
    sockets = [connection((host, int(port))) for _ in range(50)]
    opened = [each.__enter__() for each in sockets]
    try:
        for sock in opened:
            sock.sendall(request * 20)
        started = time.monotonic()
        for _ in range(20):
            httpx.get(f"{world.base_url}/v1/models", headers=authorized(world)).raise_for_status()
        assert time.monotonic() - started < 10
    finally:
        for each in sockets:
            each.__exit__(None, None, None)


def test_pace_is_listed_as_it_was_written(world: FakeAPIMart) -> None:
    world.fail("balance.get", socket="dribble", dribble={"seconds": 2}, optional=True)
    listed = httpx.get(f"{world.base_url}/_fake/faults", headers=authorized(world)).text
    assert json.loads(listed)["faults"][0]["dribble"] == {"bytes": 1, "seconds": 2.0}
