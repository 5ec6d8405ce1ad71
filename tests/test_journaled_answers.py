"""The journal keeps answers: the head that the client got, the text, the size, and no secret."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import redis
from fake_apimart.common.redaction import is_secret
from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.go.json import marshal
from fake_apimart.state.redis.journals import StoredEntry
from fake_apimart.worlds.kept import BODY_BYTES, HEAD_BYTES, KeptAnswer
from fake_apimart.worlds.world import SERVER, name_of
from fake_apimart_testing import FakeAPIMart
from fake_apimart_testing.records import Request
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests import stores
from tests.conftest import StartServer
from tests.harness import JPEG, PDF, ServerThread, connection, wait_until
from tests.profiles import examples
from tests.stores import Store
from tests.worlds import authorized, create, created, upload, upload_url

KNOWN_LATER = {"date", "connection"}
SECRET = "s3cretvalue"


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.subprocess)])
def world(request: pytest.FixtureRequest, start_server: StartServer) -> Iterator[FakeAPIMart]:
    """Yield a world on a server with each kind of state."""
    settings: dict[str, Any] = {"task_seconds": 0}
    if request.param == "redis":
        settings["state"] = request.getfixturevalue("redis_url")
        settings["storage"] = f"dir:{request.getfixturevalue('tmp_path')}"
    with FakeAPIMart(start_server(**settings).url) as fresh:
        yield fresh


def entries_of(world: FakeAPIMart, **query: Any) -> list[dict[str, Any]]:
    answer = httpx.get(
        f"{world.base_url}/_fake/requests", params=query, headers=authorized(world)
    ).raise_for_status()
    found: list[dict[str, Any]] = answer.json()["requests"]
    return found


def ask(world: FakeAPIMart, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    sent = {**authorized(world), **{name.replace("_", "-"): each for name, each in headers.items()}}
    return httpx.request(method, world.base_url + path, headers=sent)


def ask_for_file(world: FakeAPIMart, method: str = "GET", **headers: str) -> httpx.Response:
    return ask(world, upload_url(world).removeprefix(world.base_url), method, **headers)


def ask_for_a_dead_file(world: FakeAPIMart) -> httpx.Response:
    url = upload_url(world)
    world.clock.advance(hours=73)
    return httpx.get(url)


def answered(world: FakeAPIMart, **rule: Any) -> httpx.Response:
    world.fail("models.list", **rule)
    return ask(world, "/v1/models")


EXCHANGES: dict[str, Callable[[FakeAPIMart], httpx.Response]] = {
    "upload": upload,
    "refused upload": lambda world: upload(world, PDF),
    "task": create,
    "poll": lambda world: ask(world, f"/v1/tasks/{created(world)}"),
    "balance": lambda world: ask(world, "/v1/balance"),
    "unknown path": lambda world: ask(world, "/v1/no/such/path"),
    "unknown method": lambda world: ask(world, "/v1/models", "FOO"),
    "newer form": lambda world: ask(world, "/v1/tasks/nothing", X_APIMart_Response_Version="2"),
    "another origin": lambda world: ask(world, "/v1/balance", Origin="https://page.example"),
    "error of a rule": lambda world: answered(
        world, error="rate_limited", headers={"Retry-After": "7"}
    ),
    "JSON of a rule": lambda world: answered(world, status=418, body={"a": [1, 2.5, "ä"]}),
    "id of a rule": lambda world: answered(
        world, status=200, body={}, headers={"X-Oneapi-Request-Id": "mine"}
    ),
    "nothing of a rule": lambda world: answered(world, status=503),
    "file": ask_for_file,
    "head of a file": lambda world: ask_for_file(world, "HEAD"),
    "part of a file": lambda world: ask_for_file(world, Range="bytes=1-3"),
    "file as before": lambda world: ask_for_file(world, If_None_Match="*"),
    "dead file": ask_for_a_dead_file,
}


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_answer_is_kept_as_the_client_got_it(exchange: str, world: FakeAPIMart) -> None:
    got = EXCHANGES[exchange](world)
    entry = entries_of(world)[-1]
    assert entry["status"] == got.status_code
    kept = entry["answer"]
    expected = {name: value for name, value in got.headers.items() if name not in KNOWN_LATER}
    assert kept["headers"] == expected
    assert kept["bytes"] == len(got.content)
    if not got.content or "image" in got.headers["content-type"]:
        assert kept["body"] is None
    elif "json" in got.headers["content-type"]:
        assert kept["body"] == got.json()
    else:
        assert kept["body"] == got.text


@pytest.mark.parametrize(
    ("body", "headers", "shown"),
    [
        ("plain text", {}, "plain text"),
        ("[1]", {"Content-Type": "text/plain"}, "[1]"),
        ("<a/>", {"Content-Type": "application/xml"}, "<a/>"),
        ("{cut", {"Content-Type": "application/json"}, "{cut"),
        ('{"a":1e999}', {"Content-Type": "application/json"}, '{"a":1e999}'),
        ('{"a":1}', {"Content-Type": "application/problem+json"}, {"a": 1}),
        ("\0\1", {"Content-Type": "image/png"}, None),
        ("\0\1", {"Content-Type": "application/octet-stream"}, None),
        ("x" * 20_000, {"Content-Type": "text/plain"}, "x" * BODY_BYTES),
        (["x" * 20_000], {}, '["' + "x" * (BODY_BYTES - 2)),
    ],
)
def test_body_is_shown_by_its_type(
    body: Any, headers: dict[str, str], shown: Any, world: FakeAPIMart
) -> None:
    got = answered(world, status=200, body=body, headers=headers)
    kept = entries_of(world)[-1]["answer"]
    assert (kept["body"], kept["bytes"]) == (shown, len(got.content))


@pytest.mark.parametrize("dialect", ["page", "live"])
def test_long_answer_of_the_server_is_kept_to_its_beginning(
    dialect: str, start_server: StartServer
) -> None:
    with FakeAPIMart(start_server(dialect=dialect).url) as world:
        got = ask(world, "/v1/models")
        kept = entries_of(world)[-1]["answer"]
        assert kept["bytes"] == len(got.content)
        whole = len(got.content) <= BODY_BYTES
        assert kept["body"] == (got.json() if whole else got.text[:BODY_BYTES])


@pytest.mark.parametrize(
    "socket",
    [
        ("close_before_reading", False),
        ("reset_after_reading", False),
        ("end_after_headers", True),
        ("cut_in_body", True),
        ("malformed_chunks", True),
    ],
)
def test_answer_that_a_fault_cuts_is_kept_whole_and_none_where_there_was_none(
    socket: tuple[str, bool], world: FakeAPIMart
) -> None:
    name, is_answered = socket
    world.fail("balance.get", socket=name)
    with pytest.raises(httpx.HTTPError):
        ask(world, "/v1/balance").raise_for_status()
    (entry,) = entries_of(world)
    assert entry["fault"] == name
    if is_answered:
        assert entry["answer"]["body"]["success"]
    else:
        assert (entry["status"], entry["answer"]) == (None, None)


def test_answer_that_is_never_given_is_none(world: FakeAPIMart) -> None:
    world.fail("balance.get", socket="never_answer")
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{world.base_url}/v1/balance", headers=authorized(world), timeout=0.2)
    (entry,) = entries_of(world)
    assert (entry["status"], entry["answer"]) == (None, None)


def test_delayed_answer_comes_to_its_entry_later(world: FakeAPIMart) -> None:
    world.fail("balance.get", delay=0.5)
    asking = threading.Thread(target=ask, args=(world, "/v1/balance"))
    asking.start()
    wait_until(lambda: len(entries_of(world)) == 1, "an entry")
    (before,) = entries_of(world)
    asking.join()
    (after,) = entries_of(world)
    assert (before["status"], before["answer"]) == (None, None)
    assert (after["id"], after["status"]) == (before["id"], 200)
    assert after["answer"]["body"]["success"]


def test_client_that_goes_away_got_no_answer(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as world:
        with connection(server.address) as sock:
            head = (
                f"POST /v1/uploads/images HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
                f"Authorization: Bearer {world.api_key}\r\n"
                "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b"
            )
            sock.sendall(head.encode())
        wait_until(lambda: len(entries_of(world)) == 1, "an entry")
        (entry,) = entries_of(world)
        assert (entry["status"] is None) == (entry["answer"] is None)


def test_entries_name_the_world_in_whose_journal_they_are(world: FakeAPIMart) -> None:
    ask(world, "/v1/balance")
    httpx.get(f"{world.base_url}/v1/balance")
    httpx.get(f"{world.base_url}/f/image/nothing.png")
    everything = httpx.get(f"{world.base_url}/_fake/requests").json()["requests"]
    assert [each["world"] for each in everything] == [name_of(world.api_key), SERVER, SERVER]
    assert [each["world"] for each in entries_of(world)] == [name_of(world.api_key)]


# Secrets

HIDING = [
    {"body": {"api_key": SECRET}},
    {"body": {"a": {"Password": SECRET}}},
    {"body": {"a": f"http://u:{SECRET}@h/"}},
    {"body": {"a": f"http://h/?token={SECRET}"}},
    {"body": {"a": f"http://h/?u=http%3A%2F%2Fu:{SECRET}%40h"}},
    {"body": {"webhook": f"http://h/?x={SECRET}"}},
    {"body": {"a": f"Bearer {SECRET}"}},
    {"body": {"a": f"sk-{SECRET}"}},
    {"body": '{"api_key": "' + SECRET},
    {"body": f"Authorization: Bearer {SECRET}", "headers": {"Content-Type": "text/plain"}},
    {"body": f"<a>token={SECRET}</a>", "headers": {"Content-Type": "text/xml"}},
    {"headers": {"Set-Cookie": SECRET}},
    {"headers": {"X-Api-Key": SECRET}},
    {"headers": {"Location": f"https://h/x?X-Amz-Signature={SECRET}&X-Amz-Credential=a"}},
    {"headers": {"X-Mine": f"Bearer {SECRET}"}},
    {"headers": {"X-Mine": f"https://u:{SECRET}@h"}},
    {"headers": {"X-Oneapi-Request-Id": f"sk-{SECRET}"}},
    {"headers": {"Content-Type": f"application/json; key={SECRET}"}, "body": {}},
]


@pytest.mark.parametrize("rule", HIDING)
def test_no_secret_of_an_answer_is_shown_or_stored(
    rule: dict[str, Any], world: FakeAPIMart, request: pytest.FixtureRequest
) -> None:
    got = answered(world, status=200, **rule)
    assert SECRET in got.text + str(got.headers)
    journal = httpx.get(f"{world.base_url}/_fake/requests", headers=authorized(world))
    assert journal.json()["requests"][0]["answer"]
    assert SECRET not in journal.text
    if "redis_url" in request.fixturenames:
        store = redis.Redis.from_url(request.getfixturevalue("redis_url"))
        stored = [store.hgetall(key) for key in store.keys("*:entries")]
        assert stored
        assert SECRET not in str(stored)


def test_secret_that_an_error_repeats_is_hidden_in_the_answer(world: FakeAPIMart) -> None:
    for path in (f"http://u:{SECRET}@h/", f"x;token={SECRET}", f"sk-{SECRET}"):
        got = ask(world, f"/v1/{path}")
        assert SECRET in got.text
    long = "/" + "x" * BODY_BYTES
    for path in (f"http://u:{SECRET}@h{long}", f"sk-{SECRET}{long}"):
        assert SECRET in ask(world, f"/v1/{path}").text
    assert SECRET not in json.dumps(entries_of(world))


@pytest.mark.parametrize("shift", range(4, 20))
def test_password_whose_url_is_cut_is_not_shown(shift: int, world: FakeAPIMart) -> None:
    """Where the end of what is kept is between the password and the host behind it."""
    head = '{"model":"m","prompt":"'
    url = f"http://u:{SECRET}@h/"
    prompt = "x" * (BODY_BYTES - len(head) - shift) + url
    body = head + prompt + '"}'
    httpx.post(f"{world.base_url}/v1/images/generations", content=body, headers=authorized(world))
    answered(world, status=200, body=[prompt])
    answered(world, status=200, body=prompt, headers={"Content-Type": "text/plain"})
    answered(world, status=400, body=[prompt])
    shown = json.dumps(entries_of(world))
    assert SECRET[:3] not in shown


def test_presigned_url_is_hidden(start_server: StartServer, moto_store: Store, bucket: str) -> None:
    with stores.environment(moto_store.env):
        server = start_server(storage=f"s3://{bucket}", delivery="redirect")
        with FakeAPIMart(server.url) as world:
            got = httpx.get(upload_url(world))
            location = got.headers["location"]
            kept = entries_of(world)[-1]["answer"]["headers"]["location"]
    assert kept.partition("?")[0] == location.partition("?")[0]
    signature = httpx.URL(location).params["X-Amz-Signature"]
    assert "X-Amz-Signature=***" in kept
    assert signature not in kept


def test_names_that_the_server_writes_are_no_secrets(server: ServerThread) -> None:
    """Else `KeptAnswer` would have to look at the names in its own answers."""
    document = httpx.get(f"{server.url}/openapi.json").json()
    own = [
        answer.get("content", {}).get("application/json", {})
        for path, calls in document["paths"].items()
        if not path.startswith("/_fake/")
        for call in calls.values()
        for answer in call["responses"].values()
    ]
    values = [
        *(each.get("example") for each in own),
        *(shown["value"] for each in own for shown in each.get("examples", {}).values()),
    ]
    names = {name for each in values for name in names_in(each)}
    assert {"url", "created_at", "task_id", "remain_balance", "message"} <= names
    assert [name for name in names if is_secret(name)] == []


def names_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from names_in(each)


PIECES = [
    *("a", "ä", "\ud800", "http://", "//", "u:pw@h", "@", "?token=x", "&", "=", "%3D", "%40"),
    *("sk-abcdefgh", "Bearer abcdefgh", "BASIC  abcdefgh", "bearer", '"', "\\", "<", "key", ":"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
NAMES = st.sampled_from(["url", "message", "data", "id"])
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(-(2**60), 2**60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
@hypothesis_settings(max_examples=examples(200), deadline=None)
def test_own_answer_is_shown_as_any_other(value: Any) -> None:
    """The way by which nothing is parsed shows what the way for all answers shows."""
    response = JSONResponse(value)
    shown = [
        json.loads(KeptAnswer(200, response.raw_headers, body, len(body), is_own=is_own).to_text())
        for body in [response.body]
        for is_own in (True, False)
    ]
    assert shown[0] == shown[1]


@given(
    st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=30)), max_size=5),
    st.binary(max_size=60),
)
@hypothesis_settings(max_examples=examples(200), deadline=None)
def test_whatever_an_answer_holds_it_is_shown_as_json(
    headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    shown = json.loads(KeptAnswer(200, headers, body, len(body)).to_text())
    assert shown["bytes"] == len(body)


def test_head_that_is_too_long_is_not_kept(world: FakeAPIMart) -> None:
    value = "x" * (HEAD_BYTES // 2)
    answered(world, status=200, body="text", headers={"X-A": value, "X-B": value})
    kept = entries_of(world)[-1]["answer"]
    assert kept == {"headers": {}, "body": "text", "bytes": 4}


# Those who read it


def test_test_sees_the_answer(world: FakeAPIMart) -> None:
    got = upload(world)
    (sent,) = world.requests
    assert sent.answer is not None
    assert sent.answer.json == got.json()
    assert sent.answer.headers["x-oneapi-request-id"] == got.headers["x-oneapi-request-id"]
    assert sent.answer.bytes == len(got.content)
    assert sent.world == name_of(world.api_key)
    assert repr(sent.answer).startswith("<Answer application/json")


def test_entry_of_an_older_server_is_read(world: FakeAPIMart) -> None:
    ask(world, "/v1/balance")
    (fields,) = entries_of(world)
    del fields["answer"], fields["world"]
    request = Request(fields)
    assert (request.answer, request.world) == (None, None)


def test_entry_that_an_older_server_has_stored_is_read() -> None:
    text = marshal({"operation": None, "status": 200, "file": None, "sha256": None})
    shown = json.loads(StoredEntry("server", 7, text).to_text())
    assert (shown["id"], shown["world"], shown["answer"]) == (7, "server", None)


def test_entries_since_an_id_are_those_behind_it(world: FakeAPIMart) -> None:
    other = FakeAPIMart(world.base_url)
    for number in range(130):
        ask(world if number % 2 else other, "/v1/models")
    everything = httpx.get(f"{world.base_url}/_fake/requests").json()["requests"]
    ids = [each["id"] for each in everything]
    assert ids == sorted(ids)
    for place in (0, 1, 64, 128, 129):
        later = httpx.get(f"{world.base_url}/_fake/requests", params={"since": ids[place]}).json()
        assert [each["id"] for each in later["requests"]] == ids[place + 1 :]
        own = [each["id"] for each in entries_of(world, since=ids[place])]
        assert own == [
            each["id"]
            for each in everything[place + 1 :]
            if each["world"] == name_of(world.api_key)
        ]
    other.close()


def test_upload_s_bytes_are_not_kept(world: FakeAPIMart) -> None:
    httpx.get(upload_url(world, JPEG + b"unmistakable" * 100))
    assert "unmistakable" not in json.dumps(entries_of(world))
