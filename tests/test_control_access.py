"""Who may call the control API about the whole server: this machine, and nobody by way of it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from fake_apimart.common.addresses import host_of, is_loopback, is_within
from fake_apimart.settings.settings import Settings
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.asgi_calls import LOOPBACK, ask, head, running
from tests.conftest import StartServer
from tests.harness import ServerThread, exchange, parse_head
from tests.profiles import examples

PATHS = ["/_fake/world", "/_fake/requests", "/_fake/clock", "/_fake/faults", "/_fake/nothing"]
HERE = ("127.0.0.1", 8000)
OK, FORBIDDEN = 200, 403


def status_of(path: str = "/_fake/world", **changes: Any) -> int:
    """Return the status of a call without a key; by default all of it is loopback."""
    options = changes.pop("options", {})
    headers = [*changes.pop("headers", head(authorization=None)), *changes.pop("added", [])]

    async def use() -> int:
        async with running(**options) as app:
            scope = {"client": LOOPBACK, "server": HERE, **changes}
            return (await ask(app, path=path, headers=headers, **scope)).status

    return asyncio.run(use())


ENDS = [
    (HERE, OK),
    (("127.8.9.1", 8000), OK),
    (("::1", 8000), OK),
    (("::ffff:127.0.0.1", 8000), OK),
    (("localhost", 8000), OK),
    (["127.0.0.1", "8000"], OK),
    (("0.0.0.0", 8000), FORBIDDEN),
    (("::", 8000), FORBIDDEN),
    (("172.17.0.2", 8080), FORBIDDEN),
    (("::ffff:172.17.0.2", 8080), FORBIDDEN),
    (("fake.example", 80), FORBIDDEN),
    (("unix:/run/fake.sock", None), FORBIDDEN),
    (("/run/fake.sock", None), FORBIDDEN),
    (("", 0), FORBIDDEN),
    ("None", FORBIDDEN),
    (None, FORBIDDEN),
]


@pytest.mark.parametrize(("server", "status"), ENDS)
def test_our_own_end_of_the_connection_must_be_loopback(server: Any, status: int) -> None:
    assert status_of(server=None if server == "None" else server) == status


@pytest.mark.parametrize(
    "name",
    [
        *("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Via"),
        *("X-Forwarded-Prefix", "X-Forwarded-Anything", "X-Forwarded", "X-Real-IP", "x-real-ip"),
    ],
)
@pytest.mark.parametrize("path", PATHS)
def test_request_that_a_proxy_passes_on_is_never_this_machine_s(name: str, path: str) -> None:
    for value in (b"127.0.0.1", b"", b"\xff"):
        for each in (name, name.lower()):
            assert status_of(path, added=[(each.encode(), value)]) == FORBIDDEN


NAMES = [
    ("localhost", True),
    ("LocalHost:8080", True),
    ("localhost.", True),
    ("127.0.0.1", True),
    ("127.255.0.9:1", True),
    ("[::1]:8080", True),
    ("[0:0:0:0:0:0:0:1]", True),
    ("[::ffff:127.0.0.1]", True),
    ("[::ffff:7f00:1]", True),
    *(
        (each, False)
        for each in (
            *("", " ", ":80", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.1."),
            *("127.0.0.1.nip.io", "localhost.evil.example", "evil.localhost", "localhost..", "."),
            *("..", ".localhost", "localhost.:", "127.0.0.1:", "-", "%6cocalhost"),
            *("user@127.0.0.1", "127.0.0.1@evil.example", "u:p@localhost", "127.0.0.1/", "/"),
            *("127.0.0.1, evil.example", "127.0.0.1 evil", "127.0.0.1#", "127.0.0.1?", "[::1"),
            *("::1", "[127.0.0.1]", "[localhost]", "[::ffff:10.0.0.1]", "[::127.0.0.1]", "[]"),
            *("127.0.0.1:99999", "127.0.0.1:x", "127.0.0.1:80:80", "0.0.0.0", "[::]", "10.0.0.1"),
            *("\u0661\u0662\u0667.0.0.1", "\uff11\uff12\uff17.0.0.1", "l\u00f6calhost"),
        )
    ),
]


@pytest.mark.parametrize(("host", "is_ours"), NAMES)
def test_host_must_be_loopback_in_a_form_that_all_systems_read_alike(
    host: str, is_ours: bool
) -> None:
    assert is_loopback(host_of(host) or "") == is_ours
    assert status_of(headers=head(authorization=None, host=host)) == (OK if is_ours else FORBIDDEN)


@pytest.mark.parametrize("other", [b"evil.example", b"127.0.0.1", b""])
def test_host_that_is_repeated_is_nobody_s(other: bytes) -> None:
    assert status_of(added=[(b"host", other)]) == FORBIDDEN
    assert status_of(headers=[(b"host", other), (b"host", b"127.0.0.1")]) == FORBIDDEN


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"public_url": "https://fake.example/x"}, FORBIDDEN),
        ({"public_url": "http://10.0.0.1:8080"}, FORBIDDEN),
        ({"public_url": "http://127.0.0.1:9000"}, OK),
        ({"public_url": "http://[::1]:9000/x"}, OK),
        ({"public_url": "http://LOCALHOST"}, OK),
        ({"public_hosts": "localhost:8080,127.0.0.1"}, OK),
        ({"public_hosts": "localhost:8080,fake.example"}, FORBIDDEN),
        ({"public_url": "http://127.0.0.1", "public_hosts": "fake.example"}, FORBIDDEN),
        ({"trusted_proxies": "127.0.0.1"}, FORBIDDEN),
        ({"trusted_proxies": "10.0.0.0/8"}, OK),
        ({"host": "0.0.0.0"}, OK),
    ],
    ids=str,
)
@pytest.mark.parametrize("path", PATHS[:2])
def test_server_that_others_reach_by_a_proxy_needs_the_token(
    path: str, options: dict[str, str], status: int
) -> None:
    assert status_of(path, options=options) == status
    if status == FORBIDDEN:
        with_token = {**options, "admin_token": "\u043a\u043b\u044e\u0447"}
        token = (b"x-fake-admin-token", "\u043a\u043b\u044e\u0447".encode())
        assert status_of(path, options=with_token, added=[token]) == OK
        assert status_of(path, options=with_token, added=[(token[0], token[1][:-1])]) == FORBIDDEN


def ask_raw(server: ServerThread, line: bytes, *headers: bytes) -> tuple[int, bytes]:
    sent = b"\r\n".join([line, *headers, b"Connection: close", b"", b""])
    status, _, content = parse_head(exchange(server.address, sent))
    return status, content


TARGETS = [
    (b"GET http://evil.example/_fake/world HTTP/1.1", b"Host: 127.0.0.1", FORBIDDEN),
    (b"GET http://127.0.0.1/_fake/world HTTP/1.1", b"Host: evil.example", FORBIDDEN),
    (b"GET http://127.0.0.1/_fake/world HTTP/1.1", b"Host: localhost", OK),
    (b"GET http://u@127.0.0.1/_fake/world HTTP/1.1", b"Host: localhost", OK),
    (b"GET http://127.0.0.1@evil/_fake/world HTTP/1.1", b"Host: localhost", FORBIDDEN),
    (b"GET /_fake/world HTTP/1.0", b"X: y", FORBIDDEN),
    (b"GET /_fake/world HTTP/1.1", b"Host:", FORBIDDEN),
    (b"GET /_fake/world HTTP/1.1", b"Host: 127.0.0.1\r\nHost: 127.0.0.1", 400),
    (b"GET //_fake//world HTTP/1.1", b"Host: evil.example", FORBIDDEN),
    (b"GET /%5Ffake/world HTTP/1.1", b"Host: evil.example", FORBIDDEN),
]


@pytest.mark.parametrize(("line", "host", "status"), TARGETS)
def test_host_of_a_whole_url_counts_as_the_header_does(
    line: bytes, host: bytes, status: int, server: ServerThread
) -> None:
    assert ask_raw(server, line, host)[0] == status


def other_address() -> str:
    """Return an address of this machine that is not loopback; skip the test if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            # Nothing is sent: this asks for the route alone.
            sock.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address = str(sock.getsockname()[0])
    if is_loopback(address):
        pytest.skip("this machine has no address but loopback")
    return address


def world_at(address: str, port: int) -> int:
    request = b"GET /_fake/world HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    return parse_head(exchange((address, port), request))[0]


def test_server_on_all_addresses_is_free_by_loopback_alone(start_server: StartServer) -> None:
    port = start_server(host="0.0.0.0").address[1]
    assert world_at("127.0.0.1", port) == OK
    assert world_at(other_address(), port) == FORBIDDEN


@pytest.mark.subprocess
@pytest.mark.skipif(sys.platform == "win32", reason="sockets are not inherited there")
def test_socket_that_is_passed_in_is_no_way_in() -> None:
    outside = other_address()
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port, fd = listener.getsockname()[1], str(listener.fileno())
        arguments = ("serve", "--storage", "memory://", "--listen-fd", fd)
        with subprocess.Popen(
            [sys.executable, "-m", "fake_apimart", *arguments],
            pass_fds=[int(fd)],
            stdout=subprocess.PIPE,
            env={**os.environ, "FAKE_APIMART_HOST": "127.0.0.1"},
        ) as process:
            assert process.stdout is not None
            assert b"listening on" in process.stdout.readline()
            statuses = [world_at(each, port) for each in ("127.0.0.1", outside)]
            process.terminate()
    assert statuses == [OK, FORBIDDEN]


@pytest.fixture(scope="module")
def guarded() -> Iterator[ServerThread]:
    settings = Settings(
        port=0, storage="memory://", admin_token="t\u00f6ken", public_hosts=("fake.example",)
    )
    with ServerThread(settings) as running_server:
        yield running_server


VALUES = st.one_of(
    st.binary(max_size=60).map(lambda data: data.translate(None, b"\r\n\x00")),
    st.binary(min_size=1, max_size=1).map(lambda byte: byte.translate(None, b"\r\n\x00") * 8192),
    st.sampled_from(
        [
            *(b"", b"http://[", b"[::1", b"[::1]", b"http://", b"\xff", b"@"),
            *("t\u00f6ke".encode(), b"Bearer \xff"),
        ]
    ),
)
GUARDED_HEADERS = ["Host", "Origin", "Authorization", "X-Fake-Admin-Token", "X-Forwarded-For"]


@hypothesis_settings(max_examples=examples(150))
@given(
    pairs=st.lists(st.tuples(st.sampled_from(GUARDED_HEADERS), VALUES), max_size=6),
    path=st.sampled_from([*PATHS, "/docs", "/v1/models", "/v1/uploads/images", "/f/image/x"]),
    method=st.sampled_from(["GET", "POST", "DELETE", "OPTIONS"]),
)
def test_no_header_is_a_fault_of_ours_or_opens_the_server(
    pairs: list[tuple[str, bytes]], path: str, method: str, guarded: ServerThread
) -> None:
    lines = [name.encode() + b": " + value for name, value in pairs]
    if not any(name == "Host" for name, _ in pairs):
        lines.append(b"Host: 127.0.0.1")
    status, content = ask_raw(guarded, f"{method} {path} HTTP/1.1".encode(), *lines)
    assert status < 500, content
    has_key = any(name == "Authorization" for name, _ in pairs)
    if path in PATHS and not has_key:
        assert status in (400, 403, 415, 431), content
    if content.startswith(b"{"):
        json.loads(content)


@pytest.mark.parametrize("token", ["t\u00f6ken".encode(), b"t\xf6ken", b"", b"\xff" * 8192])
def test_token_is_compared_as_bytes(token: bytes, guarded: ServerThread) -> None:
    headers = (b"Host: fake.example", b"X-Fake-Admin-Token: " + token)
    status, _ = ask_raw(guarded, b"GET /_fake/world HTTP/1.1", *headers)
    assert status == (OK if token == "t\u00f6ken".encode() else FORBIDDEN)


ECHOES = [
    (b"OPTIONS /v1/models", b"Origin: http://a\r\nAccess-Control-Request-Headers: %b"),
    (b"OPTIONS /v1/models", b"Origin: %b"),
    (b"POST /v1/images/generations", b"X-APIMart-Response-Version: %b"),
    (b"POST /v1/images/generations", b"Idempotency-Key: %b"),
    (b"GET /v1/models/", b"X-Request-Id: %b"),
    (b"GET /v1/models", b"X-Oneapi-Request-Id: %b"),
    (b"GET /v1/models?%b", b"X: %b"),
    (b"GET /v1/models/?a=%b", b"X: y"),
    (b"GET /v1/%b/", b"X: y"),
]
SPLITS = [
    *(b"a\rInjected: x", b"a%0d%0aInjected:%20x"),
    *(b"a\x85Injected: x", b"a\xe2\x80\xa8Injected: x"),
]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("target", "header"), ECHOES)
def test_what_a_client_sends_adds_no_header_to_an_answer(
    target: bytes, header: bytes, split: bytes, server: ServerThread
) -> None:
    line = target.replace(b"%b", split.replace(b" ", b"%20")) + b" HTTP/1.1"
    sent = [line, b"Host: h", header.replace(b"%b", split), b"Connection: close", b"", b""]
    answer = exchange(server.address, b"\r\n".join(sent))
    raw_head = answer.partition(b"\r\n\r\n")[0]
    assert answer.startswith(b"HTTP/1.1 ")
    assert raw_head.count(b"\r") == raw_head.count(b"\n") == raw_head.count(b"\r\n")
    assert not any(line.lower().startswith(b"injected") for line in raw_head.split(b"\r\n"))


@pytest.mark.parametrize(
    ("origin", "peer", "status"),
    [
        ("https://fake.example", "10.0.0.7", OK),
        ("https://fake.example:444", "10.0.0.7", FORBIDDEN),
        ("https://fake.example", "11.0.0.7", FORBIDDEN),
        ("http://127.0.0.1", "10.0.0.7", OK),
        ("https://evil.example", "10.0.0.7", FORBIDDEN),
    ],
)
def test_page_behind_a_trusted_proxy_is_of_our_own_origin(
    origin: str, peer: str, status: int
) -> None:
    stated = {"x_forwarded_host": "fake.example", "x_forwarded_proto": "https"}
    options = {"trusted_proxies": "10.0.0.0/8"}
    headers = head(origin=origin, **stated)
    assert status_of(headers=headers, client=(peer, 1), options=options) == status


def test_each_origin_of_several_must_be_our_own() -> None:
    for origins in (["http://127.0.0.1", "https://evil"], ["https://evil", "http://127.0.0.1"]):
        added = [(b"origin", each.encode()) for each in origins]
        assert status_of(headers=head(), added=added) == FORBIDDEN


@pytest.mark.parametrize(
    ("address", "networks", "is_inside"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("11.0.0.1", "10.0.0.0/8", False),
        ("fd00::1", "10.0.0.0/8,fd00::/8", True),
        ("10.0.0.1", "fd00::/8", False),
        ("", "0.0.0.0/0", False),
        ("proxy", "0.0.0.0/0", False),
        ("unix:", "0.0.0.0/0", False),
    ],
)
def test_address_is_looked_for_in_networks(address: str, networks: str, is_inside: bool) -> None:
    settings = Settings.model_validate({"storage": "memory://", "trusted_proxies": networks})
    assert is_within(address, settings.trusted_proxies) == is_inside
