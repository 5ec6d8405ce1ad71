"""Properties of every API response: request ids, unknown URLs, slashes, CORS."""

from __future__ import annotations

import json
import re
import time
from urllib.parse import unquote

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
        ("/v1/照", "/v1/照"),
        ("/v1/\udce7\udc85x", r"/v1/\ufffd\ufffdx"),
        ("/v1/a%20b%22", r"/v1/a b\""),
        ("/v1/%3Cb%3E", r"/v1/\u003cb\u003e"),
        ("//v1//x", "//v1//x"),
    ],
)
def test_unknown_path_is_stated_as_go_prints_it(
    sent: str, stated: str, server: ServerThread
) -> None:
    request = f"GET {sent} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = exchange(server.address, request.encode("utf-8", "surrogateescape"))
    assert parse_head(answer)[2] == not_found("GET", stated)


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


def ask(server: ServerThread, target: bytes, method: str = "GET") -> tuple[int, str | None, bytes]:
    """Return status, Location and body of the answer to a raw request without a key."""
    request = b"%b %b HTTP/1.1\r\nHost: h\r\nOrigin: http://app\r\nConnection: close\r\n\r\n"
    answer = exchange(server.address, request % (method.encode(), target))
    status, headers, body = parse_head(answer)
    if status in (301, 307):
        assert "x-oneapi-request-id" not in headers
        assert "access-control-allow-origin" not in headers
        assert headers.get("content-type") == ("text/html; charset=utf-8" if body else None)
    else:
        assert "x-oneapi-request-id" in headers
    return status, headers.get("location"), body


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/v1/models/", "/v1/models"),
        ("/v1/models/gpt/", "/v1/models/gpt"),
        ("/v1/models/gpt/schema/", "/v1/models/gpt/schema"),
        ("/v1/tasks/x/", "/v1/tasks/x"),
        ("/v1/tasks/batch/", "/v1/tasks/batch"),
        ("/v1/images/generations/x/", "/v1/images/generations/x"),
        ("/balance/", "/balance"),
        ("/v1/tasks/x%2F", "/v1/tasks/x"),
        ("//v1//models/", "/v1/models"),
        ("/v1/tasks/x/?a=b&c=%20", "/v1/tasks/x?a=b&c=%20"),
        ("/v1/tasks/x/?../..", "/v1/tasks/x?../.."),
        ("/v1/models/?//evil.example/..", "/v1/models?//evil.example/.."),
        ("/v1/tasks/%41/", "/v1/tasks/A"),
        ("/v1/tasks/a%20b/", "/v1/tasks/a%20b"),
        ("/v1/tasks/%3Fa/", "/v1/tasks/%3Fa"),
        ("/v1/tasks/%23a/", "/v1/tasks/%23a"),
        ("/v1/tasks/a%25b/", "/v1/tasks/a%25b"),
        ("/v1/tasks/%E5%9B%BE/", "/v1/tasks/%E5%9B%BE"),
        ("/v1/tasks/%FF/", "/v1/tasks/%FF"),
        ("/v1/tasks/%00/", "/v1/tasks/%00"),
        ("/v1/tasks/%0d%0aX:y/", "/v1/tasks/%0D%0AX:y"),
        ("/v1/tasks/%5Cevil/", "/v1/tasks/%5Cevil"),
        ("/v1/tasks/%7Ca%5E%60%7B/", "/v1/tasks/%7Ca%5E%60%7B"),
        (
            "/v1/tasks/a;b:c@d$e+f=g,h!i*j(k)l[m]n~o/",
            "/v1/tasks/a;b:c@d$e+f=g,h%21i%2Aj%28k%29l%5Bm%5Dn~o",
        ),
        ("/v1/tasks/%2e%2e/", "/v1"),
        ("/v1/tasks/../", "/v1"),
        ("/v1/tasks/./", "/v1/tasks"),
    ],
)
def test_get_with_a_slash_too_many_is_moved_as_by_the_vendor_s_router(
    target: str, location: str, server: ServerThread
) -> None:
    linked = location.replace("&", "&amp;")
    body = f'<a href="{linked}">Moved Permanently</a>.\n\n'
    assert ask(server, target.encode()) == (301, location, body.encode())


def test_redirect_escapes_what_html_and_headers_cannot_hold(server: ServerThread) -> None:
    status, location, body = ask(server, b"/v1/tasks/%3Cb%3E%22'%26/?a=<b>&c=\"d\"'\xff")
    assert (status, location) == (301, '/v1/tasks/%3Cb%3E%22%27&?a=<b>&c="d"\'%ff')
    assert body == (
        b'<a href="/v1/tasks/%3Cb%3E%22%27&amp;?a=&lt;b&gt;&amp;c=&#34;d&#34;&#39;\xff">'
        b"Moved Permanently</a>.\n\n"
    )


@pytest.mark.parametrize("query", ["", "?a=b&c=%20"])
@pytest.mark.parametrize("path", [PATH, "/v1/images/generations", "/v1/tasks/batch"])
def test_post_with_a_slash_too_many_is_sent_on_without_a_body(
    path: str, query: str, server: ServerThread
) -> None:
    target = f"{path}/{query}".encode()
    assert ask(server, target, "POST") == (307, path + query, b"")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models//"),
        ("GET", "/v1/models///"),
        ("GET", "/v1/models/gpt//"),
        ("GET", "/v1/tasks/x//"),
        ("GET", "/v1/tasks/x%2F/"),
        ("GET", "/v1/tasks/a%2Fb/"),
        ("GET", "/v1/tasks/"),
        ("GET", "/v1/tasks"),
        ("GET", "/v1/images/generations/"),
        ("GET", "/v1/uploads/images/"),
        ("GET", "/v1/models/gpt/other/"),
        ("GET", "/V1/models/"),
        ("GET", "/v1/"),
        ("GET", "//"),
        ("GET", "//evil.example/"),
        ("GET", "//evil.example/v1/models/"),
        ("GET", "/%2Fevil.example/v1/models/"),
        ("GET", "/%5Cevil.example/"),
        ("POST", "/v1/models/"),
        ("POST", "/v1/uploads/images//"),
        ("PUT", "/v1/models/"),
        ("DELETE", "/v1/tasks/x/"),
    ],
)
def test_slash_behind_no_route_and_a_doubled_one_are_not_found(
    method: str, path: str, server: ServerThread
) -> None:
    status, location, body = ask(server, path.encode(), method)
    assert (status, location) == (404, None)
    assert json.loads(body)["error"]["message"] == f"Invalid URL ({method} {unquote(path)})"


def test_head_of_a_path_with_a_slash_too_many_is_not_found(server: ServerThread) -> None:
    assert httpx.head(f"{server.url}/v1/models/").status_code == 404


def test_redirected_upload_arrives(client: httpx.Client) -> None:
    answer = client.post(f"{PATH}/", files={"file": ("a.png", PNG)}, follow_redirects=True)
    assert answer.status_code == 200


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


FOREIGN = [
    "https://app.example",
    "null",
    "HTTP://H",
    "http://h:80",
    "http://h/",
    "ftp://h",
    "h",
]
OWN = [None, "", "http://h", "https://h"]


def ask_from(
    server: ServerThread, origin: str | None, method: str, path: str
) -> tuple[int, dict[str, str], bytes]:
    """Return the answer to a request from a page of `origin`; the host is `h`."""
    lines = [f"{method} {path} HTTP/1.1", "Host: h", "Authorization: Bearer k", "Connection: close"]
    if origin is not None:
        lines.append(f"Origin: {origin}")
    return parse_head(exchange(server.address, "\r\n".join([*lines, "", ""]).encode()))


@pytest.mark.parametrize("path", ["/v1/models", "/v1/nothing", "/v1/tasks/x"])
@pytest.mark.parametrize(
    ("origin", "is_foreign"),
    [*((each, True) for each in FOREIGN), *((each, False) for each in OWN)],
)
def test_cors_headers_only_for_an_origin_of_another_host(
    origin: str | None, is_foreign: bool, path: str, server: ServerThread
) -> None:
    headers = ask_from(server, origin, "GET", path)[1]
    assert headers.get("access-control-allow-origin") == ("*" if is_foreign else None)
    assert headers.get("access-control-allow-credentials") == ("true" if is_foreign else None)
    assert "x-oneapi-request-id" in headers


@pytest.mark.parametrize("path", [PATH, "/v1/models/", "/v1/nothing", "/"])
@pytest.mark.parametrize("origin", FOREIGN)
def test_every_options_from_another_host_is_a_preflight(
    origin: str, path: str, server: ServerThread
) -> None:
    status, headers, body = ask_from(server, origin, "OPTIONS", path)
    assert (status, body) == (204, b"")
    assert headers["access-control-allow-credentials"] == "true"
    assert "content-type" not in headers
    assert "x-oneapi-request-id" in headers


@pytest.mark.parametrize("path", [PATH, "/v1/models/"])
@pytest.mark.parametrize("origin", OWN)
def test_options_of_the_own_host_is_no_operation(
    origin: str | None, path: str, server: ServerThread
) -> None:
    status, headers, body = ask_from(server, origin, "OPTIONS", path)
    assert (status, body) == (404, not_found("OPTIONS", path))
    assert "access-control-allow-origin" not in headers


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
