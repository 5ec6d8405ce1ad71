"""Properties of every API response: request ids, unknown URLs, slashes, CORS."""

from __future__ import annotations

import json
import re
import time

import httpx
import pytest
from fake_apimart import __version__
from fake_apimart.common.randomness import Randomness
from fake_apimart.contract.request_id import new_request_id

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, PNG, ServerThread, StoppedClock, exchange, parse_head

PATH = "/v1/uploads/images"
REQUEST_ID = re.compile(r"(\d{14})(\d{1,9})([A-Za-z0-9]{8})")


def not_found(method: str, path: str) -> bytes:
    return (
        f'{{"error":{{"message":"Invalid URL ({method} {path})",'
        f'"type":"invalid_request_error","param":"","code":""}}}}'
    ).encode()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", PATH),
        ("PUT", PATH),
        ("DELETE", PATH),
        ("PATCH", PATH),
        ("OPTIONS", PATH),
        ("GET", "/"),
        ("GET", "/v1"),
        ("POST", "/v1/uploads"),
        ("POST", "/v1/uploads/images/x"),
        ("POST", "/docs"),
        ("POST", "/openapi.json"),
        ("POST", "/_fake/health"),
        ("GET", "/v1/uploads/images/"),
        ("GET", "/f/image"),
    ],
)
@pytest.mark.parametrize("key", ["", "Bearer k"])
def test_unknown_url_is_404_with_and_without_a_key(
    method: str, path: str, key: str, server: ServerThread
) -> None:
    headers = {"Authorization": key} if key else {}
    answer = httpx.request(method, server.url + path, headers=headers)
    assert (answer.status_code, answer.content) == (404, not_found(method, path))
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("sent", "stated"),
    [
        ("/v1/x?y=z", "/v1/x"),
        ("/v1/%E7%85%A7", "/v1/照"),
        ("/v1/%FF%FE", r"/v1/\ufffd\ufffd"),
        ("/v1/a%20b%22", r"/v1/a b\""),
        ("/v1/%3Cb%3E", r"/v1/\u003cb\u003e"),
        ("//v1//x", "//v1//x"),
    ],
)
def test_unknown_path_is_stated_as_go_prints_it(
    sent: str, stated: str, server: ServerThread
) -> None:
    request = f"GET {sent} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    assert parse_head(exchange(server.address, request))[2] == not_found("GET", stated)


def test_head_of_an_unknown_url_has_no_body(server: ServerThread) -> None:
    answer = httpx.head(f"{server.url}/v1/models/x")
    assert (answer.status_code, answer.content) == (404, b"")


def test_request_id_is_the_time_in_china_and_eight_characters(server: ServerThread) -> None:
    before = time.time_ns() // 1_000_000_000
    sent = httpx.get(f"{server.url}/v1/x").headers["x-oneapi-request-id"]
    after = time.time_ns() // 1_000_000_000
    match = REQUEST_ID.fullmatch(sent)
    assert match is not None
    hours_8 = 8 * 3600
    seconds = [
        time.strftime("%Y%m%d%H%M%S", time.gmtime(now + hours_8))
        for now in range(before, after + 1)
    ]
    assert match[1] in seconds


@pytest.mark.parametrize(
    ("now_ns", "begins"),
    [
        (1_789_813_256_471_923_385, "20260919182056471923385"),
        (1_789_813_256_000_000_000, "202609191820560"),
        (1_789_813_256_000_000_042, "2026091918205642"),
        (1_798_732_799_000_000_000, "202612312359590"),
        (1_798_732_800_000_000_000, "202701010000000"),
    ],
)
def test_nanoseconds_are_not_padded(now_ns: int, begins: str) -> None:
    request_id = new_request_id(now_ns, Randomness(1))
    assert request_id[:-8] == begins


def test_every_answer_has_an_id_of_its_own(client: httpx.Client) -> None:
    answers = [client.get("/v1/x"), client.post(PATH), client.get("/_fake/health")]
    ids = {answer.headers["x-oneapi-request-id"] for answer in answers}
    assert len(ids) == 3


@pytest.mark.parametrize("query", ["", "?a=b&c=%20"])
def test_slash_at_the_end_is_redirected_before_the_key_is_asked_for(
    query: str, server: ServerThread
) -> None:
    answer = httpx.post(f"{server.url}{PATH}/{query}", files={"file": ("a.png", PNG)})
    assert (answer.status_code, answer.content) == (307, b"")
    assert answer.headers["location"] == PATH + query


def test_redirected_upload_arrives(client: httpx.Client) -> None:
    answer = client.post(f"{PATH}/", files={"file": ("a.png", PNG)}, follow_redirects=True)
    assert answer.status_code == 200


def test_redirect_of_a_get_is_permanent(server: ServerThread) -> None:
    answer = httpx.get(f"{server.url}/v1/models/")
    assert (answer.status_code, answer.headers["location"]) == (301, "/v1/models")


@pytest.mark.parametrize("path", ["//v1/uploads/images", "/v1//uploads///images"])
def test_doubled_slashes_are_folded(path: str, server: ServerThread) -> None:
    answer = httpx.post(server.url + path, headers=AUTHORIZED, files={"file": ("a.png", PNG)})
    assert answer.status_code == 200


def test_preflight_echoes_the_headers_and_asks_for_no_key(server: ServerThread) -> None:
    headers = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = httpx.options(server.url + PATH, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET,POST,PUT,DELETE,OPTIONS"
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    assert answer.headers["access-control-max-age"] == "43200"


def test_preflight_without_asked_headers_allows_none(server: ServerThread) -> None:
    answer = httpx.options(server.url + PATH, headers={"Origin": "null"})
    assert answer.status_code == 204
    assert "access-control-allow-headers" not in answer.headers


@pytest.mark.parametrize(("origin", "allowed"), [("https://app.example", "*"), (None, None)])
def test_cors_headers_only_where_there_is_an_origin(
    origin: str | None, allowed: str | None, client: httpx.Client
) -> None:
    headers = {"Origin": origin} if origin else {}
    for answer in (
        client.post(PATH, headers=headers, files={"file": ("a.png", PNG)}),
        client.post(PATH, headers=headers),
        client.get("/v1/x", headers=headers),
    ):
        assert answer.headers.get("access-control-allow-origin") == allowed


def test_health_says_version_and_storage(server: ServerThread) -> None:
    answer = httpx.get(f"{server.url}/_fake/health")
    assert answer.json() == {"status": "ok", "version": __version__, "storage": "memory://"}


def test_fault_of_the_server_is_the_documented_500(start_server: StartServer) -> None:
    class BrokenClock(StoppedClock):
        calls = 0

        def time_ns(self) -> int:
            self.calls += 1
            if self.calls == 5:
                raise RuntimeError("the clock broke")
            return super().time_ns()

    server = start_server(clock=BrokenClock(0))
    answer = httpx.post(server.url + PATH, headers=AUTHORIZED)
    assert answer.status_code == 500
    assert json.loads(answer.content) == {
        "error": {
            "code": 500,
            "message": "Internal server error. Please try again later",
            "type": "server_error",
        }
    }
    assert "x-oneapi-request-id" in answer.headers
    assert httpx.get(f"{server.url}/_fake/health").status_code == 200
