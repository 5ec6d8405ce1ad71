"""Authentication: any API key, or only the configured ones."""

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
    [None, "", "Bearer", "Bearer ", "Bearer   ", "Basic dTpw", "sk-1", "Bearersk-1"],
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


@pytest.mark.parametrize("authorization", ["Bearer k", "bearer k", "Bearer  k ", "Bearer sk-\xe9"])
def test_any_key_is_good_by_default(authorization: str, server: ServerThread) -> None:
    assert upload(server, authorization)[0] == 200


@pytest.mark.parametrize(
    ("key", "status"), [("one", 200), ("two", 200), ("three", 401), ("one,two", 401), ("ONE", 401)]
)
def test_only_set_keys_are_good(key: str, status: int, start_server: StartServer) -> None:
    assert upload(start_server(api_keys="one, two,"), f"Bearer {key}")[0] == status


def test_key_is_checked_before_the_form(server: ServerThread) -> None:
    assert httpx.post(server.url + PATH, content=b"no form").status_code == 401
