"""Callbacks beside hostile and broken receivers, many at once, and with clocks that are moved."""

from __future__ import annotations

import contextlib
import inspect
import logging
import socket
import ssl
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_apimart.callbacks import attempts, delivery, resolver, world_queue
from fake_apimart.callbacks.delivery import MARK
from fake_apimart.observability.standard_error import LOGGING
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.generating import create
from tests.harness import AUTHORIZED, ServerThread, wait_until
from tests.receivers import (
    OK,
    Behaviour,
    Receiver,
    answers,
    closes,
    deaf,
    echoes,
    hangs,
    self_signed,
    sends,
)
from tests.worlds import created

AT_ONCE = "[fake: seconds=0]"
HEADERS_WITHOUT_END = b"X-Filler: " + b"x" * 60_000 + b"\r\n"


@pytest.fixture
def log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], str]]:
    """Yield a function that returns what was logged so far."""
    # Also of servers that start after this.
    monkeypatch.setitem(LOGGING["loggers"]["fake_apimart"], "propagate", True)
    monkeypatch.setattr(logging.getLogger("fake_apimart"), "propagate", True)
    with caplog.at_level("INFO", "fake_apimart"):
        yield lambda: caplog.text


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tries and pauses be short."""
    monkeypatch.setattr(delivery, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(attempts, "RETRY_SECONDS", (0.02, 0.02))


# What the receiver does, how often it is called, and what the log says at the end.
RECEIVERS: dict[str, tuple[list[Behaviour], int, str]] = {
    "200": ([answers(200)], 1, "status 200"),
    "204": ([answers(204)], 1, "status 204"),
    "an answer of HTTP/1.0": ([sends(b"HTTP/1.0 200 OK\r\n\r\n")], 1, "status 200"),
    "interim answers first": ([sends(b"HTTP/1.1 103 Hints\r\n\r\n" * 3, OK)], 1, "status 200"),
    "a redirect": ([answers(307, "Location: /elsewhere")], 1, "status 307"),
    "404": ([answers(404)], 1, "status 404"),
    "429": ([answers(429)], 1, "status 429"),
    "500, then 200": ([answers(500), answers(200)], 2, "status 200"),
    "503 for ever": ([answers(503)], 3, "status 503"),
    "closes at once": ([closes], 3, "given up"),
    "closes after the request": ([sends()], 3, "without an answer|Connection reset|not HTTP"),
    "hangs after the request": ([hangs], 3, "no answer within 0.3 seconds"),
    "hangs within the head": (
        [sends(b"HTTP/1.1 200 OK\r\nX-", then_waits=True)],
        3,
        "no answer within 0.3 seconds",
    ),
    "a body without end": (
        [sends(b"HTTP/1.1 200 OK\r\n\r\n", endlessly=bytes(65536))],
        1,
        "status 200",
    ),
    "no HTTP": (
        [sends(b"220 mail.example ESMTP\r\n", then_waits=True)],
        3,
        "no answer within 0.3 seconds",
    ),
    "binary without end": ([sends(endlessly=b"\x16\x03" * 9999)], 3, "is not HTTP/1.1"),
    "headers without end": (
        [sends(b"HTTP/1.1 200 OK\r\n", endlessly=HEADERS_WITHOUT_END)],
        3,
        "head exceeds 65536 bytes",
    ),
    "one header without end": (
        [sends(b"HTTP/1.1 200 OK\r\nX: ", endlessly=b"x" * 65536)],
        3,
        "head exceeds 65536 bytes",
    ),
    "interim answers without end": (
        [sends(endlessly=b"HTTP/1.1 100 Continue\r\n\r\n" * 999)],
        3,
        "head exceeds 65536 bytes",
    ),
    "an echo": ([echoes], 3, "is not HTTP/1.1"),
}


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(("behaviours", "tries", "end"), RECEIVERS.values(), ids=RECEIVERS)
def test_receiver_gets_as_many_tries_as_its_answers_ask_for(
    behaviours: list[Behaviour],
    tries: int,
    end: str,
    world: FakeAPIMart,
    log: Callable[[], str],
) -> None:
    with Receiver(*behaviours) as receiver:
        webhook = f"http://us3r:passw0rd@127.0.0.1:{receiver.port}/hook?token=s3cret"
        created(world, prompt=AT_ONCE, webhook=webhook)
        is_last = tries == len(attempts.RETRY_SECONDS) + 1
        last = "given up" if is_last else "INFO     fake_apimart.callbacks"
        wait_until(lambda: last in log(), "the end of the tries")
        assert receiver.connections == tries
    assert any(each in log() for each in end.split("|"))
    for secret in ("us3r", "passw0rd", "token", "s3cret", "Traceback"):
        assert secret not in log()


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(
    ("webhook", "problem"),
    [
        ("http://no-such-name.invalid/", "Name|name|resolution|looked up"),
        ("http://127.0.0.1:9/", "Connection refused"),
        ("http://[::1%25nowhere]:9/", ""),
        ("http://" + "a" * 63 + ".invalid/", ""),
    ],
)
def test_target_that_cannot_be_reached_is_given_up(
    webhook: str, problem: str, world: FakeAPIMart, log: Callable[[], str]
) -> None:
    created(world, prompt=AT_ONCE, webhook=webhook)
    wait_until(lambda: "given up" in log(), "the end of the tries")
    assert any(each in log() for each in problem.split("|"))


@pytest.mark.usefixtures("_quick")
def test_port_that_accepts_nothing_is_given_up_in_time(
    world: FakeAPIMart, log: Callable[[], str]
) -> None:
    with deaf() as url:
        created(world, prompt=AT_ONCE, webhook=url)
        wait_until(lambda: "given up" in log(), "the end of the tries")
    assert log().count("no answer within 0.3 seconds") == 3


@pytest.mark.usefixtures("_quick")
def test_tls_on_a_plain_port_is_given_up(world: FakeAPIMart, log: Callable[[], str]) -> None:
    greets = sends(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    greets.reads_nothing = True  # type: ignore[attr-defined]
    with Receiver(greets) as receiver:
        created(world, prompt=AT_ONCE, webhook=f"https://127.0.0.1:{receiver.port}")
        wait_until(lambda: "given up" in log(), "the end of the tries")
        assert receiver.connections == 3


def test_https_is_sent_to_who_has_a_certificate_that_is_known(
    start_server: StartServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    log: Callable[[], str],
) -> None:
    monkeypatch.setattr(attempts, "RETRY_SECONDS", ())
    # Without what is cached of it for all tests.
    monkeypatch.setattr(ssl, "create_default_context", inspect.unwrap(ssl.create_default_context))
    certificate = self_signed(tmp_path, "localhost")
    with Receiver(answers(200), certificate=certificate) as receiver:
        webhook = f"https://localhost:{receiver.port}"
        create(start_server(task_seconds=0), webhook=webhook)
        wait_until(lambda: "given up" in log(), "the end for whom the certificate is unknown")
        assert "certificate verify failed" in log()
        assert not receiver.requests
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        create(start_server(task_seconds=0), webhook=webhook)
        wait_until(lambda: receiver.requests, "the callback")
        assert receiver.requests[0].headers["host"] == f"localhost:{receiver.port}"


@pytest.mark.usefixtures("_quick")
def test_head_of_many_megabytes_takes_little_memory(
    world: FakeAPIMart, log: Callable[[], str]
) -> None:
    flood = sends(b"HTTP/1.1 200 OK\r\n", endlessly=HEADERS_WITHOUT_END)
    with Receiver(flood) as receiver:
        tracemalloc.start()
        for _ in range(8):
            created(world, prompt=AT_ONCE, webhook=receiver.url)
        wait_until(lambda: log().count("given up") == 8, "the end of all")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8_000_000


def test_name_that_is_looked_up_for_long_is_given_up_and_delays_no_other(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    monkeypatch.setattr(delivery, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(attempts, "RETRY_SECONDS", ())
    answered = threading.Event()
    look_up = socket.getaddrinfo

    def slow_look_up(host: str, *arguments: object, **named: object) -> object:
        if host.endswith(".invalid"):
            answered.wait()
        return look_up(host, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", slow_look_up)
    server = start_server(task_seconds=0)
    with Receiver(answers(200)) as receiver:
        for number in range(20):
            key = {"Authorization": f"Bearer key-{number}"}
            create(server, key, webhook=f"http://dead-{number}.invalid/")
        create(server, webhook=f"http://localhost:{receiver.port}")
        wait_until(lambda: receiver.requests, "the callback")
        wait_until(lambda: log().count("given up") == 20, "the end of all")
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 1
    answered.set()


@pytest.mark.skipif(sys.platform != "linux", reason="there is no second loopback address")
@pytest.mark.parametrize("first", ["refuses", "accepts nothing"])
def test_next_address_is_tried_where_one_cannot_be_reached(
    first: str, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "TIMEOUT_SECONDS", 1.0)
    monkeypatch.setattr(attempts, "RETRY_SECONDS", ())
    look_up = socket.getaddrinfo

    def both(host: str, *arguments: Any, **named: Any) -> list[Any]:
        hosts = ["127.0.0.2", "127.0.0.1"] if host == "two.invalid" else [host]
        return [each for one in hosts for each in look_up(one, *arguments, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with Receiver(answers(200)) as receiver, contextlib.ExitStack() as stack:
        if first == "accepts nothing":
            stack.enter_context(deaf("127.0.0.2", receiver.port))
        create(server, prompt=AT_ONCE, webhook=f"http://two.invalid:{receiver.port}")
        wait_until(lambda: receiver.requests, "the callback")


def test_names_that_are_looked_up_are_bounded(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    monkeypatch.setattr(resolver, "MAX_LOOKUPS", 0)
    monkeypatch.setattr(attempts, "RETRY_SECONDS", ())
    server = start_server(task_seconds=0)
    create(server, webhook="http://localhost:9")
    wait_until(lambda: "given up" in log(), "the end")
    assert "0 names are being looked up already" in log()


def test_request_carries_the_mark_and_what_go_sends(world: FakeAPIMart) -> None:
    with Receiver(answers(200)) as receiver:
        host = f"127.0.0.1:{receiver.port}"
        task_id = created(world, prompt=AT_ONCE, webhook=f"http://us%40r:p:%77@{host}/h?a=b")
        wait_until(lambda: receiver.requests, "the callback")
        (request,) = receiver.requests
    assert request.line == "POST /h/callback?a=b HTTP/1.1"
    length = request.headers.pop("content-length")
    assert int(length) > 0
    assert request.headers == {
        "host": host,
        "user-agent": "Go-http-client/1.1",
        "content-type": "application/json",
        MARK.lower(): task_id,
        "accept-encoding": "gzip",
        "connection": "close",
        "authorization": "Basic dXNAcjpwOnc=",
    }


def test_proxies_of_the_environment_are_not_used(
    world: FakeAPIMart, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver(answers(502)) as proxy, Receiver(answers(200)) as receiver:
        created(world, prompt="[fake: seconds=99]", webhook=receiver.url)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        world.clock.advance(seconds=99)
        wait_until(lambda: receiver.requests, "the callback")
        assert proxy.connections == 0


def test_redirect_is_not_followed(server: ServerThread, world: FakeAPIMart) -> None:
    location = f"Location: {server.url}/_fake/reset"
    with Receiver(answers(307, location)) as receiver:
        task_id = created(world, prompt=AT_ONCE, webhook=receiver.url)
        wait_until(lambda: receiver.requests, "the callback")
        time.sleep(0.2)
        assert receiver.connections == 1
    assert [task.id for task in world.tasks] == [task_id]


def test_four_run_at_once_and_a_pause_holds_no_place(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "RETRY_SECONDS", (30.0,))
    server = start_server(task_seconds=0)
    # The first four fail, and wait for half a minute; the next four hang.
    with Receiver(*[answers(500)] * 4, hangs) as receiver:
        for _ in range(10):
            create(server, webhook=receiver.url)
        wait_until(lambda: receiver.connections == 8, "as many as may run")
        time.sleep(0.3)
        assert receiver.connections == 8


def test_dead_target_of_one_world_delays_no_other(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_server(task_seconds=0)
    with Receiver(hangs) as dead, Receiver(answers(200)) as receiver:
        for number in range(5):
            for _ in range(6):
                create(server, {"Authorization": f"Bearer key-{number}"}, webhook=dead.url)
        wait_until(lambda: dead.connections == 20, "four of each world")
        began = time.monotonic()
        create(server, webhook=receiver.url)
        wait_until(lambda: receiver.requests, "the callback")
        assert time.monotonic() - began < 2


def test_hundred_callbacks_of_a_world_wait_and_more_are_logged(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, log: Callable[[], str]
) -> None:
    monkeypatch.setattr(world_queue, "MAX_WAITING", 3)
    server = start_server(task_seconds=1000)
    with Receiver(answers(200)) as receiver:
        for _ in range(5):
            assert create(server, webhook=receiver.url).status_code == 200
        other = {"Authorization": "Bearer other"}
        create(server, other, prompt=AT_ONCE, webhook=receiver.url)
        wait_until(lambda: receiver.requests, "the callback of another world")
        with FakeAPIMart(server.url, api_key=AUTHORIZED["Authorization"][7:]) as world:
            world.clock.advance(seconds=1000)
            wait_until(lambda: len(receiver.requests) == 4, "those that waited")
    assert log().count("are waiting already") == 2


@pytest.mark.parametrize(
    ("worlds", "seconds", "polls", "advance"),
    [(500, 86_400, 0, 86_399.999), (10, 0, 1, 0)],
    ids=["for a clock that stands still", "for a poll"],
)
def test_waiting_callbacks_cost_nearly_no_time(
    worlds: int, seconds: int, polls: int, advance: float, start_server: StartServer
) -> None:
    server = start_server(task_seconds=seconds, task_polls=polls)
    task = {"model": "m", "prompt": "a cat", "webhook": "http://127.0.0.1:9"}
    with httpx.Client(base_url=server.url) as client:
        client.post("/_fake/clock", json={"freeze": True}).raise_for_status()
        for number in range(500):
            key = {"Authorization": f"Bearer key-{number % worlds}"}
            answer = client.post("/v1/images/generations", headers=key, json=task)
            assert answer.status_code == 200
        client.post("/_fake/clock", json={"advance": advance}).raise_for_status()
    # The pauses between looks grow at first.
    time.sleep(1.5)
    began = time.process_time()
    time.sleep(2)
    assert time.process_time() - began < 0.2
