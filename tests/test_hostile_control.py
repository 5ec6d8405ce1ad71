"""Hostile calls of the control API: refused or carried out, never a fault of the server's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fake_apimart.control.body import MAX_BODY_BYTES
from fake_apimart.go.json import marshal
from fake_apimart_testing import FakeAPIMart
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.harness import ServerThread, exchange, parse_head
from tests.profiles import examples

INTERNAL_ERROR = 500
KEY = "sk-hostile"
JSON = {"Content-Type": "application/json"}

NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([10**400, -(10**400), 1e308, 0, -0.0, 2**63])
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(st.characters(), max_size=20))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
RAW = st.sampled_from(
    [
        b"1e400",
        b"-1e999",
        b"NaN",
        b"-Infinity",
        b"9" * 4_000,
        b"9" * 5_000,
        b'"%b"' % (b"9" * 4_000),
        b'"%b/second"' % (b"9" * 4_000),
        b'"1/%b second"' % (b"9" * 4_000),
        rb'"\ud800"',
        rb'{"\udfff": 1}',
        b'"\xff\xed\xa0\x80"',
        b"[" * 952 + b"]" * 952,
        b'{"a":' * 5_000,
        b'"\\u0000"',
        b"",
    ]
)


def _paths(server: ServerThread) -> Iterator[tuple[str, str, dict[str, Any]]]:
    document = httpx.get(f"{server.url}/_fake/openapi.json").json()
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            if path.startswith("/_fake/") and path != "/_fake/health":
                yield method.upper(), path, call


def _fields(call: dict[str, Any], document: dict[str, Any]) -> list[str]:
    schema = call.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = schema.get("schema", {}).get("$ref", "").rpartition("/")[2]
    return list(document["components"]["schemas"].get(name, {}).get("properties", {}))


class Calls:
    """The calls that the OpenAPI document describes: method, path, fields of body and query."""

    def __init__(self, server: ServerThread) -> None:
        document = httpx.get(f"{server.url}/_fake/openapi.json").json()
        self.calls = [
            (
                method,
                path,
                _fields(call, document),
                [each["name"] for each in call.get("parameters", []) if each["in"] == "query"],
            )
            for method, path, call in _paths(server)
        ]
        self.client = httpx.Client(base_url=server.url, timeout=20)


@pytest.fixture(scope="module")
def calls(server: ServerThread) -> Iterator[Calls]:
    described = Calls(server)
    with described.client:
        yield described


def _bodies(fields: list[str]) -> st.SearchStrategy[bytes]:
    """Return objects of some of the fields, each with a value of any kind."""
    value = VALUES.map(lambda value: json.dumps(value).encode()) | RAW
    pairs = st.dictionaries(st.sampled_from(fields), value, max_size=3) if fields else st.just({})
    return pairs.map(
        lambda chosen: b"{%b}" % b",".join(b'"%b":%b' % (k.encode(), v) for k, v in chosen.items())
    )


USUAL = [
    ("POST", "/v1/uploads/images", b""),
    ("POST", "/v1/images/generations", b'{"model": "m", "prompt": "p"}'),
    ("GET", "/v1/balance", b""),
]
NAMES = ["..", ".", "%00", "a/../b", "%ff", "%2e%2e", "%2F", "x" * 5_000]
TIMEOUTS = ["0", "0.01", "nan", "-1", "x", "1e400"]
QUERIES = SCALARS.map(str) | st.sampled_from(["nan", "inf", "true", "9" * 5_000, "\ud800"])


def _query(data: st.DataObject, path: str, names: list[str]) -> dict[str, bytes]:
    chosen = data.draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    query = {name: data.draw(QUERIES) for name in chosen}
    if "timeout" in names:
        # Any other value may be a wait of minutes.
        query["timeout"] = data.draw(st.sampled_from(TIMEOUTS))
    return {name: value.encode("utf-8", "surrogatepass") for name, value in query.items()}


@settings(max_examples=examples(300))
@given(data=st.data())
def test_no_control_call_is_a_fault_whatever_it_carries(data: st.DataObject, calls: Calls) -> None:
    method, path, fields, queries = data.draw(st.sampled_from(calls.calls))
    query = _query(data, path, queries)
    path = path.replace("{name}", data.draw(st.sampled_from(NAMES)))
    headers = {"Authorization": f"Bearer {KEY}", **JSON}
    content = data.draw(RAW | _bodies(fields))
    answer = calls.client.request(method, path, params=query, content=content, headers=headers)
    assert answer.status_code < INTERNAL_ERROR, answer.text
    if answer.status_code != 200 or path != "/_fake/metrics":
        answer.json()
    for listing in ("world", "clock", "faults", "requests", "uploads", "tasks"):
        usual = calls.client.get(f"/_fake/{listing}", headers=headers)
        assert usual.status_code == 200, usual.text
        json.loads(usual.content, parse_constant=pytest.fail)
    calls.client.post("/_fake/reset/faults", headers=headers)
    for method, path, body in USUAL:
        usual = calls.client.request(method, path, content=body, headers=headers)
        assert usual.status_code < INTERNAL_ERROR, usual.text


def _in_chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 65_536):
        yield content[start : start + 65_536]


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "clock"), ("PATCH", "world"), ("POST", "faults")]
)
def test_control_body_of_more_than_two_mebibytes_is_refused(
    method: str, path: str, is_chunked: bool, calls: Calls
) -> None:
    headers = {"Authorization": f"Bearer {KEY}", **JSON}
    content = b'{"x":"%b"}' % (b"y" * MAX_BODY_BYTES)
    answer = calls.client.request(
        method,
        f"/_fake/{path}",
        headers=headers,
        content=_in_chunks(content) if is_chunked else content,
    )
    message = f"the body is larger than {MAX_BODY_BYTES} bytes"
    assert answer.status_code == 413
    assert answer.json()["error"] == {"message": message, "type": "invalid_request_error"}


def test_control_body_of_just_two_mebibytes_is_read(calls: Calls) -> None:
    headers = {"Authorization": f"Bearer {KEY}", **JSON}
    content = b'{"x":"%b"}' % (b"y" * (MAX_BODY_BYTES - 8))
    answer = calls.client.post("/_fake/clock", headers=headers, content=content)
    assert (answer.status_code, "unknown field x" in answer.text) == (400, True)


def test_control_body_of_more_than_a_hundred_thousand_values_is_refused(calls: Calls) -> None:
    headers = {"Authorization": f"Bearer {KEY}", **JSON}
    content = b'{"operation":"models.list","status":418,"body":[%b]}'
    statuses = {
        values: calls.client.post(
            "/_fake/faults", headers=headers, content=content % b",".join([b"1"] * values)
        ).status_code
        for values in (99_000, 100_001)
    }
    assert statuses == {99_000: 200, 100_001: 400}
    calls.client.post("/_fake/reset", headers=headers)


@pytest.mark.parametrize("name", ["status", "delay", "times", "after"])
@pytest.mark.parametrize("value", [b"true", b"false", b"1e400", b"NaN", b'"1"', b"[1]"])
def test_number_of_a_rule_is_a_json_number(name: str, value: bytes, calls: Calls) -> None:
    headers = {"Authorization": f"Bearer {KEY}", **JSON}
    content = b'{"operation":"models.list","error":"forbidden","%b":%b}' % (name.encode(), value)
    assert calls.client.post("/_fake/faults", headers=headers, content=content).status_code == 400


CUT = [
    b"Content-Length: 1000\r\n\r\n" + b'{"advance": 1}',
    b"Transfer-Encoding: chunked\r\n\r\n" + b'e\r\n{"advance": 1}\r\nzz\r\n',
    b"Transfer-Encoding: chunked\r\n\r\n" + b'e\r\n{"advance": 1}\r\n',
]


@pytest.mark.parametrize("body", CUT)
def test_control_body_that_is_cut_changes_nothing(body: bytes, server: ServerThread) -> None:
    with FakeAPIMart(server.url) as world:
        world.clock.freeze()
        before = world.clock.now
        head = (
            "POST /_fake/clock HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {world.api_key}\r\n"
        )
        answer = exchange(server.address, head.encode() + body, half_close=True)
        assert parse_head(answer)[0] == 400
        assert world.clock.now == before


def test_trailer_neither_opens_the_control_api_nor_chooses_a_world(
    start_server: StartServer,
) -> None:
    server = start_server(admin_token="token")
    for trailer in (b"X-Fake-Admin-Token: token", b"Authorization: Bearer sk-other"):
        request = (
            b"POST /_fake/reset HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n%b\r\n\r\n" % trailer
        )
        assert parse_head(exchange(server.address, request))[0] == 403
    request = (
        b"POST /v1/tasks/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: Bearer sk-other\r\n\r\n"
    )
    assert parse_head(exchange(server.address, request))[0] == 401
    with FakeAPIMart(server.url, "sk-other") as world:
        assert list(world.requests) == []


WRITABLE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters()),
        st.binary(),
        st.sampled_from([object(), {1, 2}]),
        st.just(5_000).map(lambda digits: 10**digits),
    ),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.dictionaries(st.text(st.characters()) | st.floats() | st.binary(), inner)
    ),
)


@given(value=WRITABLE, depth=st.sampled_from([0, 90, 101, 950, 5_000]))
def test_writing_json_never_fails_and_gives_what_every_parser_reads(
    value: object, depth: int
) -> None:
    for _ in range(depth):
        value = [value]
    json.loads(marshal(value), parse_constant=pytest.fail)
