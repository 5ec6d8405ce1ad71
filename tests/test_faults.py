"""Injected faults: each one by name, as real clients see it."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import requests
from fake_apimart.contract.operations import BY_NAME, JOURNALED
from fake_apimart.http.socket_faults import SOCKET_FAULTS
from fake_apimart.worlds.faults import ERRORS
from fake_apimart_testing import ControlError, FakeAPIMart

from tests.conftest import StartServer
from tests.generating import VERSION
from tests.harness import (
    DATA,
    JPEG,
    PDF,
    PNG,
    ServerProcess,
    connection,
    form,
    read_to_end,
    upload_request,
    wait_until,
)
from tests.worlds import authorized, upload

Client = Callable[[str, str, dict[str, str], dict[str, Any]], tuple[int, bytes]]


def by_httpx(
    method: str, url: str, headers: dict[str, str], content: dict[str, Any]
) -> tuple[int, bytes]:
    answer = httpx.request(method, url, headers=headers, **content)
    return answer.status_code, answer.content


def by_requests(
    method: str, url: str, headers: dict[str, str], content: dict[str, Any]
) -> tuple[int, bytes]:
    answer = requests.request(method, url, headers=headers, timeout=20, **content)
    return answer.status_code, answer.content


def by_curl(
    method: str, url: str, headers: dict[str, str], content: dict[str, Any]
) -> tuple[int, bytes]:
    command = ["curl", "-sS", "-X", method, url, "-w", "\n%{http_code}"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    stdin = None
    if "files" in content:
        filename, stdin = content["files"]["file"]
        command += ["-F", f"file=@-;filename={filename}"]
    if "json" in content:
        command += ["-H", "Content-Type: application/json", "--data-binary", "@-"]
        stdin = json.dumps(content["json"]).encode()
    result = subprocess.run(command, input=stdin, capture_output=True, check=True, timeout=30)
    body, _, status = result.stdout.rpartition(b"\n")
    return int(status), body


CLIENTS = {"httpx": by_httpx, "requests": by_requests, "curl": by_curl}
EACH_CLIENT = pytest.mark.parametrize(
    "client", ["httpx", "requests", pytest.param("curl", marks=pytest.mark.subprocess)]
)

CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "uploads.create": ("POST", "/v1/uploads/images", {"files": {"file": ("a.jpg", JPEG)}}),
    "generations.create": (
        "POST",
        "/v1/images/generations",
        {"json": {"model": "gpt-image-2", "prompt": "a cat"}},
    ),
    "tasks.get": ("GET", "/v1/tasks/task_01KT48E134GCG3W870HKHPVMNA", {}),
    "tasks.batch": ("POST", "/v1/tasks/batch", {"json": {"task_ids": []}}),
    "models.list": ("GET", "/v1/models", {}),
    "models.get": ("GET", "/v1/models/gpt-image-2", {}),
    "models.schema": ("GET", "/v1/model-schema?model=gpt-image-2", {}),
    "models.docs": ("GET", "/v1/model-docs?model=gpt-image-2", {}),
    "balance.get": ("GET", "/v1/balance", {}),
}

BODIES = json.loads((DATA / "fault_bodies.json").read_text("utf-8"))
"""The exact body of each error; ID stands for the request id, TOKEN for the key's number."""

PAIRS = [
    (operation, error)
    for error in ERRORS
    for operation in CALLS
    if error in BY_NAME[operation].faults
]


def as_stated(body: bytes) -> str:
    """Return the body with ID in place of the request id, and TOKEN in place of the key's."""
    text = re.sub(r"token_id=\d+", "token_id=TOKEN", body.decode())
    head, found, rest = text.partition("(request id: ")
    return f"{head}ID{rest.partition(')')[2]}" if found else text


@EACH_CLIENT
@pytest.mark.parametrize(("operation", "error"), PAIRS)
def test_error_by_name_has_the_contract_s_bytes_and_happens_once(
    operation: str, error: str, client: str, world: FakeAPIMart
) -> None:
    if client == "curl" and shutil.which("curl") is None:
        pytest.skip("needs curl")
    method, path, content = CALLS[operation]
    headers = {"Authorization": f"Bearer {world.api_key}"}
    rule = world.fail(operation, error)
    status, body = CLIENTS[client](method, world.base_url + path, headers, content)
    assert {"status": status, "body": as_stated(body)} == BODIES[error]
    assert rule.used == 1
    after, _ = CLIENTS[client](method, world.base_url + path, headers, content)
    # The task that `tasks.get` asks for is unknown.
    assert after == (400 if operation == "tasks.get" else 200)
    entries = world.requests.matching(operation)
    assert [(each.status, each.fault) for each in entries] == [(status, error), (after, None)]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [("access_denied", 403, b"AccessDenied"), ("service_unavailable", 503, b"SlowDown")],
)
def test_file_of_the_world_fails_as_its_store_would(
    error: str, status: int, code: bytes, world: FakeAPIMart
) -> None:
    url = upload(world).json()["url"]
    world.fail("files.get", error)
    refused = httpx.get(url)
    assert refused.status_code == status
    assert b"<Code>" + code + b"</Code>" in refused.content
    assert httpx.get(url).content == JPEG


def test_file_too_large_states_the_true_size_where_it_is(start_server: StartServer) -> None:
    with FakeAPIMart(start_server(max_file_bytes=100).url) as world:
        world.fail("uploads.create", "file_too_large")
        assert f"file size {len(PNG)} exceeds maximum 100 bytes" in upload(world, PNG).text


def test_rule_waits_for_its_step(world: FakeAPIMart) -> None:
    rule = world.fail("uploads.create", "upload_failed")
    assert "unsupported image type" in upload(world, PDF).text
    assert rule.used == 0
    assert "failed to upload image" in upload(world).text
    assert rule.used == 1
    assert world.uploads == []


def test_rules_fire_in_the_order_they_were_written(world: FakeAPIMart) -> None:
    world.fail("uploads.create", "upload_failed", times=2)
    world.fail("uploads.create", "invalid_key", after=1)
    world.fail("uploads.create", status=418)
    statuses = [upload(world).status_code for _ in range(6)]
    # The second rule lets its first request pass, so the third rule applies to it.
    assert statuses == [500, 500, 418, 401, 200, 200]


def test_rule_without_an_end_goes_on_until_it_is_removed(world: FakeAPIMart) -> None:
    rule = world.fail("uploads.create", "forbidden", times=None)
    assert {upload(world).status_code for _ in range(5)} == {403}
    rule.remove()
    assert rule.used == 5
    assert upload(world).status_code == 200


def test_unknown_rule_cannot_be_removed(world: FakeAPIMart) -> None:
    mine = world.fail("uploads.create", "forbidden", optional=True)
    another_s = world.another().fail("uploads.create", "forbidden", optional=True)
    for unknown in (0, another_s.id):
        answer = httpx.delete(
            f"{world.base_url}/_fake/faults",
            params={"id": unknown},
            headers={**authorized(world), "Content-Type": "application/json"},
        )
        assert answer.status_code == 404
        assert answer.json()["error"]["message"] == f"there is no rule {unknown}"
    rules = httpx.get(f"{world.base_url}/_fake/faults", headers=authorized(world)).json()
    assert [rule["id"] for rule in rules["faults"]] == [mine.id]


def test_rate_limit_by_a_rule_has_a_retry_after_header(world: FakeAPIMart) -> None:
    world.fail("uploads.create", "rate_limited")
    answer = upload(world)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


def test_each_turn_is_for_one_request_alone(world: FakeAPIMart) -> None:
    rule = world.fail("uploads.create", "upload_failed", times=3)
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(upload(world).status_code))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 9 + [500] * 3
    assert rule.used == 3


def test_rule_of_the_whole_server_comes_after_the_world_s_own(start_server: StartServer) -> None:
    server = start_server()
    with FakeAPIMart(server.url) as world:
        for status in (501, 502):
            body = {"operation": "uploads.create", "status": status}
            httpx.post(f"{server.url}/_fake/faults", json=body).raise_for_status()
        world.fail("uploads.create", status=418)
        assert [upload(world).status_code for _ in range(4)] == [418, 501, 502, 200]


def test_raw_answer_is_given_as_it_is(world: FakeAPIMart) -> None:
    page = "<html><h1>502 Bad Gateway</h1></html>"
    headers = {"Content-Type": "text/html", "X-Proxy": "front-1"}
    world.fail("uploads.create", status=502, headers=headers, body=page)
    answer = upload(world)
    assert (answer.status_code, answer.text) == (502, page)
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["x-proxy"] == "front-1"


def test_error_of_a_versioned_create_takes_its_form(world: FakeAPIMart) -> None:
    world.fail("generations.create", "bad_gateway")
    answer = httpx.post(
        f"{world.base_url}/v1/images/generations",
        headers={**authorized(world), **VERSION},
        json={"model": "m", "prompt": "p"},
    )
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "502"
    assert answer.json()["request_id"].startswith("req_")


def test_page_s_own_poll_meets_the_rules_of_polls(world: FakeAPIMart) -> None:
    world.fail("tasks.get", "bad_gateway")
    url = f"{world.base_url}/v1/images/generations/task_01KT48E134GCG3W870HKHPVMNA"
    assert httpx.get(url, headers=authorized(world)).status_code == 502


def test_delay_comes_before_the_answer(world: FakeAPIMart) -> None:
    world.fail("uploads.create", delay=0.4)
    world.fail("uploads.create", "forbidden", delay=0.4)
    started = time.monotonic()
    assert upload(world).status_code == 200
    assert time.monotonic() - started >= 0.4
    assert upload(world).status_code == 403
    assert time.monotonic() - started >= 0.8


def whole_answer(world: FakeAPIMart, body: bytes = b"") -> bytes:
    """Send one upload on a new connection; return everything received until it closes."""
    request = upload_request(body or form(JPEG, "a.jpg"), authorized(world))
    host, port = world.base_url.removeprefix("http://").split(":")
    with connection((host, int(port))) as sock:
        sock.sendall(request)
        return read_to_end(sock)


@pytest.mark.parametrize("fault", ["close_before_reading", "reset_after_reading"])
@EACH_CLIENT
def test_connection_that_ends_without_an_answer_is_an_error_of_the_client_s(
    fault: str, client: str, world: FakeAPIMart
) -> None:
    method, path, content = CALLS["uploads.create"]
    world.fail("uploads.create", socket=fault)
    with pytest.raises(
        (httpx.TransportError, requests.ConnectionError, subprocess.CalledProcessError)
    ):
        CLIENTS[client](method, world.base_url + path, authorized(world), content)
    assert [(each.status, each.fault) for each in world.requests] == [(None, fault)]
    assert world.uploads == []
    assert upload(world).status_code == 200


def test_reset_comes_once_the_body_was_read(world: FakeAPIMart) -> None:
    world.fail("uploads.create", socket="reset_after_reading")
    with pytest.raises(ConnectionResetError):
        whole_answer(world, form(JPEG + bytes(4_000_000)))


def test_answer_that_ends_after_its_headers_leaves_the_file(world: FakeAPIMart) -> None:
    world.fail("uploads.create", socket="end_after_headers")
    head, _, body = whole_answer(world).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b""
    assert [each.read() for each in world.uploads] == [JPEG]


def test_answer_that_is_cut_has_half_of_its_body(world: FakeAPIMart) -> None:
    world.fail("uploads.create", socket="cut_in_body")
    head, _, body = whole_answer(world).partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    assert len(body) == length // 2
    assert body.startswith(b'{"url":"http://')


def test_file_that_is_cut_is_an_error_of_the_client_s(world: FakeAPIMart) -> None:
    url = upload(world).json()["url"]
    world.fail("files.get", socket="cut_in_body")
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url)
    assert httpx.get(url).content == JPEG


def test_answer_comes_a_byte_per_second(world: FakeAPIMart) -> None:
    world.fail("balance.get", socket="one_byte_per_second")
    started = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{world.base_url}/v1/balance", headers=authorized(world), timeout=0.5)
    with httpx.stream("GET", f"{world.base_url}/v1/balance", headers=authorized(world)) as answer:
        assert answer.read().startswith(b'{"success":true')
    assert time.monotonic() - started < 10


def test_client_may_time_out_on_an_answer_that_never_comes(world: FakeAPIMart) -> None:
    world.fail("balance.get", socket="never_answer")
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{world.base_url}/v1/balance", headers=authorized(world), timeout=0.3)
    assert httpx.get(f"{world.base_url}/v1/balance", headers=authorized(world)).is_success


AHEAD = {
    "nothing": "",
    "a line end": "\r\n",
    "half a head": "GET / HTTP/1.1\r\n",
    "a long head": "GET / HTTP/1.1\r\nX: " + 300_000 * "x",
    "many requests": 9000 * "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("ahead", AHEAD.values(), ids=AHEAD.keys())
def test_client_that_gives_up_on_an_answer_frees_its_connection(
    ahead: str, world: FakeAPIMart
) -> None:
    world.fail("balance.get", socket="never_answer")
    host, port = world.base_url.removeprefix("http://").split(":")
    with connection((host, int(port))) as sock:
        key = f"Authorization: Bearer {world.api_key}\r\n"
        sock.sendall(f"GET /v1/balance HTTP/1.1\r\nHost: x\r\n{key}\r\n{ahead}".encode())
        wait_until(lambda: world.requests.matching("balance.get"), "the request was noted")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b"", "the server closes its side too"


def test_client_that_leaves_a_slow_answer_is_noticed_whatever_it_has_sent_ahead(
    start_server: StartServer,
) -> None:
    server = start_server()
    with FakeAPIMart(server.url) as world:
        world.fail("balance.get", socket="one_byte_per_second")
        with connection(server.address) as sock:
            key = f"Authorization: Bearer {world.api_key}\r\n"
            one = f"GET /v1/balance HTTP/1.1\r\nHost: x\r\n{key}\r\n"
            sock.sendall((one + AHEAD["many requests"]).encode())
            sock.recv(1)
        wait_until(lambda: server.connections <= 1, "only the connection of the rule is open")


STALLING = ["never_answer", "one_byte_per_second", "dribble"]


@pytest.mark.parametrize("fault", sorted(SOCKET_FAULTS.keys() - set(STALLING)))
def test_pipelined_requests_end_with_the_connection(fault: str, world: FakeAPIMart) -> None:
    world.fail("balance.get", socket=fault)
    key = f"Authorization: Bearer {world.api_key}\r\n"
    one = f"GET /v1/balance HTTP/1.1\r\nHost: x\r\n{key}\r\n".encode()
    host, port = world.base_url.removeprefix("http://").split(":")
    with connection((host, int(port))) as sock:
        sock.sendall(one * 3)
        with contextlib.suppress(ConnectionResetError):
            read_to_end(sock)
    wait_until(lambda: world.requests.matching("balance.get"), "the request was noted")
    assert httpx.get(f"{world.base_url}/v1/balance", headers=authorized(world)).is_success
    assert [each.fault for each in world.requests.matching("balance.get")] == [fault, None]


@pytest.mark.subprocess
@pytest.mark.parametrize("fault", STALLING)
def test_server_ends_at_once_and_without_noise_while_an_answer_stalls(fault: str) -> None:
    with ServerProcess("--storage", "memory://") as process, connection(process.address) as sock:
        world = FakeAPIMart(process.url)
        pace: dict[str, float] | None = {"bytes": 1, "seconds": 60} if fault == "dribble" else None
        world.fail("balance.get", socket=fault, dribble=pace)
        key = f"Authorization: Bearer {world.api_key}\r\n"
        sock.sendall(f"GET /v1/balance HTTP/1.1\r\nHost: x\r\n{key}\r\n".encode())
        world.requests.wait_for("balance.get")
        started = time.monotonic()
        status, log = process.end()
        assert time.monotonic() - started < 5
        assert status == 0
        assert "Traceback" not in log
        assert "ERROR" not in log
        with pytest.raises(ControlError, match="does not answer"):
            world.close()


REFUSED = json.loads((DATA / "rule_refusals.json").read_text("utf-8"))


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: refused["message"])
def test_invalid_rule_is_refused_when_it_is_written(
    refused: dict[str, Any], world: FakeAPIMart
) -> None:
    answer = httpx.post(
        f"{world.base_url}/_fake/faults",
        headers={**authorized(world), "Content-Type": "application/json"},
        content=json.dumps(refused["body"]),
    )
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert refused["message"] in error["message"]
    assert error == {"message": error["message"], "type": "invalid_request_error"}
    rules = httpx.get(f"{world.base_url}/_fake/faults", headers=authorized(world)).json()
    assert rules == {"faults": []}


def test_every_operation_is_called_here() -> None:
    assert {*CALLS, "files.get"} == set(JOURNALED)


def test_every_operation_has_errors_of_its_own() -> None:
    for operation in JOURNALED:
        assert set(BY_NAME[operation].faults) & set(ERRORS)
    assert {*BODIES, "access_denied"} == set(ERRORS)
