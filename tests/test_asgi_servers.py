"""A client's whole way through the API, the same under every ASGI server."""

from __future__ import annotations

import hashlib
import http.server
import io
import itertools
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from tests import test_webhooks
from tests.asgi_calls import form_with
from tests.asgi_servers import WAYS, Served, served
from tests.harness import (
    FORM_TYPE,
    JPEG,
    PDF,
    PNG,
    connection,
    exchange,
    form,
    parse_head,
    read_to_end,
    upload_request,
    wait_until,
)

S3_WAYS = ("TestClient", "uvicorn-httptools")
IN_PROCESS = ("TestClient", "ASGITransport", "mounted-TestClient")
PAIRS = [
    *itertools.product(WAYS, ("memory", "dir")),
    *itertools.product(S3_WAYS, ("s3",)),
]
CASES = [
    pytest.param(
        (way, storage),
        id=f"{way}-{storage}",
        marks=() if way in IN_PROCESS and storage != "s3" else pytest.mark.subprocess,
    )
    for way, storage in PAIRS
]

_keys = itertools.count()

receiver = test_webhooks.receiver


@pytest.fixture(scope="module", params=CASES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    way, storage = request.param
    env: dict[str, str] = {}
    location = {
        "memory": "memory://",
        "dir": f"dir:{tmp_path_factory.mktemp('files')}",
        "s3": f"s3://{way.lower()}/p",
    }[storage]
    if storage == "s3":
        env = request.getfixturevalue("moto_store").env
    with served(way, {"storage": location, "task_seconds": "0"}, env) as running:
        yield running


@pytest.fixture
def key() -> dict[str, str]:
    """Return the headers of a key, and so a world, that no other test has."""
    return {"Authorization": f"Bearer servers-{next(_keys)}"}


def upload(
    server: Served, key: dict[str, str], content: bytes = JPEG, name: str = "a.jpg"
) -> httpx.Response:
    return server.post("/v1/uploads/images", key, files={"file": (name, content)})


def uploaded(server: Served, key: dict[str, str], content: bytes = JPEG) -> str:
    answer = upload(server, key, content)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"])


def generate(server: Served, key: dict[str, str], **fields: Any) -> httpx.Response:
    body = {"model": "gpt-image-2", "prompt": "a cat", **fields}
    return server.post("/v1/images/generations", key, json=body)


def test_upload_is_answered_with_a_url_below_the_server(
    server: Served, key: dict[str, str]
) -> None:
    answer = upload(server, key, PNG, "照 片.png")
    assert answer.status_code == 200, answer.text
    fields = answer.json()
    assert fields["url"].startswith(f"{server.base}/f/image/")
    assert (fields["filename"], fields["content_type"]) == ("照 片.png", "image/png")
    assert fields["bytes"] == len(PNG)


def test_file_comes_back_as_it_was(server: Served, key: dict[str, str]) -> None:
    answer = server.get(uploaded(server, key), {})
    assert (answer.status_code, answer.content) == (200, JPEG)
    assert answer.headers["content-type"] == "image/jpeg"


def test_head_of_a_file_has_its_length_and_no_body(server: Served, key: dict[str, str]) -> None:
    answer = server.request("HEAD", uploaded(server, key), {})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(JPEG))


def test_range_of_a_file_comes_alone(server: Served, key: dict[str, str]) -> None:
    answer = server.get(uploaded(server, key), {"Range": "bytes=10-19"})
    assert (answer.status_code, answer.content) == (206, JPEG[10:20])
    assert answer.headers["content-range"] == f"bytes 10-19/{len(JPEG)}"


def test_file_that_the_client_has_is_304(server: Served, key: dict[str, str]) -> None:
    url = uploaded(server, key)
    answer = server.get(url, {"If-None-Match": server.get(url, {}).headers["etag"]})
    assert (answer.status_code, answer.content) == (304, b"")


def test_preflight_of_a_page_is_204(server: Served) -> None:
    answer = server.request("OPTIONS", "/v1/uploads/images", {"Origin": "https://app.example"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"


def test_large_file_comes_back_as_it_was(server: Served, key: dict[str, str]) -> None:
    content = PNG + bytes(range(256)) * 20_000
    answer = server.get(uploaded(server, key, content), {})
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()


def test_task_with_an_uploaded_reference_ends_with_a_picture(
    server: Served, key: dict[str, str]
) -> None:
    created = generate(server, key, image_urls=[uploaded(server, key)])
    assert created.status_code == 200, created.text
    task_id = created.json()["data"][0]["task_id"]
    task = server.get(f"/v1/tasks/{task_id}", key).json()["data"]
    assert task["status"] == "completed", task
    (url,) = task["result"]["images"][0]["url"]
    answer = server.get(url, {})
    with Image.open(io.BytesIO(answer.content)) as image:
        image.verify()
    (shown,) = server.control("GET", "tasks", key).json()["tasks"]
    assert len(shown["references"]) == 1, "it was not found in the storage"


def test_callback_comes_with_urls_below_the_server(
    server: Served, key: dict[str, str], receiver: http.server.HTTPServer
) -> None:
    created = generate(server, key, webhook=test_webhooks.url_of(receiver))
    received = test_webhooks.Receiver.received
    wait_until(lambda: received, "the callback")
    ((_, data),) = received
    assert data["id"] == created.json()["data"][0]["task_id"]
    (url,) = data["result"]["images"][0]["url"]
    assert url.startswith(f"{server.base}/f/image/")


def test_poll_url_leads_to_the_task(server: Served, key: dict[str, str]) -> None:
    headers = {**key, "X-APIMart-Response-Version": "2026-07-27"}
    data = generate(server, headers).json()["data"]
    assert data["poll_url"].startswith(f"{server.base}/v1/tasks/")
    assert server.get(data["poll_url"], key).json()["data"]["id"] == data["task_id"]


NAMES = ["a%20b.png", "%E7%85%A7%E7%89%87.png", "a%252Fb.png", "a%3Fb%23c.png"]


@pytest.mark.parametrize("escaped", NAMES)
def test_file_of_a_name_with_escapes_comes_back(
    escaped: str, server: Served, key: dict[str, str]
) -> None:
    sent = {**key, **FORM_TYPE}
    answer = server.post("/v1/uploads/images", sent, content=form_with(escaped))
    url = answer.json()["url"]
    assert url.endswith(f"-{escaped}")
    assert server.get(url, {}).content == PNG


def test_doubled_slashes_are_folded_below_the_server(server: Served, key: dict[str, str]) -> None:
    answer = server.post("/v1//uploads///images", key, files={"file": ("a.jpg", JPEG)})
    assert answer.status_code == 200
    assert server.control("POST", "/reset", key).status_code == 200


def test_call_about_the_whole_server_is_free_for_this_machine_alone(server: Served) -> None:
    assert server.get("/_fake/world", {}).status_code == 200
    for passed_on in ({"Host": "evil.example"}, {"X-Forwarded-For": "127.0.0.1"}, {"Via": "1.1 x"}):
        answer = server.get("/_fake/world", passed_on)
        assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")


@pytest.mark.parametrize("path", ["//_fake/world", "/%5Ffake/world", "/_fake%2Fworld"])
def test_control_call_is_checked_however_it_is_written(path: str, server: Served) -> None:
    answer = server.get(path, {"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "permission_error")


def test_refused_upload_says_why(server: Served, key: dict[str, str]) -> None:
    answer = upload(server, key, PDF)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("unsupported image type: application/pdf")


def test_large_upload_without_a_key_is_401(server: Served) -> None:
    answer = upload(server, {}, PNG + bytes(5_000_000))
    assert answer.status_code == 401
    assert "x-oneapi-request-id" in answer.headers


def test_unknown_path_is_stated_as_it_is_below_the_server(server: Served) -> None:
    message = server.get("/nope").json()["error"]["message"]
    assert message == "Invalid URL (GET /nope)"


def test_head_of_an_unknown_path_has_no_body(server: Served) -> None:
    answer = server.request("HEAD", "/nope")
    assert (answer.status_code, answer.content) == (404, b"")


def test_slash_too_many_is_redirected_below_the_server(server: Served, key: dict[str, str]) -> None:
    large = {"file": ("a.jpg", JPEG + bytes(2_000_000))}
    answer = server.post("/v1/uploads/images/?a=b", key, files=large)
    assert answer.status_code == 307
    location = str(httpx.URL(server.base).join(answer.headers["location"]))
    assert location == f"{server.base}/v1/uploads/images?a=b"
    again = server.post(location, key, files={"file": ("a.jpg", JPEG)})
    assert again.status_code == 200


def test_url_is_dead_72_hours_later(server: Served, key: dict[str, str]) -> None:
    url = uploaded(server, key)
    moved = server.control("POST", "clock", key, json={"advance": 72 * 3600})
    assert moved.status_code == 200, moved.text
    answer = server.get(url, {})
    assert answer.status_code == 403
    assert b"<Code>AccessDenied</Code>" in answer.content


def test_rule_by_an_error_s_name_fires_once(server: Served, key: dict[str, str]) -> None:
    rule = {"operation": "uploads.create", "error": "rate_limited"}
    assert server.control("POST", "faults", key, json=rule).status_code == 200
    assert [upload(server, key).status_code for _ in range(2)] == [429, 200]


def test_rule_for_some_files_is_met_by_these(server: Served, key: dict[str, str]) -> None:
    where = {"filename": {"glob": "*.jpg"}, "size": {"at_least": 1}}
    rule = {"operation": "uploads.create", "error": "rate_limited", "where": where, "every": 2}
    rule["headers"] = {"Retry-After": "7"}
    assert server.control("POST", "faults", key, json=rule).status_code == 200
    answers = [upload(server, key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert answers[1].headers["retry-after"] == "7"


def test_journal_has_what_was_asked(server: Served, key: dict[str, str]) -> None:
    uploaded(server, key)
    server.get("/nope", key)
    entries = server.control("GET", "requests", key).json()["requests"]
    first, second = [(each["operation"], each["path"], each["status"]) for each in entries]
    assert first == ("uploads.create", "/v1/uploads/images", 200)
    assert second == (None, "/nope", 404)
    assert entries[0]["sha256"] == hashlib.sha256(JPEG).hexdigest()


def test_reset_forgets_the_world(server: Served, key: dict[str, str]) -> None:
    url = uploaded(server, key)
    assert server.control("POST", "reset", key).status_code == 200
    assert server.get(url, {}).status_code == 403
    assert server.control("GET", "uploads", key).json() == {"uploads": []}


def test_call_about_the_whole_server_is_free_on_this_machine(server: Served) -> None:
    answer = server.control("GET", "world", {})
    assert (answer.status_code, answer.json()["world"]) == (200, None)


def test_socket_fault_is_refused_in_plain_words(server: Served, key: dict[str, str]) -> None:
    rule = {"operation": "uploads.create", "socket": "cut_in_body"}
    answer = server.control("POST", "faults", key, json=rule)
    assert answer.status_code == 400
    assert "needs the server that `fake-apimart serve` starts" in answer.json()["error"]["message"]


def test_page_loads_its_document_and_its_assets(server: Served) -> None:
    path = httpx.URL(server.base).path.rstrip("/")
    page = server.get("/docs", {}).text
    for name in ("/_fake/swagger-ui/swagger-ui.css", "/openapi.json"):
        assert f'"{path}{name}"' in page
        assert server.get(name, {}).status_code == 200
    document = server.get("/openapi.json", {}).json()
    assert document["servers"] == [{"url": path or "/"}]


BROKEN = {
    "a short body": upload_request(form(PNG))[:-20],
    "no last chunk": upload_request(
        b"5\r\n--bbb\r\n", {"Content-Length": None, "Transfer-Encoding": "chunked"}
    ),
    "short JSON": (
        b"POST /v1/images/generations HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        b"Authorization: Bearer test-key\r\nContent-Type: application/json\r\n"
        b"Content-Length: 90\r\n\r\n{"
    ),
}


@pytest.mark.subprocess
@pytest.mark.parametrize("way", ["uvicorn-httptools", "uvicorn-h11", "hypercorn", "granian"])
def test_body_that_breaks_off_is_answered_400_or_not_at_all(way: str) -> None:
    with served(way, {"storage": "memory://"}, {}) as server:
        url = httpx.URL(server.base)
        assert url.port is not None
        answers = [
            exchange((url.host, url.port), request, half_close=True) for request in BROKEN.values()
        ]
        errors = [each["error"] for each in server.control("GET", "requests").json()["requests"]]
    for status, _, content in map(parse_head, filter(None, answers)):
        assert (status, json.loads(content)["error"]["message"]) == (400, "unexpected EOF")
    assert errors == ["the client went away"] * len(BROKEN)


TRAILER = b"Authorization: Bearer other\r\nX-Forwarded-Host: other.example\r\n"


@pytest.mark.subprocess
@pytest.mark.parametrize("way", ["uvicorn-httptools", "uvicorn-h11", "hypercorn", "granian"])
def test_trailer_that_comes_behind_the_body_is_no_header(way: str) -> None:
    body = b'{"model":"m","prompt":"p"}'
    head = (
        b"POST /v1/images/generations HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        b"Authorization: Bearer test-key\r\nX-APIMart-Response-Version: 2026-07-27\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    settings = {"storage": "memory://", "trusted_proxies": "127.0.0.1"}
    with served(way, settings, {}) as server:
        url = httpx.URL(server.base)
        assert url.port is not None
        with connection((url.host, url.port)) as sock:
            sock.sendall(head)
            # The application has begun by then, and waits for the body.
            time.sleep(0.3)
            sock.sendall(b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, TRAILER))
            status, _, content = parse_head(read_to_end(sock))
        (entry,) = server.control("GET", "requests").json()["requests"]
    assert (status, entry["status"]) == (202, 202)
    assert b"other.example" not in content
