"""What a world has of its own: dialect, limit of size, lifetime of URLs, and label."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_apimart.testing import ControlError, FakeAPIMart
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Places, StartServer
from tests.harness import JPEG, PNG, ServerThread
from tests.stores import Store, environment
from tests.worlds import authorized, create, created, upload, upload_url

PAGE_KEY = r"/f/image/\d{13}-[0-9a-f]{8}-"
LIVE_KEY = r"/f/image/\d{16}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-"


def page_poll(world: FakeAPIMart, task_id: str = "task_x", key: str | None = None) -> int:
    """Poll by the route that the page alone has; return the status."""
    headers = {"Authorization": f"Bearer {key or world.api_key}"}
    url = f"{world.base_url}/v1/images/generations/{task_id}"
    return httpx.get(url, headers=headers).status_code


def test_all_answers_of_a_world_follow_its_dialect(places: Places) -> None:
    one, other = places
    for world in (one, other):
        assert "id" in create(world).json()
        assert re.search(PAGE_KEY, upload_url(world))
    one.dialect("live")
    for world in (other, one):
        assert "id" not in create(world).json()
        assert re.search(LIVE_KEY, upload_url(world))
        task_id = created(world)
        assert page_poll(world, task_id) == 404
        url = f"{world.base_url}/v1/tasks/{task_id}"
        data = httpx.get(url, headers=authorized(world)).json()["data"]
        assert re.search(LIVE_KEY, data["result"]["images"][0]["url"][0])
    one.dialect(None)
    assert page_poll(other, task_id) == 200


@pytest.mark.parametrize(("server_s", "world_s"), [("page", "live"), ("live", "page")])
def test_dialect_of_the_server_holds_until_the_key_is_known(
    server_s: str, world_s: str, start_server: StartServer
) -> None:
    server = start_server(dialect=server_s, api_keys={"good"})
    with FakeAPIMart(server.url) as world:
        world.dialect(world_s)
        at_server, at_world = (401, 404) if server_s == "page" else (404, 400)
        assert page_poll(world, key="bad") == at_server
        assert page_poll(world) == at_world
        slash = httpx.get(f"{server.url}/v1/images/generations/x/", headers=authorized(world))
        assert slash.status_code == (301 if server_s == "page" else 404)
        assert page_poll(world, key="good") == (400 if server_s == "page" else 404)


def test_route_of_another_dialect_is_no_operation_in_the_journal_nor_to_rules(
    world: FakeAPIMart,
) -> None:
    world.dialect("live")
    rule = world.fail("tasks.get", "rate_limited", optional=True)
    answer = httpx.get(f"{world.base_url}/v1/images/generations/task_x", headers=authorized(world))
    assert answer.json() == {
        "error": {
            "message": "Invalid URL (GET /v1/images/generations/task_x)",
            "type": "invalid_request_error",
            "param": "",
            "code": "",
        }
    }
    (entry,) = world.requests
    assert (entry.operation, entry.status, rule.used) == (None, 404, 0)


def test_dialect_of_the_whole_server_is_that_of_worlds_without_one(
    start_server: StartServer,
) -> None:
    server = start_server()
    with FakeAPIMart(server.url) as world:
        httpx.patch(f"{server.url}/_fake/world", json={"dialect": "live"}).raise_for_status()
        assert (page_poll(world), page_poll(world, key="")) == (404, 404)
        world.dialect("page")
        assert page_poll(world) == 400


def test_limit_of_size_is_the_world_s(places: Places) -> None:
    one, other = places
    one.size_limit(len(JPEG))
    assert upload(other).status_code == 200
    answer = upload(other, JPEG + b"x")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        413,
        f"file size {len(JPEG) + 1} exceeds maximum {len(JPEG)} bytes",
    )
    one.fail("uploads.create", "file_too_large")
    assert f"maximum {len(JPEG)} bytes" in upload(one).json()["error"]["message"]
    one.size_limit(None)
    assert upload(other, JPEG + b"x").status_code == 200


def test_lifetime_of_urls_holds_for_what_is_uploaded_from_then_on(
    places: Places,
) -> None:
    one, other = places
    one.clock.freeze()
    before = upload_url(other)
    one.url_lifetime(hours=1)
    after = upload_url(other)

    def alive() -> list[int]:
        return [httpx.get(url).status_code for url in (before, after)]

    one.clock.advance(minutes=59, seconds=59)
    assert alive() == [200, 200]
    one.clock.advance(seconds=1)
    assert alive() == [200, 403]
    one.clock.advance(hours=71)
    assert alive() == [403, 403]


def test_lifetime_can_be_longer_than_the_server_s(world: FakeAPIMart) -> None:
    world.clock.freeze()
    world.url_lifetime(days=30)
    url = upload_url(world)
    world.clock.advance(days=29, hours=23)
    assert httpx.get(url).status_code == 200
    world.clock.advance(hours=1)
    assert httpx.get(url).status_code == 403
    world.url_lifetime()
    world.clock.reset()
    assert world.uploads.add(JPEG, "a.jpg").expires_at < world.clock.now + 73 * 3600


def test_reset_returns_to_the_settings_of_the_server(
    places: Places,
) -> None:
    one, other = places
    one.dialect("live")
    one.size_limit(1)
    one.url_lifetime(seconds=1)
    one.reset()
    settings = httpx.get(f"{other.base_url}/_fake/world", headers=authorized(other)).json()
    assert settings["own_settings"] == {}
    assert settings["settings"]["url_ttl_seconds"] == 259_200
    assert re.search(PAGE_KEY, upload_url(other))


def test_setting_of_a_world_outlives_a_restart(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(storage=f"dir:{tmp_path}")
    world = FakeAPIMart(server.url, "key")
    world.size_limit(1)
    patch_label(world, "a test")
    server.stop()
    again = FakeAPIMart(start_server(storage=f"dir:{tmp_path}").url, "key")
    assert upload(again).status_code == 413
    assert label_of(again) == "a test"


@pytest.mark.parametrize("mode", ["moto_store"])
def test_lifetime_beyond_the_rule_of_the_bucket_is_refused(
    mode: str, request: pytest.FixtureRequest, bucket: str, start_server: StartServer
) -> None:
    store: Store = request.getfixturevalue(mode)
    with environment(store.env):
        server = start_server(storage=f"s3://{bucket}", url_ttl_seconds=3600)
        with FakeAPIMart(server.url) as world:
            world.url_lifetime(hours=24)
            with pytest.raises(
                ControlError, match=r"expected at most 86400, since s3://.* by itself"
            ):
                world.url_lifetime(hours=24, seconds=1)
            assert upload(world).status_code == 200


WRONG = [
    ({"dialect": "Live"}, "dialect: Input should be 'page' or 'live'"),
    ({"dialect": 1}, "dialect: Input should be 'page' or 'live'"),
    ({"max_file_bytes": 0}, "max_file_bytes: Input should be greater than or equal to 1"),
    ({"max_file_bytes": 1.5}, "max_file_bytes: Input should be a valid integer"),
    ({"url_ttl_seconds": 0}, "url_ttl_seconds: Input should be greater than or equal to 1"),
    ({"url_ttl_seconds": 3651 * 86_400}, "url_ttl_seconds: Input should be less than or equal to"),
    ({"label": 1}, "label: Input should be a valid string"),
    ({"label": "x" * 201}, "label: expected at most 200 characters"),
    ({"label": "a\nb"}, "label: expected characters that print, on one line"),
    ({"label": "\x1b[31m"}, "label: expected characters that print, on one line"),
    ({"label": "a\u202eb"}, "label: expected characters that print, on one line"),
    ({"label": "\ud800"}, "label: expected characters that print, on one line"),
]


@pytest.mark.parametrize(("body", "message"), WRONG)
def test_what_is_no_setting_is_refused(
    body: dict[str, Any], message: str, world: FakeAPIMart
) -> None:
    answer = httpx.patch(
        f"{world.base_url}/_fake/world",
        headers={**authorized(world), "Content-Type": "application/json"},
        content=json.dumps(body),
    )
    assert (answer.status_code, message in answer.json()["error"]["message"]) == (400, True), (
        answer.text
    )


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda world: world.dialect(1), "name must be a str or None"),
        (lambda world: world.size_limit("1 MB"), "size must be an int or None"),
        (lambda world: world.size_limit(True), "size must be an int or None"),
        (lambda world: world.url_lifetime(hours="1"), "hours must be a number"),
    ],
)
def test_argument_of_a_wrong_type_is_named(call: Any, error: str, world: FakeAPIMart) -> None:
    with pytest.raises(TypeError, match=error):
        call(world)


def patch_label(world: FakeAPIMart, label: str | None) -> httpx.Response:
    url = f"{world.base_url}/_fake/world"
    return httpx.patch(url, headers=authorized(world), json={"label": label})


def label_of(world: FakeAPIMart) -> str:
    answer = httpx.get(f"{world.base_url}/_fake/world", headers=authorized(world)).json()
    return str(answer["label"])


def test_label_is_told_on_every_server_until_a_reset(
    places: Places,
) -> None:
    one, other = places
    assert label_of(one) == ""
    assert patch_label(one, "tests/test_a.py::test_b[ä]").json()["label"] == label_of(other)
    assert label_of(other) == "tests/test_a.py::test_b[ä]"
    one.balance(3)
    assert label_of(other) == "tests/test_a.py::test_b[ä]"
    assert patch_label(other, None).json()["label"] == label_of(one) == ""
    patch_label(one, "again")
    one.reset()
    assert label_of(other) == ""


def test_label_does_not_tell_a_secret(world: FakeAPIMart) -> None:
    assert patch_label(world, "http://user:s3cret@host/").json()["label"] == "http://***@host/"


@given(st.text(max_size=300))
def test_label_is_taken_as_it_is_or_refused(server: ServerThread, label: str) -> None:
    with FakeAPIMart(server.url) as world:
        answer = patch_label(world, label)
        is_good = len(label) <= 200 and label.isprintable()
        assert answer.status_code == (200 if is_good else 400)
        assert upload(world, PNG).status_code == 200
