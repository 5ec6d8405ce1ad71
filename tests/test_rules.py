"""Rules as tests write them: when they count as met, what they answer with, wrong arguments."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fake_apimart_testing import ControlError, FakeAPIMart
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.harness import ServerThread, wait_until
from tests.worlds import authorized, upload

LONG_SECONDS = 30
"""A delay that no client of these tests waits for."""


def give_up(world: FakeAPIMart, operation: str) -> None:
    """Send a request to the operation, and close the connection before it is answered."""
    with contextlib.suppress(httpx.ReadTimeout):
        if operation == "uploads.create":
            httpx.post(
                f"{world.base_url}/v1/uploads/images",
                headers=authorized(world),
                files={"file": ("a.jpg", b"x" * 100)},
                timeout=0.3,
            )
        else:
            httpx.get(f"{world.base_url}/v1/models", headers=authorized(world), timeout=0.3)


EFFECTS: list[dict[str, Any]] = [
    {},
    {"error": "invalid_key"},
    {"error": "rate_limited"},
    {"error": "bad_gateway"},
    {"status": 502, "body": "bad"},
    {"socket": "close_before_reading"},
    {"socket": "never_answer"},
    {"socket": "cut_in_body"},
]


@pytest.mark.parametrize("operation", ["models.list", "uploads.create"])
@pytest.mark.parametrize("effect", EFFECTS)
def test_rule_with_a_delay_is_met_by_a_client_that_gives_up(
    effect: dict[str, Any], operation: str, server: ServerThread
) -> None:
    with FakeAPIMart(server.url) as world:
        rule = world.fail(operation, delay=LONG_SECONDS, **effect)
        give_up(world, operation)
        assert rule.used == 1
        (entry,) = world.requests
        name = effect.get("error") or effect.get("socket")
        name = name or ("status 502" if "status" in effect else "delay")
        assert (entry.operation, entry.status, entry.fault) == (operation, None, name)


def test_error_that_comes_late_in_an_operation_is_met_at_arrival_where_it_is_delayed(
    world: FakeAPIMart,
) -> None:
    rule = world.fail("uploads.create", "upload_failed", delay=LONG_SECONDS)
    give_up(world, "uploads.create")
    assert rule.used == 1


def test_delayed_request_is_journaled_once_and_completed_by_its_answer(world: FakeAPIMart) -> None:
    world.fail("uploads.create", delay=0.2)
    world.fail("uploads.create", "upload_failed", delay=0.2)
    assert [upload(world).status_code for _ in range(2)] == [200, 500]
    first, second = world.requests.wait_for("uploads.create", 2)
    assert (first.status, first.fault, first.error) == (200, "delay", None)
    assert first.duration >= 0.2
    assert first.file is not None
    assert (second.status, second.fault) == (500, "upload_failed")
    assert second.error == "failed to upload image"


def test_wait_for_an_answered_request_sees_the_answer_of_a_delayed_one(world: FakeAPIMart) -> None:
    world.fail("models.list", delay=0.4)
    with httpx.Client(timeout=0.1) as client, contextlib.suppress(httpx.ReadTimeout):
        client.get(f"{world.base_url}/v1/models", headers=authorized(world))
    assert len(world.requests.wait_for("models.list", status=200, timeout=10)) == 1


def test_rule_with_a_delay_is_used_as_often_as_it_says(world: FakeAPIMart) -> None:
    rule = world.fail("models.list", delay=LONG_SECONDS, times=2)
    for _ in range(2):
        give_up(world, "models.list")
    headers = authorized(world)
    assert httpx.get(f"{world.base_url}/v1/models", headers=headers).status_code == 200
    assert rule.used == 2


def test_world_that_is_reset_during_a_delay_forgets_the_request(world: FakeAPIMart) -> None:
    world.fail("models.list", delay=0.3)
    give_up(world, "models.list")
    world.reset()
    wait_until(lambda: list(world.requests) == [], "the journal is empty")


def test_rule_that_was_removed_need_not_be_met(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as world:
        world.fail("uploads.create", "rate_limited").remove()
        world.another().fail("uploads.create", "rate_limited").remove()


BODIES: list[tuple[object, bytes, str | None]] = [
    ("", b"", None),
    ("text", b"text", None),
    ("grün", "grün".encode(), None),
    (b"", b"", None),
    (b"\x89PNG\xff", b"\x89PNG\xff", None),
    (bytearray(b"ab"), b"ab", None),
    ({"a": [1, "ü"]}, '{"a":[1,"ü"]}'.encode(), "application/json"),
    ({}, b"{}", "application/json"),
    ([], b"[]", "application/json"),
    ((1, 2), b"[1,2]", "application/json"),
    (0, b"0", "application/json"),
    (False, b"false", "application/json"),
    (1.5, b"1.5", "application/json"),
]


@pytest.mark.parametrize(("body", "content", "media_type"), BODIES)
def test_body_is_text_bytes_or_json(
    body: Any, content: bytes, media_type: str | None, world: FakeAPIMart
) -> None:
    rule = world.fail("models.list", status=418, body=body)
    answer = httpx.get(f"{world.base_url}/v1/models", headers=authorized(world))
    assert (answer.status_code, answer.content) == (418, content)
    assert answer.headers.get("content-type") == media_type
    assert " body" in repr(rule)


def test_body_of_json_keeps_the_type_that_its_headers_say(world: FakeAPIMart) -> None:
    headers = {"content-type": "application/problem+json"}
    world.fail("models.list", status=500, headers=headers, body={"a": 1})
    answer = httpx.get(f"{world.base_url}/v1/models", headers=authorized(world))
    assert answer.headers.get_list("content-type") == ["application/problem+json"]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_any_json_comes_back_as_it_was(server: ServerThread, value: Any) -> None:
    body = {"a": value}
    with FakeAPIMart(server.url) as world:
        world.fail("models.list", status=400, body=body)
        answer = httpx.get(f"{world.base_url}/v1/models", headers=authorized(world))
        assert answer.json() == body


LOOP: list[object] = []
LOOP.append(LOOP)

WRONG: list[tuple[str, Callable[[Any], object], type[Exception], str]] = [
    ("body", lambda w: fail(w, body=object()), TypeError, "body must be a str, bytes or JSON: "),
    ("set", lambda w: fail(w, body={1, 2}), TypeError, "body must be a str, bytes or JSON: "),
    ("nested", lambda w: fail(w, body={"a": b"x"}), TypeError, "body must be a str, bytes or JSON"),
    ("nan", lambda w: fail(w, body=[float("nan")]), ValueError, "body is no JSON: "),
    ("loop", lambda w: fail(w, body=LOOP), ValueError, "body is no JSON: "),
    ("surrogate", lambda w: fail(w, body="a\ud800"), ValueError, "body has a surrogate"),
    ("in JSON", lambda w: fail(w, body=["\ud800"]), ValueError, "body has a surrogate"),
    ("operation", lambda w: w.fail(None), TypeError, "operation must be a str, not NoneType"),
    ("error", lambda w: w.fail("tasks.get", 429), TypeError, "error must be a str or None"),
    ("its text", lambda w: w.fail("tasks.get", "\udcff"), ValueError, "error has a surrogate"),
    ("socket", lambda w: fail(w, socket=1), TypeError, "socket must be a str or None, not int"),
    ("status", lambda w: fail(w, status="500"), TypeError, "status must be an int or None"),
    ("digits", lambda w: fail(w, status=10**5000), ValueError, "status has more than 63 bits"),
    ("bool", lambda w: fail(w, times=True), TypeError, "times must be an int or None, not bool"),
    ("after", lambda w: fail(w, after=None), TypeError, "after must be an int, not NoneType"),
    ("delay", lambda w: fail(w, delay="1s"), TypeError, "delay must be a number or None"),
    ("endless", lambda w: fail(w, delay=float("inf")), ValueError, "delay is no number of use"),
    ("optional", lambda w: fail(w, optional=1), TypeError, "optional must be a bool, not int"),
    ("headers", lambda w: fail(w, headers=[]), TypeError, "headers must be a dict or None"),
    ("value", lambda w: fail(w, headers={"A": 1}), TypeError, r"headers\['A'\] must be a str"),
    ("name", lambda w: fail(w, headers={1: "a"}), TypeError, "a name in headers must be a str"),
    ("seconds", lambda w: w.pace(seconds="2"), TypeError, "seconds must be a number or None"),
    ("polls", lambda w: w.pace(polls=1.5), TypeError, "polls must be an int or None, not float"),
    ("message", lambda w: w.tasks_fail(None), TypeError, "message must be a str, not NoneType"),
    ("broken", lambda w: w.tasks_fail("\ud800"), ValueError, "message has a surrogate"),
    ("amount", lambda w: w.balance("5"), TypeError, "amount must be a number, not str"),
    ("rate", lambda w: w.rate_limit(3), TypeError, "rate must be a str or None, not int"),
    ("hours", lambda w: w.clock.advance(hours="72h"), TypeError, "hours must be a number, not str"),
    ("nan hours", lambda w: w.clock.advance(hours=float("nan")), ValueError, "hours is no number"),
    ("instant", lambda w: w.clock.at("now"), TypeError, "instant must be a number, not str"),
    ("count", lambda w: w.requests.wait_for(count="1"), TypeError, "count must be an int, not str"),
    ("timeout", lambda w: w.requests.wait_for(timeout=None), TypeError, "timeout must be a number"),
    ("of which", lambda w: w.requests.matching(5), TypeError, "operation must be a str or None"),
    ("with", lambda w: w.requests.matching(status="200"), TypeError, "status must be an int"),
    ("where", lambda w: unchecked(5), TypeError, "url must be a str or None, not int"),
    ("key", lambda w: unchecked(w.base_url, b"k"), TypeError, "api_key must be a str or None"),
    ("patch", lambda w: w.env.setenv(None), TypeError, "monkeypatch must be pytest's fixture"),
]


def unchecked(*arguments: Any) -> object:
    return FakeAPIMart(*arguments)


def fail(world: FakeAPIMart, **arguments: Any) -> object:
    given = {"status": 500, **arguments}
    if "socket" in arguments:
        del given["status"]
    return world.fail("models.list", **given)


@pytest.mark.parametrize(
    ("call", "error", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_wrong_argument_is_named(
    call: Callable[[Any], object],
    error: type[Exception],
    message: str,
    world: FakeAPIMart,
) -> None:
    with pytest.raises(error, match=message):
        call(world)
    assert world.rules == []


def test_instants_are_numbers_or_datetimes(world: FakeAPIMart) -> None:
    world.clock.freeze()
    assert world.clock.at(1_800_000_000) == 1_800_000_000
    assert world.clock.at(datetime(2030, 1, 1, tzinfo=UTC)) == 1_893_456_000


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"body": "a", "body_base64": "YQ=="}, "body and body_base64 exclude each other"),
        ({"body_base64": "?"}, "body_base64: "),
        ({"body": "a" * 1_048_577}, "the body is longer than 1048576 bytes"),
        ({"body": "\ud800"}, "body has a surrogate, which is no text"),
        ({"body": {"a": "\ud800"}}, "body has a surrogate, which is no text"),
        ({"status": 204, "body": {}}, "an answer of status 204 has no body"),
        ({"status": 304, "body_base64": "YQ=="}, "an answer of status 304 has no body"),
    ],
)
def test_body_that_is_none_is_refused(
    fields: dict[str, Any], message: str, world: FakeAPIMart
) -> None:
    rule = {"operation": "models.list", "status": 500, **fields}
    with pytest.raises(ControlError, match=message):
        world._control.call("POST", "faults", rule)


def test_nan_in_a_body_is_refused(world: FakeAPIMart) -> None:
    rule = {"operation": "models.list", "status": 500, "body": float("nan")}
    headers = {**authorized(world), "Content-Type": "application/json"}
    answer = httpx.post(f"{world.base_url}/_fake/faults", content=json.dumps(rule), headers=headers)
    assert answer.status_code == 400


def test_rules_of_all_worlds_together_are_bounded_in_bytes(start_server: StartServer) -> None:
    server = start_server()
    kept = []
    with FakeAPIMart(server.url) as world:
        worlds = [world, world.another(), world.another()]
        with contextlib.suppress(ControlError):
            for number in range(300):
                at = worlds[number % len(worlds)]
                kept.append(at.fail("models.list", status=418, body="x" * 1_000_000))
        assert 5 < len(kept) <= 16
        with pytest.raises(ControlError, match="the rules of all worlds take 16777216 bytes"):
            world.fail("models.list", status=418, body="x" * 1_000_000)
        world.fail("uploads.create", "rate_limited").remove()
        worlds[1].reset()
        kept.append(world.fail("models.list", status=418, body="x" * 1_000_000))
        for each in worlds:
            each.reset()


def test_rule_counts_with_all_that_it_holds(start_server: StartServer) -> None:
    world = FakeAPIMart(start_server().url)
    headers = {**authorized(world), "Content-Type": "application/json"}
    body = {"operation": "models.list", "status": 418, "body": [[]] * 90_000}
    url = f"{world.base_url}/_fake/faults"
    answers = [httpx.post(url, headers=headers, json=body, timeout=60) for _ in range(5)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 400, answers[-1].text
