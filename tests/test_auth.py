"""Authentication: any API key, or only the configured ones; bare, behind `Bearer `, in a query."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import StartServer
from tests.harness import PNG, ServerThread, exchange, form, parse_head, upload_request

PATH = "/v1/uploads/images"


def upload(server: ServerThread, authorization: str | None) -> tuple[int, dict[str, str], bytes]:
    request = upload_request(form(PNG), {"Authorization": authorization})
    return parse_head(exchange(server.address, request))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer   ",
        "Basic dTpw",
        "bearer k",
        "BEARER k",
        "bEARER k",
        "Bearer  k",
        "Bearer a b",
        "Bearer a\tb",
        "Bearer\tk",
        "Bearer Bearer k",
        "a\tb",
    ],
)
def test_without_a_key_is_refused_and_names_the_request(
    authorization: str | None, server: ServerThread
) -> None:
    status, headers, body = upload(server, authorization)
    request_id = headers["x-oneapi-request-id"]
    assert status == 401
    assert (
        body
        == (
            f'{{"error":{{"code":"","message":"invalid API key (request id: {request_id})",'
            f'"param":"","type":"apimart_error"}}}}'
        ).encode()
    )


@pytest.mark.parametrize(
    "authorization", ["Bearer k", "Bearer k ", "Bearer sk-\xe9", "sk-1", " sk-1 ", "bearer", "\xe9"]
)
def test_any_key_is_good_by_default(authorization: str, server: ServerThread) -> None:
    assert upload(server, authorization)[0] == 200


@pytest.mark.parametrize(
    ("key", "status"), [("one", 200), ("two", 200), ("three", 401), ("one,two", 401), ("ONE", 401)]
)
@pytest.mark.parametrize("form", ["Bearer {}", "{}"])
def test_only_set_keys_are_good(
    form: str, key: str, status: int, start_server: StartServer
) -> None:
    assert upload(start_server(api_keys="one, two,"), form.format(key))[0] == status


@pytest.mark.parametrize("authorization", ["Basic dTpw", "Bearer Basic dTpw"])
def test_key_with_a_blank_is_good_where_it_is_set_as_it_stands(
    authorization: str, start_server: StartServer
) -> None:
    server = start_server(api_keys="Basic dTpw")
    assert upload(server, authorization)[0] == 200
    assert upload(server, "bearer Basic dTpw")[0] == 401
    world = httpx.get(f"{server.url}/_fake/world", headers={"Authorization": authorization})
    assert world.status_code == 200


def test_set_key_may_have_any_letters(start_server: StartServer) -> None:
    server = start_server(api_keys="sk-\u00fc\u56fe")
    key = "sk-\u00fc\u56fe".encode().decode("latin-1")
    assert upload(server, f"Bearer {key}")[0] == 200
    assert upload(server, "Bearer sk-\u00fc")[0] == 401
    query = {"key": "sk-\u00fc\u56fe"}
    assert httpx.get(f"{server.url}/v1/models/gpt-image-2", params=query).status_code == 200


def test_bare_key_and_the_key_behind_bearer_are_one_world(server: ServerThread) -> None:
    worlds = [
        httpx.get(f"{server.url}/_fake/world", headers={"Authorization": each}).json()["world"]
        for each in ("Bearer sk-one-world", "sk-one-world")
    ]
    assert worlds[0] == worlds[1]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/models/m?key=good", 200),
        ("/v1/models/m?%6bey=go%6Fd", 200),
        ("/v1/models/m?a=b&key=good&key=bad", 200),
        ("/v1/models/m?key=bad&key=good", 401),
        ("/v1/models/m?key=", 401),
        ("/v1/models/m?key", 401),
        ("/v1/models/m?key=Bearer%20good", 401),
        ("/v1/models/m?key=good;", 401),
        ("/v1/models/m?key=%zz", 401),
        ("/v1/models/m?KEY=good", 401),
        ("/v1/models/m/schema?key=good", 200),
        ("//v1/models/m?key=good", 200),
        ("/v1/models?key=good", 401),
        ("/v1/model-schema?model=m&key=good", 401),
        ("/v1/balance?key=good", 401),
        ("/v1/tasks/x?key=good", 401),
    ],
)
def test_key_in_the_query_stands_in_for_a_missing_header_on_models_alone(
    target: str, status: int, start_server: StartServer
) -> None:
    server = start_server(api_keys="good")
    for header in ("", "Authorization:\r\n"):
        request = f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{header}\r\n"
        assert parse_head(exchange(server.address, request.encode()))[0] == status


@pytest.mark.parametrize(("key", "status"), [("good", 200), ("bad", 401)])
def test_header_comes_before_the_query(key: str, status: int, start_server: StartServer) -> None:
    server = start_server(api_keys="good")
    headers = {"Authorization": f"Bearer {key}"}
    for in_query in ("good", "bad"):
        answer = httpx.get(f"{server.url}/v1/models/m?key={in_query}", headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize("key", ["sk-query", "sk-\xe9-query"])
def test_key_in_the_query_is_the_world_of_that_key(key: str, server: ServerThread) -> None:
    in_query = "".join(f"%{byte:02x}" for byte in key.encode("latin-1"))
    httpx.get(f"{server.url}/v1/models/m?key={in_query}")
    headers = {b"Authorization": key.encode("latin-1")}
    answer = httpx.get(f"{server.url}/_fake/requests", headers=headers)
    (entry,) = answer.json()["requests"]
    assert entry["path"] == "/v1/models/m"
    assert entry["unread_fields"] == []
    assert entry["query"] == "key=***"
    assert key not in answer.text
    assert in_query not in answer.text


def test_key_is_checked_before_the_form(server: ServerThread) -> None:
    assert httpx.post(server.url + PATH, content=b"no form").status_code == 401
