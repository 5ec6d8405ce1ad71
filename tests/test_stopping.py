"""The end of a server: it comes in time, whatever its clients and its store do."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness import (
    AUTHORIZED,
    DEADLINE_SECONDS,
    JPEG,
    KEY,
    ServerProcess,
    catches_signals,
    connection,
    form,
    parse_head,
    read_answer,
    upload_request,
    wait_until,
)
from tests.stores import Store
from tests.tcp_proxy import TCPProxy

pytestmark = pytest.mark.subprocess

STOP_SECONDS = 8.0
"""The longest that a server may take to stop."""
MEMORY = ("--storage", "memory://")
HALF_A_FORM = form(JPEG)[:200]


def head(method: str, path: str, *lines: str, key: str = KEY) -> bytes:
    all_lines = ("Host: h", f"Authorization: Bearer {key}", *lines)
    return "\r\n".join([f"{method} {path} HTTP/1.1", *all_lines, "", ""]).encode()


def upload_head(*lines: str, key: str = KEY) -> bytes:
    form_type = "Content-Type: multipart/form-data; boundary=bbb"
    return head("POST", "/v1/uploads/images", form_type, *lines, key=key)


POLL = head("GET", "/v1/tasks/task_01KT48E134GCG3W870HKHPVMNA")

UNFINISHED = {
    "upload": upload_head("Content-Length: 1000000") + HALF_A_FORM,
    "large upload": upload_request(form(JPEG + bytes(3_000_000)))[:1_000_000],
    "chunked upload": upload_head("Transfer-Encoding: chunked") + b"5\r\n--bbb\r\n",
    "upload that waits to be asked for": upload_head(
        "Content-Length: 1000", "Expect: 100-continue"
    ),
    "upload of HTTP/1.0": upload_head("Content-Length: 1000").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "create": head("POST", "/v1/images/generations", "Content-Length: 1000") + b'{"model":',
    "create with a version": head(
        "POST",
        "/v1/images/generations",
        "Content-Length: 1000",
        "X-APIMart-Response-Version: 2026-07-27",
    ),
}
"""What is answered 503, since its body never comes to its end."""

ANSWERED = {
    "early answer before a large body": upload_head("Content-Length: 9000000", key=""),
    "wait for requests": head("GET", "/_fake/requests/wait?count=9&timeout=60"),
    "rule that delays": head("GET", "/v1/models", key="sk-delay"),
}
"""What has an answer before the end, or because of it."""

SILENT = {
    "nothing": b"",
    "half a head": POLL[:40],
    "early answer before a small body": upload_head("Content-Length: 1000", key=""),
    "rule that never answers": head("GET", "/v1/models", key="sk-never"),
    "rule that never answers half an upload": upload_head("Content-Length: 99", key="sk-never"),
    "rule that resets after half an upload": upload_head("Content-Length: 99", key="sk-reset"),
    "half a body for the control API": head(
        "POST", "/_fake/faults", "Content-Type: application/json", "Content-Length: 99"
    ),
}
"""What may just as well end without an answer."""

SLOW_READERS = {
    "file that is not read": "file",
    "file that comes a byte per second": "slow file",
}


@dataclass
class Stopped:
    """What came of a server that was told to stop while clients kept it busy."""

    seconds: float
    status: int
    log: str
    answers: dict[str, bytes]
    """By what the client was doing."""


def read_what_comes(sock: socket.socket) -> bytes:
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(65536):
            received += chunk
    return bytes(received)


def add_rules(url: str) -> None:
    effects: dict[str, dict[str, Any]] = {
        "sk-never": {"socket": "never_answer"},
        "sk-reset": {"socket": "reset_after_reading"},
        "sk-delay": {"delay": 60},
    }
    for key, rule in effects.items():
        for operation in ("models.list", "uploads.create"):
            fields = {"operation": operation, "times": None, **rule}
            headers = {"Authorization": f"Bearer {key}"}
            httpx.post(f"{url}/_fake/faults", json=fields, headers=headers).raise_for_status()


@contextlib.contextmanager
def deaf_listener() -> Iterator[str]:
    """Yield the URL of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"


def start_what_is_slow(server: ServerProcess, webhook: str) -> dict[str, bytes]:
    """Have a callback under way; return requests for a file, which comes slowly or is not read."""
    url, headers = server.url, AUTHORIZED
    task = {"model": "gpt-image-2", "prompt": "a cat", "webhook": webhook}
    httpx.post(f"{url}/v1/images/generations", json=task, headers=headers).raise_for_status()
    requests = {}
    for key, what in (("sk-slow", "slow file"), ("sk-large", "file")):
        own = {"Authorization": f"Bearer {key}"}
        files = {"file": ("a.jpg", JPEG + bytes(15_000_000))}
        answer = httpx.post(f"{url}/v1/uploads/images", files=files, headers=own)
        path = httpx.URL(answer.json()["url"]).path
        requests[what] = head("GET", path)
    rule = {"operation": "files.get", "socket": "one_byte_per_second", "times": None}
    slow = {"Authorization": "Bearer sk-slow"}
    httpx.post(f"{url}/_fake/faults", json=rule, headers=slow).raise_for_status()
    return requests


@pytest.fixture(scope="module")
def stopped() -> Iterator[Stopped]:
    """Stop a server with a client of each kind at once, none of which sends or reads any more."""
    with contextlib.ExitStack() as stack:
        webhook = stack.enter_context(deaf_listener())
        server = stack.enter_context(ServerProcess(*MEMORY, "--task-seconds", "0"))
        add_rules(server.url)
        large = start_what_is_slow(server, webhook)
        requests: dict[str, bytes] = {**UNFINISHED, **ANSWERED, **SILENT}
        requests.update({name: large[what] for name, what in SLOW_READERS.items()})
        sockets = {name: stack.enter_context(connection(server.address)) for name in requests}
        for name, request in requests.items():
            sockets[name].sendall(request)
        sockets["idle"] = idle = stack.enter_context(connection(server.address))
        idle.sendall(POLL)
        read_answer(idle)
        # All have arrived once the last one is answered.
        began = time.monotonic()
        status, log = server.end()
        seconds = time.monotonic() - began
        yield Stopped(
            seconds, status, log, {name: read_what_comes(sock) for name, sock in sockets.items()}
        )


def test_server_stops_in_time_whatever_its_clients_do(stopped: Stopped) -> None:
    assert stopped.seconds < STOP_SECONDS
    assert stopped.status == 0


def test_stop_logs_neither_a_traceback_nor_an_error(stopped: Stopped) -> None:
    assert "Traceback" not in stopped.log
    assert " ERROR " not in stopped.log


@pytest.mark.parametrize("name", UNFINISHED)
def test_request_that_is_not_finished_in_time_is_answered_503(stopped: Stopped, name: str) -> None:
    status, headers, body = parse_head(stopped.answers[name])
    error = json.loads(body)["error"]
    assert (status, headers["connection"]) == (503, "close")
    assert (error["type"], str(error["code"])) == ("service_unavailable", "503")


@pytest.mark.parametrize("name", ANSWERED)
def test_request_that_has_its_answer_keeps_it(stopped: Stopped, name: str) -> None:
    assert parse_head(stopped.answers[name])[0] in (200, 401)


@pytest.mark.parametrize("name", [*SILENT, "idle"])
def test_connection_is_closed_with_an_answer_of_the_api_or_none(
    stopped: Stopped, name: str
) -> None:
    answer = stopped.answers[name]
    assert not answer or parse_head(answer)[0] in (401, 503)
    assert b"Internal Server Error" not in answer


@pytest.mark.parametrize("name", SLOW_READERS)
def test_file_that_is_not_read_in_time_is_cut(stopped: Stopped, name: str) -> None:
    assert len(stopped.answers[name]) < 15_000_000
    assert stopped.answers[name].startswith(b"HTTP/1.1 200 OK\r\n")


def test_request_that_was_cut_short_stands_in_the_access_log(stopped: Stopped) -> None:
    assert re.search(r'"POST /v1/uploads/images HTTP/1\.1" 503', stopped.log)


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_second_signal_ends_the_server_at_once_and_quietly(
    first: signal.Signals, second: signal.Signals
) -> None:
    with ServerProcess(*MEMORY) as server, connection(server.address) as sock:
        sock.sendall(UNFINISHED["upload"])
        httpx.get(f"{server.url}/_fake/health")
        server.process.send_signal(first)
        time.sleep(0.5)
        began = time.monotonic()
        status, log = server.end(second)
    assert (status, time.monotonic() - began < 1) == (128 + second, True)
    assert "Traceback" not in log


def environment_of(store: Store, endpoint: str) -> dict[str, str]:
    return {**store.env, "AWS_ENDPOINT_URL_S3": endpoint}


def test_server_whose_store_hangs_stops_in_time(moto_store: Store, bucket: str) -> None:
    with (
        TCPProxy(moto_store.endpoint) as proxy,
        ServerProcess(
            "--storage", f"s3://{bucket}", env=environment_of(moto_store, proxy.endpoint)
        ) as server,
        connection(server.address) as sock,
    ):
        proxy.hang()
        sock.sendall(upload_request(form(JPEG)))
        time.sleep(0.5)
        began = time.monotonic()
        status, log = server.end()
        assert time.monotonic() - began < STOP_SECONDS
        answer = read_what_comes(sock)
    assert status == 0
    assert "Traceback" not in log
    assert not answer or parse_head(answer)[0] in (500, 503)


def test_server_that_waits_for_its_store_at_the_start_stops_at_once(
    moto_store: Store, bucket: str
) -> None:
    with TCPProxy(moto_store.endpoint) as proxy:
        proxy.hang()
        process = subprocess.Popen(
            [sys.executable, "-m", "fake_apimart", "serve", "--port", "0"],
            stderr=subprocess.PIPE,
            env={
                **environment_of(moto_store, proxy.endpoint),
                "FAKE_APIMART_STORAGE": f"s3://{bucket}",
            },
            text=True,
        )
        wait_until(lambda: proxy.has_clients, "the store is asked")
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, log = process.communicate(timeout=DEADLINE_SECONDS)
    assert time.monotonic() - began < STOP_SECONDS
    assert (process.returncode, log) == (0, "")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0, 0.1, 0.3, 0.6])
def test_server_that_is_only_starting_ends_quietly(seconds: float, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "fake_apimart", "serve", "--port", "0", *MEMORY],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: catches_signals(process), "the command begins")
    time.sleep(seconds)
    process.send_signal(number)
    began = time.monotonic()
    _, log = process.communicate(timeout=DEADLINE_SECONDS)
    assert time.monotonic() - began < STOP_SECONDS
    assert (process.returncode, log) == (0, "")


def test_a_thousand_idle_connections_do_not_delay_the_end() -> None:
    with ServerProcess(*MEMORY) as server, contextlib.ExitStack() as stack:
        for number in range(1000):
            sock = stack.enter_context(connection(server.address))
            if number % 2:
                sock.sendall(POLL[:30])
            if number % 5 == 0:
                sock.shutdown(socket.SHUT_WR)
        began = time.monotonic()
        status, log = server.end()
    assert (status, time.monotonic() - began < 5) == (0, True)
    assert "Traceback" not in log


def knock(address: tuple[str, int], stopped: threading.Event) -> None:
    """Open connection after connection; half of them send a request."""
    kept = []
    while not stopped.is_set():
        with contextlib.suppress(OSError):
            kept.append(socket.create_connection(address, timeout=1))
            if len(kept) % 2:
                kept[-1].sendall(POLL)
    for sock in kept:
        sock.close()


def test_clients_that_keep_coming_do_not_delay_the_end() -> None:
    stopped = threading.Event()
    with ServerProcess(*MEMORY) as server, ThreadPoolExecutor(4) as threads:
        for _ in range(4):
            threads.submit(knock, server.address, stopped)
        time.sleep(0.3)
        began = time.monotonic()
        status, log = server.end()
        seconds = time.monotonic() - began
        stopped.set()
    assert (status, seconds < 5) == (0, True)
    assert "Traceback" not in log


def test_delay_of_an_hour_ends_with_the_server() -> None:
    with ServerProcess(*MEMORY) as server, connection(server.address) as sock:
        rule = {"operation": "models.list", "delay": 60}
        httpx.post(f"{server.url}/_fake/faults", json=rule, headers=AUTHORIZED).raise_for_status()
        sock.sendall(POLL.replace(b"/v1/tasks/task_01KT48E134GCG3W870HKHPVMNA", b"/v1/models"))
        time.sleep(0.2)
        began = time.monotonic()
        status, log = server.end()
        answer = read_what_comes(sock)
    assert (status, time.monotonic() - began < 5) == (0, True)
    assert "Traceback" not in log
    assert parse_head(answer)[0] in (200, 503)


def test_upload_that_ends_in_time_is_taken() -> None:
    request = upload_request(form(JPEG + bytes(200_000)))
    with ServerProcess(*MEMORY) as server, connection(server.address) as sock:
        sock.sendall(request[:-1000])
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(2)
        sock.sendall(request[-1000:])
        answer = read_what_comes(sock)
        server.process.wait(DEADLINE_SECONDS)
    assert parse_head(answer)[0] == 200
    assert server.process.returncode == 0


def test_signal_for_broken_pipes_is_nothing_to_a_server() -> None:
    with ServerProcess(*MEMORY) as server:
        server.process.send_signal(signal.SIGPIPE)
        assert httpx.get(f"{server.url}/_fake/health").status_code == 200
        assert server.end()[0] == 0
