"""The control API: access, refusals, and its documentation page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fake_apimart.common.addresses import is_loopback
from fake_apimart_storage import ObjectInfo, StorageError
from fake_apimart_storage.memory import MemoryStorage, MemoryWriter
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.harness import FORM_TYPE, PNG, ServerThread, form
from tests.worlds import authorized, upload

KEY = {"Authorization": "Bearer some-key"}
JSON = {"Content-Type": "application/json"}


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Check that the error has the common form; return its status and message."""
    error = answer.json()["error"]
    assert answer.json() == {"error": {"message": error["message"], "type": error["type"]}}
    return answer.status_code, error["message"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.8.7", "::1"])
def test_loopback_is_recognised(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "192.168.0.1", "localhost.evil.example", "example.org"]
)
def test_other_hosts_are_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "192.168.0.9", ""])
def test_call_about_the_whole_server_needs_a_loopback_host(host: str, server: ServerThread) -> None:
    status, message = refusal(httpx.get(f"{server.url}/_fake/world", headers={"Host": host}))
    assert status == 403
    assert "needs X-Fake-Admin-Token" in message
    assert "FAKE_APIMART_ADMIN_TOKEN to be set" in message


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:80"])
def test_call_about_the_whole_server_is_free_on_loopback(host: str, server: ServerThread) -> None:
    assert httpx.get(f"{server.url}/_fake/world", headers={"Host": host}).status_code == 200


def test_call_about_a_world_is_free_by_any_name(server: ServerThread) -> None:
    headers = {**KEY, "Host": "fake-apimart:8080"}
    assert httpx.get(f"{server.url}/_fake/world", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("given", "status"), [("secret", 200), ("Secret", 403), ("", 403), ("sécret", 403)]
)
def test_admin_token_opens_the_whole_server_on_any_address(
    given: str, status: int, start_server: StartServer
) -> None:
    server = start_server(public_url="https://fake.example", admin_token="secret")
    url = f"{server.url}/_fake/world"
    answer = httpx.get(url, headers={b"X-Fake-Admin-Token": given.encode()})
    assert answer.status_code == status
    if status == 403:
        assert "the value of FAKE_APIMART_ADMIN_TOKEN" in refusal(answer)[1]
        assert "secret" not in answer.text
    assert httpx.get(url, headers=KEY).status_code == 200


@pytest.mark.parametrize("authorization", ["Basic abc", "Bearer", "", "bearer k", "Bearer  k"])
def test_malformed_key_is_not_taken_for_a_call_without_a_key(
    authorization: str, server: ServerThread
) -> None:
    headers = {**JSON, "Authorization": authorization}
    status, message = refusal(httpx.post(f"{server.url}/_fake/reset", headers=headers))
    assert (status, message.split("`")[1]) == (401, "Bearer KEY")


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "reset"), ("POST", "clock"), ("PATCH", "world"), ("DELETE", "world")],
)
def test_content_type_that_a_web_form_can_send_is_refused(
    method: str, path: str, content_type: str, server: ServerThread
) -> None:
    headers = {**KEY, **({"Content-Type": content_type} if content_type else {})}
    answer = httpx.request(method, f"{server.url}/_fake/{path}", headers=headers, content=b"{}")
    assert refusal(answer) == (415, "Content-Type must be application/json")


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://127.0.0.1:1", "", "http://", "http://[", ":"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_page_of_another_site_is_refused(origin: str, method: str, server: ServerThread) -> None:
    headers = {**KEY, **JSON, "Origin": origin}
    answer = httpx.request(method, f"{server.url}/_fake/world", headers=headers)
    assert refusal(answer) == (403, f"calls from {origin} are refused")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost", "LOCALHOST:80"),
        ("https://Fake.example:443", "fake.example"),
        ("http://[::1]:80", "[0:0::1]"),
    ],
)
def test_hosts_of_origins_are_compared_as_hosts(
    origin: str, host: str, server: ServerThread
) -> None:
    headers = {**KEY, "Origin": origin, "Host": host}
    assert httpx.get(f"{server.url}/_fake/world", headers=headers).status_code == 200


def test_page_of_the_same_origin_is_accepted(server: ServerThread) -> None:
    headers = {**KEY, **JSON, "Origin": server.url}
    answer = httpx.patch(f"{server.url}/_fake/world", headers=headers, json={"balance": 1})
    assert answer.json()["own_settings"] == {"balance": 1}
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "nothing"), ("PUT", "clock"), ("GET", "reset"), ("POST", "")]
)
def test_unknown_call_is_404_and_says_where_to_look(
    method: str, path: str, server: ServerThread
) -> None:
    answer = httpx.request(method, f"{server.url}/_fake/{path}", headers={**KEY, **JSON})
    status, message = refusal(answer)
    assert status == 404
    assert "/_fake/docs" in message


CLOCK = [
    ({}, "expected one of advance, at, freeze and reset"),
    ({"reset": False}, "expected one of advance, at, freeze and reset"),
    ({"reset": True, "freeze": True}, "reset goes with no other field"),
    ({"advance": 1, "at": 1}, "advance and at exclude each other"),
    ({"advance": "\u0663h"}, "advance: expected seconds, or a duration such as 90s, 72h or 1d12h"),
    ({"advance": "72 hours"}, "advance: expected seconds, or a duration such as 90s, 72h or 1d12h"),
    ({"advance": "-1h"}, "advance: expected seconds, or a duration"),
    ({"advance": -1}, "advance: Input should be greater than or equal to 0"),
    ({"freeze": 0}, "freeze: Input should be a valid boolean"),
    ({"advance": True}, "advance: Input should be a valid number"),
    ({"at": False}, "at: Input should be a valid number"),
    ({"advance": "9" * 99 + "d"}, "advance: Input should be less than or equal to 9000000000"),
    ({"advance": "1d" * 100}, "advance: expected seconds, or a duration"),
    ({"at": "tomorrow"}, "at: Input should be a valid number"),
    ({"at": 9_000_000_001}, "at: Input should be less than or equal to 9000000000"),
    ({"advance": 8_999_999_999}, "the clock ends at 9000000000 Unix seconds"),
    ({"forward": 1}, "unknown field forward; valid are advance, at, freeze, reset"),
]


@pytest.mark.parametrize(("body", "message"), CLOCK)
def test_invalid_clock_change_is_refused(
    body: dict[str, Any], message: str, world: FakeAPIMart
) -> None:
    url = f"{world.base_url}/_fake/clock"
    status, text = refusal(httpx.post(url, headers=authorized(world), json=body))
    assert (status, message in text) == (400, True), text
    before = httpx.get(url, headers=authorized(world)).json()
    assert abs(before["now"] - httpx.get(url).json()["now"]) < 5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("72h", 259_200), ("1d12h", 129_600), ("90s", 90), ("1.5m", 90), ("250ms", 0.25), (5, 5)],
)
def test_durations_are_read(text: str | int, seconds: float, world: FakeAPIMart) -> None:
    before = world.clock.freeze()
    answer = httpx.post(
        f"{world.base_url}/_fake/clock", headers=authorized(world), json={"advance": text}
    )
    assert answer.json() == {"now": pytest.approx(before + seconds, abs=1e-3), "frozen": True}


WORLD = [
    ({"balance": -1}, "balance: Input should be greater than or equal to 0"),
    ({"balance": False}, "balance: Input should be a valid number"),
    ({"task_polls": "2"}, "task_polls: Input should be a valid integer"),
    ({"rate_limit": "often"}, "rate_limit: expected a rate such as 60/minute"),
    ({"rate_limit": "9" * 4000 + "/second"}, "rate_limit: expected a rate such as 60/minute"),
    ({"rate_limit": "1/" + "9" * 20 + " second"}, "rate_limit: expected a rate such as 60/minute"),
    ({"rate_limit": "60/minute;" * 100_000}, "rate_limit: expected a rate such as 60/minute"),
    ({"task_failure": "x" * 8193}, "task_failure: expected at most 8192 characters"),
    ({"task_seconds": True}, "task_seconds: Input should be a valid number"),
    ({"task_polls": True}, "task_polls: Input should be a valid integer"),
    ({"task_seconds": "soon"}, "task_seconds: Input should be a valid number"),
    ({"task_polls": 1.5}, "task_polls: Input should be a valid integer"),
    ({"host": "x"}, "unknown field host; valid are task_seconds, task_polls, task_failure"),
]


@pytest.mark.parametrize(("body", "message"), WORLD)
def test_invalid_setting_is_refused(body: dict[str, Any], message: str, world: FakeAPIMart) -> None:
    url = f"{world.base_url}/_fake/world"
    status, text = refusal(httpx.patch(url, headers=authorized(world), json=body))
    assert (status, message in text) == (400, True), text


def test_null_returns_a_setting_to_the_server_s(world: FakeAPIMart) -> None:
    url = f"{world.base_url}/_fake/world"
    httpx.patch(url, headers=authorized(world), json={"balance": 3, "task_polls": 2})
    answer = httpx.patch(url, headers=authorized(world), json={"balance": None}).json()
    assert answer["own_settings"] == {"task_polls": 2}
    assert (answer["settings"]["balance"], answer["settings"]["task_polls"]) == (100, 2)


@pytest.mark.parametrize("content", [b"{", b"", b"\xff", b"[" * 100_000])
def test_body_that_is_not_json_is_refused(content: bytes, world: FakeAPIMart) -> None:
    headers = {**authorized(world), **JSON}
    answer = httpx.post(f"{world.base_url}/_fake/clock", headers=headers, content=content)
    assert refusal(answer)[0] == 400


def test_invalid_query_is_refused(world: FakeAPIMart) -> None:
    url = f"{world.base_url}/_fake/requests"
    answer = httpx.get(url, params={"operation": "x"}, headers=authorized(world))
    assert "unknown operation x; valid are uploads.create" in refusal(answer)[1]
    answer = httpx.get(url, params={"since": "x"}, headers=authorized(world))
    assert refusal(answer)[1].startswith("since: Input should be a valid integer")


@pytest.mark.parametrize("path", ["uploads", "uploads/x", "tasks"])
def test_call_that_concerns_only_a_world_needs_a_key(path: str, server: ServerThread) -> None:
    assert refusal(httpx.get(f"{server.url}/_fake/{path}"))[0] == 401
    assert refusal(httpx.request("DELETE", f"{server.url}/_fake/world", headers=JSON))[0] == 401


def test_upload_of_another_world_is_unknown(world: FakeAPIMart) -> None:
    upload(world, name="a %41.png").raise_for_status()
    (mine,) = world.uploads
    assert mine.filename == "a %41.png"
    assert mine.read()
    url = f"{world.base_url}/_fake/uploads/{mine.name}"
    assert refusal(httpx.get(url, headers=authorized(world.another())))[0] == 404
    assert refusal(httpx.get(f"{url}x", headers=authorized(world)))[0] == 404


def test_upload_whose_name_has_a_line_end_is_read(world: FakeAPIMart) -> None:
    parameter = b"filename*=UTF-8''a%0Ab"
    body = form(PNG).replace(b'filename="a.png"', parameter)
    assert parameter in body
    answer = httpx.post(
        f"{world.base_url}/v1/uploads/images",
        content=body,
        headers={**authorized(world), **FORM_TYPE},
    )
    assert answer.json()["filename"] == "a\nb"
    assert world.uploads[0].read() == PNG


@pytest.mark.parametrize("path", ["_fake/%75ploads/", "_fake%2Fuploads/", "_fake/uploads%2F"])
def test_path_of_a_call_may_have_escapes(path: str, world: FakeAPIMart) -> None:
    upload(world, name="a %41.png").raise_for_status()
    (mine,) = world.uploads
    answer = httpx.get(f"{world.base_url}/{path}{mine.name}", headers=authorized(world))
    assert answer.content == mine.read()
    answer = httpx.get(f"{world.base_url}/{path}x", headers=authorized(world))
    assert refusal(answer) == (404, "there is no upload x")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (r'{"\ud800": 1}', "unknown field ?; valid are "),
        (r'{"operation": "\ud800", "error": "x"}', "operation: unknown operation ?; valid are "),
        (
            r'{"operation": "models.list", "error": "\ud800"}',
            "unknown error ?; valid for models.list are ",
        ),
        (
            r'{"operation": "models.list", "socket": "\ud800"}',
            "socket: unknown socket fault ?; valid are ",
        ),
        (
            r'{"operation": "models.list", "status": 500, "headers": {"\ud800": "x"}}',
            "headers: '?' is no header's name",
        ),
    ],
)
def test_half_a_character_is_refused(body: str, message: str, world: FakeAPIMart) -> None:
    headers = {**authorized(world), "Content-Type": "application/json"}
    answer = httpx.post(f"{world.base_url}/_fake/faults", content=body, headers=headers)
    status, text = refusal(answer)
    assert (status, text.startswith(message)) == (400, True), text


def test_world_that_was_removed_begins_anew(world: FakeAPIMart) -> None:
    world.balance(1)
    name = httpx.get(f"{world.base_url}/_fake/world", headers=authorized(world)).json()["world"]
    answer = httpx.request(
        "DELETE", f"{world.base_url}/_fake/world", headers={**authorized(world), **JSON}
    )
    assert answer.json() == {"removed": name}
    data = httpx.get(f"{world.base_url}/_fake/world", headers=authorized(world)).json()
    assert data["own_settings"] == {}


class FullStorage(MemoryStorage):
    """A storage that fails to store a world's state."""

    def writer(self, info: ObjectInfo) -> MemoryWriter:
        if info.key.startswith("world/"):
            raise StorageError("the disk is full")
        return super().writer(info)


def test_failure_of_the_storage_is_reported(start_server: StartServer) -> None:
    server = start_server(on=FullStorage())
    answer = httpx.post(f"{server.url}/_fake/clock", headers=KEY, json={"advance": 1})
    assert refusal(answer) == (503, "the storage failed: the disk is full")


def test_page_and_its_parts_are_served_without_a_key(start_server: StartServer) -> None:
    server = start_server(host="0.0.0.0")
    base = f"http://127.0.0.1:{server.address[1]}"
    page = httpx.get(f"{base}/_fake/docs")
    assert page.headers["content-type"].startswith("text/html")
    for part in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert f"/_fake/swagger-ui/{part}" in page.text
        assert len(httpx.get(f"{base}/_fake/swagger-ui/{part}").content) > 100_000
    assert "http://" not in page.text
    assert "https://" not in page.text
