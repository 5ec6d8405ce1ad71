"""The line of each request: what it says, in text and in JSON, whatever clients do."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
from collections.abc import Iterator
from typing import Any, Literal

import httpx
import pytest
from fake_apimart import create_app
from fake_apimart.observability.access_log import AccessLog
from fake_apimart.observability.log_form import FORMS
from fake_apimart.observability.request_record import RequestRecord
from fake_apimart.settings.settings import Settings
from fake_apimart.worlds.world import name_of
from fake_apimart_testing import FakeAPIMart
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, KEY, PNG, ServerProcess, ServerThread, exchange

MEMORY = ("--storage", "memory://")
STAMP = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
FIELDS = [
    *("time", "level", "message", "client", "method", "path", "http_version", "status"),
    *(
        "operation",
        "duration_ms",
        "bytes_in",
        "bytes_out",
        "request_id",
        "world",
        "label",
        "reason",
    ),
    "cut",
]


def lines_of(*flags: str) -> list[str]:
    with ServerProcess(*MEMORY, *flags) as server:
        url = f"{server.url}/v1/models?x=%20%0A&%6Bey=s3cret"
        httpx.get(url, headers={"Authorization": "Bearer s3cret"})
        return server.end()[1].splitlines()


@pytest.mark.subprocess
def test_request_is_a_line_without_its_key() -> None:
    (line,) = lines_of()
    pattern = (
        rf'{STAMP} INFO 127\.0\.0\.1:\d+ - "GET /v1/models\?x=%20%0A&%6Bey=\*\*\* HTTP/1\.1" 200 '
        r"operation=models\.list ms=\d+\.\d{3} in=0 out=\d+ id=\d{15,23}\w{8} "
    )
    assert re.fullmatch(pattern + f"world={name_of('s3cret')}", line), line


@pytest.mark.subprocess
def test_log_can_be_left_out() -> None:
    assert lines_of("--no-access-log") == []


@pytest.mark.subprocess
def test_all_lines_are_json_where_that_is_set() -> None:
    with ServerProcess(*MEMORY, "--log-format", "json") as server:
        exchange(server.address, b"GET /v1/models HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        exchange(server.address, b"\x00\r\n\r\n")
        httpx.post(
            f"{server.url}/v1/images/generations",
            headers=AUTHORIZED,
            json={"model": "m", "prompt": "p", "webhook": "http://127.0.0.1:1/"},
        )
        log = server.end()[1]
    lines = [json.loads(line) for line in log.splitlines()]
    requests = [line for line in lines if line["message"] == "request"]
    assert [line["status"] for line in requests] == [401, 400, 200]
    assert all(list(line) == FIELDS for line in requests)
    assert all(re.fullmatch(STAMP, line["time"]) for line in lines)


@pytest.fixture
def logged(start_server: StartServer, capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Yield a server, and a function that stops it and returns its lines about requests."""
    stack = contextlib.ExitStack()
    server = stack.enter_context(
        ServerThread(Settings(port=0, storage="memory://", log_format="json", control=True))
    )

    def read() -> list[dict[str, Any]]:
        stack.close()
        lines = map(json.loads, capsys.readouterr().err.splitlines())
        return [line for line in lines if line["message"] == "request"]

    yield server, read
    stack.close()


def test_line_has_all_that_is_known_of_a_request(logged: Any) -> None:
    server, read = logged
    answer = httpx.post(
        f"{server.url}/v1/uploads/images?a=b", headers=AUTHORIZED, files={"file": ("a.png", PNG)}
    )
    (line,) = read()
    sent = int(answer.request.headers["content-length"])
    assert line["client"].startswith("127.0.0.1:")
    assert line["duration_ms"] > 0
    changing = ("time", "client", "duration_ms")
    assert {name: value for name, value in line.items() if name not in changing} == {
        "level": "INFO",
        "message": "request",
        "method": "POST",
        "path": "/v1/uploads/images?a=b",
        "http_version": "1.1",
        "status": 200,
        "operation": "uploads.create",
        "bytes_in": sent,
        "bytes_out": len(answer.content),
        "request_id": answer.headers["X-Oneapi-Request-Id"],
        "world": name_of(KEY),
        "label": None,
        "reason": None,
        "cut": False,
    }


HOST = b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
NO_BODY = b"\r\n"

REFUSED = {
    "no key": (b"GET /v1/models" + HOST + NO_BODY, 401, "models.list", "invalid API key"),
    "no operation": (b"GET /v1/x" + HOST + NO_BODY, 404, None, "Invalid URL (GET /v1/x)"),
    "redirect": (b"GET /v1/models/" + HOST + NO_BODY, 301, None, None),
    "about the server": (b"OPTIONS *" + HOST + NO_BODY, 200, None, None),
    "no control call": (
        b"GET /_fake/x" + HOST.replace(b"h", b"127.0.0.1") + NO_BODY,
        *(404, "control", "there is no GET /_fake/x; /_fake/docs lists what there is"),
    ),
    "not from here": (b"GET /_fake/metrics" + HOST + NO_BODY, 403, "control", "a call about"),
    "no file": (b"GET /f/image/x" + HOST + NO_BODY, 403, "files.get", None),
    "not gzip": (
        b"POST /v1/models" + HOST + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
        *(400, None, None),
    ),
    "no request": (b"x\r\n\r\n", 400, None, "400 Bad Request"),
    "bad host": (b"GET / HTTP/1.1\r\nHost: \x01\r\n\r\n", 400, None, "400 Bad Request"),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400, None, "400 Bad Request: missing required Host"),
    "too long": (
        b"GET / HTTP/1.1\r\nHost: h\r\na: " + b"b" * 2_000_000 + b"\r\n\r\n",
        *(431, None, "431 Request Header Fields Too Large"),
    ),
    "unmet": (b"GET /u" + HOST + b"Expect: x\r\n\r\n", 417, None, "417 Expectation Failed"),
}


@pytest.mark.parametrize(
    ("request_bytes", "status", "operation", "reason"), REFUSED.values(), ids=REFUSED
)
def test_refused_request_is_a_line_with_its_reason(
    request_bytes: bytes, status: int, operation: str | None, reason: str | None, logged: Any
) -> None:
    server, read = logged
    with contextlib.suppress(ConnectionError):
        exchange(server.address, request_bytes)
    (line,) = read()
    assert (line["status"], line["operation"], line["cut"]) == (status, operation, False)
    if reason is None or line["reason"] is None:
        assert reason is None
    else:
        assert line["reason"].startswith(reason)


_HALF_A_BODY = (
    b"POST /v1/images/generations HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\n"
    b"Content-Length: 100\r\n\r\n{"
)
CUT = {
    "in the head": (b"GET /v1/models HTTP/1.1\r\nHost", None),
    "in the body": (_HALF_A_BODY, "generations.create"),
}


@pytest.mark.parametrize(("sent", "operation"), CUT.values(), ids=CUT)
def test_connection_that_is_lost_is_a_line_that_says_so(
    sent: bytes, operation: str | None, logged: Any
) -> None:
    server, read = logged
    with socket.create_connection(server.address) as sock:
        sock.sendall(sent)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        httpx.get(f"{server.url}/_fake/health")
    httpx.get(f"{server.url}/_fake/health")
    lines = [line for line in read() if line["operation"] != "health"]
    assert [(line["operation"], line["cut"], line["status"]) for line in lines] == [
        (operation, True, None)
    ]


@pytest.mark.parametrize("fault", ["close_before_reading", "end_after_headers", "cut_in_body"])
def test_answer_that_a_rule_cuts_is_a_line_with_the_rule(fault: str, logged: Any) -> None:
    server, read = logged
    with FakeAPIMart(server.url) as world:
        world.fail("balance.get", socket=fault)
        with pytest.raises(httpx.TransportError):
            httpx.get(
                f"{server.url}/v1/balance", headers={"Authorization": f"Bearer {world.api_key}"}
            )
    (line,) = [line for line in read() if line["operation"] == "balance.get"]
    assert (line["cut"], line["reason"]) == (True, fault)


def test_error_of_a_rule_is_the_reason(logged: Any) -> None:
    server, read = logged
    with FakeAPIMart(server.url) as world:
        world.fail("balance.get", status=418, body={})
        httpx.get(f"{server.url}/v1/balance", headers={"Authorization": f"Bearer {world.api_key}"})
    (line,) = [line for line in read() if line["operation"] == "balance.get"]
    assert (line["status"], line["reason"], line["cut"]) == (418, "status 418", False)


def record(**fields: Any) -> RequestRecord:
    made = RequestRecord(0, ("h", 1), "GET", "/v1/x", b"", "1.1")
    made.status = 200
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        (b"a=b", "a=b"),
        (b"key=s3cret", "key=***"),
        (b"a=b&key=s3cret&c=d", "a=b&key=***&c=d"),
        (b"%4B%65y=s3cret=s3cret", "%4B%65y=***"),
        (b"key", "key"),
        (b"monkey=1&keys=2", "monkey=1&keys=2"),
        (b"a=\xe9\x85", r"a=\xe9\x85"),
        (b"a=//h/a@b&c=%40", "a=//h/a@b&c=%40"),
        (b"a=http://u:s3cret@h/x", "a=http://***%40h/x"),
        (b"http%3A%2F%2Fu%3As3cret%40h", "http://***%40h"),
        (b"a=//%ff:s3cret@h/%ff", "a=//***%40h/%FF"),
    ],
)
def test_key_in_a_query_is_not_shown(query: bytes, shown: str) -> None:
    made = record(path="/v1/\udcff", query=query)
    assert FORMS["text"].message(made).startswith(f'h:1 - "GET /v1/%FF?{shown} HTTP/1.1" 200 ')
    assert json.loads(FORMS["json"].message(made))["path"] == f"/v1/%FF?{shown}"


def test_password_in_a_path_is_not_shown() -> None:
    line = FORMS["text"].message(record(path="/v1/tasks/http://u:s3cret@h/"))
    assert '"GET /v1/tasks/http%3A//***%40h/ HTTP/1.1" 200 ' in line


ANYTHING = st.text(st.characters(exclude_categories=()), max_size=40)


@pytest.mark.parametrize("form", FORMS)
@given(method=ANYTHING, path=ANYTHING, query=st.binary(max_size=40), reason=ANYTHING)
def test_whatever_was_sent_is_one_line(
    form: str, method: str, path: str, query: bytes, reason: str
) -> None:
    made = record(method=method, path=path, query=query, reason=reason, world="w")
    line = FORMS[form].line("2026-11-26 17:28:03,123", made)
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    line.encode()
    if form == "json":
        assert json.loads(line)["world"] == "w"


def test_stamp_is_the_time_at_which_the_request_ended() -> None:
    lines: list[str] = []
    log = AccessLog(FORMS["text"], lines.append)
    for milliseconds in (500, 750, 1250):
        log(record(ended_ns=1_700_000_000_000_000_000 + milliseconds * 1_000_000))
    stamps = [line.partition(" INFO ")[0] for line in lines]
    assert [stamp[-6:] for stamp in stamps] == ["20,500", "20,750", "21,250"]


def test_clock_that_was_set_back_makes_no_duration_below_zero() -> None:
    assert record(started_ns=5, ended_ns=3).duration_ns == 0


@pytest.mark.parametrize("form", FORMS)
def test_foreign_server_has_the_lines_by_its_logging(
    form: Literal["text", "json"], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "fake_apimart")
    settings = Settings(storage="memory://", log_format=form)
    with TestClient(create_app(settings)) as client:
        client.get("/v1/models", headers=AUTHORIZED)
        client.post("/v1/uploads/images", content=b"abc")
    lines = [each.getMessage() for each in caplog.records if each.name == "fake_apimart.requests"]
    if form == "json":
        found = [json.loads(line) for line in lines]
        assert [each["status"] for each in found] == [200, 401]
        assert [each["operation"] for each in found] == ["models.list", "uploads.create"]
        assert [each["bytes_in"] for each in found] == [0, 3]
        assert not any(each["cut"] for each in found)
    else:
        assert len(lines) == 2
        assert f" world={name_of(KEY)}" in lines[0]


def test_foreign_server_has_no_lines_where_the_setting_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "fake_apimart")
    with TestClient(create_app(Settings(storage="memory://", access_log=False))) as client:
        client.get("/v1/models", headers=AUTHORIZED)
    assert not [each for each in caplog.records if each.name == "fake_apimart.requests"]


def test_line_says_what_the_world_is_called(logged: Any) -> None:
    server, read = logged
    with FakeAPIMart(server.url) as world:
        label = {"label": 'test_a[x] "b" ä'}
        headers = {"Authorization": f"Bearer {world.api_key}"}
        httpx.patch(f"{server.url}/_fake/world", headers=headers, json=label)
        httpx.get(f"{server.url}/v1/models", headers=headers)
    lines = [line for line in read() if line["operation"] == "models.list"]
    assert [line["label"] for line in lines] == ['test_a[x] "b" ä']


def test_line_says_the_label_that_its_request_brings(logged: Any) -> None:
    server, read = logged
    with FakeAPIMart(server.url) as world:
        headers = {"Authorization": f"Bearer {world.api_key}", "X-Fake-Label": "just now"}
        httpx.get(f"{server.url}/v1/models", headers=headers)
    lines = [line for line in read() if line["operation"] == "models.list"]
    assert [line["label"] for line in lines] == ["just now"]


@given(st.text(max_size=200))
def test_label_keeps_a_line_whole_and_shows_no_escape(label: str) -> None:
    record = RequestRecord(0, None, "GET", "/")
    record.label = label
    for form in FORMS.values():
        line = form.line("", record)
        assert line.endswith("\n")
        assert line[:-1].isprintable()
