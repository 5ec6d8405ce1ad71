"""Secrets that a server is told: nothing that it writes has them, wherever they stood."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fake_apimart.common.redaction import (
    is_secret,
    redacted_broken_json,
    redacted_header,
    redacted_json,
    redacted_query,
    redacted_text,
    redacted_urls,
    redacted_webhook,
)
from fake_apimart.observability.log_form import FORMS
from fake_apimart_testing import FakeAPIMart
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.harness import PNG, ServerProcess, exchange, form, upload_request
from tests.worlds import authorized

MARK = "s3cret-9f2c"

SECRET_HEADERS = (
    *("Proxy-Authorization", "X-Authorization", "Cookie", "Cookie2", "Set-Cookie"),
    *("X-Api-Key", "Api-Key", "APIKEY", "X-Goog-Api-Key", "X-Goog-Iam-Authorization-Token"),
    *("X-Amz-Security-Token", "X-Amz-Credential", "X-Amz-Signature", "X-Goog-Signature"),
    *("X-Auth-Token", "X-Access-Token", "X-CSRF-Token", "X-Fake-Admin-Token", "Token"),
    *("X-Secret", "X-Client-Secret", "Password", "X-Auth-Key", "X-Auth", "X-Session-Id"),
    *("X-Key", "X-User-Key", "X-Apimart-Key", "Authentication", "X-Session", "X-Csrf"),
    *("Cf-Access-Jwt-Assertion", "X-Amzn-Oidc-Data"),
    *("Ocp-Apim-Subscription-Key", "X-Functions-Key", "X-Secret-Key", "X-Hub-Signature-256"),
)
SECRET_PARAMETERS = (
    *("key", "KEY", "api_key", "apikey", "Api-Key", "token", "access_token", "TOKEN", "auth"),
    *("password", "passwd", "pwd", "secret", "client_secret", "sig", "X-Amz-Signature"),
    *(
        "X-Amz-Credential",
        "apimart_key",
        "client_assertion",
        "csrf",
        "authorization",
        "%74oken",
        "%54%4FKEN",
        "auth%5Btoken%5D",
        "token%5B%5D",
    ),
)
SECRET_FIELDS = (
    *("api_key", "apiKey", "API-KEY", "token", "Token", "access_token", "password", "passwd"),
    *("secret", "client_secret", "authorization", "Authorization", "cookie", "credentials"),
    *("private_key", "accessKeyId", "secretAccessKey", "session_token", "to\u212aen", "\uff54oken"),
)
PUBLIC_NAMES = (
    *("idempotencyKey", "Sec-WebSocket-Key", "sortKey", "file-key", "hotkey", "MONKEY", "keyName"),
    *("Idempotency-Key", "prompt", "model", "max_tokens", "User-Agent", "X-Request-Id", "author"),
    *("monkey", "keys", "keyboard", "design", "tokenizer", "Content-Type", "bypass", "seed", ""),
)


@pytest.mark.parametrize("name", [*SECRET_HEADERS, *SECRET_FIELDS])
def test_name_of_a_secret_is_known_in_any_form(name: str) -> None:
    for each in (name, name.upper(), name.replace("-", "_"), f"my {name}"):
        assert is_secret(each) or name in ("Token", "auth"), each


@pytest.mark.parametrize("name", ["apimartKey", "ApimartKey", "APIMART-KEY", "my key", "x.key2"])
def test_key_is_a_secret_s_name_where_it_is_a_word_of_its_own(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", PUBLIC_NAMES)
def test_other_names_are_no_secrets(name: str) -> None:
    assert not is_secret(name)


TEXTS = [
    (f"http://u:{MARK}@h/x", "http://***@h/x"),
    (f"http:%2F%2Fu:{MARK}%40h/x", "http://***@h/x"),
    (f"see http://h/?a=1&token={MARK}&b=2 there", "see http://h/?a=1&token=***&b=2 there"),
    (f"/x?next=http%3A%2F%2Fh%2F%3Fapi_key%3D{MARK}", "/x?next=http://h/?api_key=***"),
    (f"/x?n=%253Fapi_key%253D{MARK}", "/x?n=?api_key=***"),
    (f"Authorization: Bearer {MARK}", "Authorization: ***"),
    (f"a Bearer {MARK}, and more", "a Bearer ***, and more"),
    (f"Invalid endpoint: u:{MARK}@h:9000", "Invalid endpoint: ***@h:9000"),
    (f"'u:{MARK}@[::1]' is none", "'***@[::1]' is none"),
    (f"Invalid URL (GET /v1/u:{MARK}@h/x)", "Invalid URL (GET /v1/***@h/x)"),
    ("http://h:80/a@b and /v1/models/a:b and a/b:c", None),
    ("a@b.example and 10:30 @ noon", None),
    (f"Cookie: a=b; c={MARK}", "Cookie: ***"),
    (f"password = '{MARK} x' is wrong", "password = *** is wrong"),
    (f"a=token={MARK}, b", "a=token=***, b"),
    (f"the key sk-{MARK}", "the key ***"),
    ("the key sk-fake-rate-limited", "the key sk-fake-rate-limited"),
    ("invalid character '}' after object key:value pair", None),
    ("FAKE_APIMART_API_KEYS=***: expected text in UTF-8", None),
    ('missing or invalid file field: malformed MIME header: missing colon: "x"', None),
    ("multipart/form-data; boundary=token", None),
]


@pytest.mark.parametrize(("text", "shown"), TEXTS)
def test_text_is_shown_without_secrets(text: str, shown: str | None) -> None:
    assert redacted_text(text) == (shown or text)
    assert redacted_text(redacted_text(text)) == redacted_text(text)


BROKEN_JSON = [
    (f'{{"a": 1, "token": "{MARK}', '{"a": 1, "token": "***"'),
    (f'{{"tok\\u0065n" : "x\\"{MARK}", "b": 2', '{"token" : "***", "b": 2'),
    (f'{{"secret": {{"x": "{MARK}", "y": 2', '{"secret": "***"'),
    (f"{{'password': '{MARK}', x}}", "{'password': \"***\", x}"),
    ('{"pwd": 12345, "n": [', '{"pwd": "***", "n": ['),
    (f'{{"url": "http:\\/\\/u:{MARK}@h", ', '{"url": "http:\\/\\/***@h", '),
    (f'{{"url": "http:\\u002f\\u002fu:{MARK}\\u0040h", ', '{"url": "http://***@h", '),
    (f'{{"webhook": "http://h/?x={MARK}\\u0026{MARK}", ', '{"webhook": "http://h/?x=***&***", '),
    (f'{{"webhook": {{"a": 1, "token": "{MARK}', '{"webhook": {"a": 1, "token": "***"'),
    (f'{{"webhook": [{{"x": {{"password": "{MARK}"}}', '{"webhook": [{"x": {"password": "***"}'),
    (
        f'{{"webhook": 1, "callback": "http://h/?{MARK}',
        '{"webhook": 1, "callback": "http://h/?***"',
    ),
    ('{"prompt": "a \\u0041 and \\u00e9', None),
]


@pytest.mark.parametrize(("text", "shown"), BROKEN_JSON)
def test_json_that_does_not_parse_is_shown_without_secrets(text: str, shown: str | None) -> None:
    assert redacted_broken_json(text) == (shown or text)


def test_what_says_nothing_stays_in_json() -> None:
    told = {"token": None, "password": "", "secret": False, "a": [{"b": "token"}], "n": 1.5}
    assert redacted_json(told) == told
    assert redacted_json({"token": [MARK], "secret": {"a": MARK}, "pwd": 7}) == {
        "token": "***",
        "secret": "***",
        "pwd": "***",
    }


def test_string_that_is_nothing_but_a_key_is_no_news() -> None:
    told = {"a": f"Bearer {MARK}", "b": [f"sk-{MARK}", "sk-fake-slow", "Bearer of news"]}
    shown = {"a": "Bearer ***", "b": ["***", "sk-fake-slow", "Bearer of news"]}
    assert redacted_json(told) == shown


def test_webhook_is_shown_without_the_values_of_its_query() -> None:
    url = f"https://u:{MARK}@h/hook?id={MARK}&{MARK}&n=#part"
    assert redacted_webhook(url) == "https://***@h/hook?id=***&***&n=***#part"
    assert redacted_webhook(f"http://h/?#api_key={MARK}") == "http://h/?#api_key=***"
    assert redacted_json({"Webhook": url}) == {"Webhook": redacted_webhook(url)}


def test_blank_of_a_query_may_be_a_plus_sign() -> None:
    assert redacted_query(f"a=Bearer+{MARK}&b=c+d".encode()) == b"a=Bearer%20***&b=c+d"


LONG = 8192
ANY_TEXT = st.text(alphabet=st.sampled_from("\"'\\/:=?&;%25@[]{} \n.tokenTOKEN-_sk"), max_size=200)
FUNCTIONS: list[Callable[[str], str]] = [
    redacted_text,
    redacted_urls,
    redacted_broken_json,
    redacted_webhook,
]


@given(ANY_TEXT)
def test_any_text_is_redacted_to_text(text: str) -> None:
    for function in FUNCTIONS:
        assert isinstance(function(text), str)
    redacted_query(text.encode())
    redacted_header("X", text)


@pytest.mark.parametrize(
    "unit",
    [
        "a:",
        '"',
        '\\"',
        "'\"",
        "a=",
        "?a=",
        "//",
        "%25",
        "[{",
        '"a":[',
        "token=",
        "-",
        "?",
        "//a@",
        "a:b@",
        " a:",
        "/a:",
        "/a:b@",
    ],
)
def test_time_for_redaction_grows_with_the_text_alone(unit: str) -> None:
    text = unit * (LONG // len(unit))
    for function in FUNCTIONS:
        started = time.process_time()
        function(text)
        assert time.process_time() - started < 0.25


@pytest.mark.parametrize("unit", ["a:", "?a=", "%25", "//a@", "/a:b@", "token="])
def test_no_more_is_looked_at_of_a_message_than_is_shown(unit: str) -> None:
    text = unit * 1_000_000
    started = time.process_time()
    shown = redacted_text(text)
    assert redacted_query(text.encode()) == b"***"
    assert time.process_time() - started < 0.25
    assert len(shown) < 3 * LONG
    assert shown.endswith("…")


def test_url_that_is_cut_in_its_password_is_not_shown() -> None:
    text = "x" * (LONG - 20) + f" http://u:{MARK}" + "y" * 100 + "@h/"
    assert MARK not in redacted_text(text)


JSON = {"Content-Type": "application/json"}


def request_of(
    target: str, headers: dict[str, str], body: bytes = b"", method: str = "GET"
) -> bytes:
    given = {"Host": "127.0.0.1", "Connection": "close", **headers}
    if method != "GET":
        given["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body


def create_request(key: str, fields: dict[str, Any], *, cut: int = 0) -> bytes:
    body = json.dumps({"model": "m", "prompt": "p", **fields}, ensure_ascii=False).encode()
    headers = {"Authorization": key, **JSON}
    return request_of("/v1/images/generations", headers, body[: len(body) - cut], "POST")


def requests_with_secrets(key: str) -> list[bytes]:
    """Return requests that have the mark in one place each."""
    known = {"Authorization": key}
    url = f"http://u:{MARK}@other.example/a.png?token={MARK}"
    nested = {"metadata": {"a": [{name: f"x{MARK}"} for name in SECRET_FIELDS]}}
    return [
        *(request_of("/v1/models", {**known, name: f"x{MARK}x"}) for name in SECRET_HEADERS),
        *(request_of("/v1/models", {"Authorization": each}) for each in (MARK, f"Basic {MARK}")),
        *(request_of(f"/v1/models?a=b&{name}={MARK}", known) for name in SECRET_PARAMETERS),
        request_of(f"/v1/models/m?key={MARK}", {}),
        request_of(f"/v1/models?a=b;token={MARK}", known),
        request_of(f"/v1/models?next=http%3A%2F%2Fu%3A{MARK}%40h%2F%3Ftoken%3D{MARK}", known),
        *(
            request_of("/v1/models", {**known, name: f"http://u:{MARK}@h/?token={MARK}"})
            for name in ("Referer", "Origin", "X-Callback", "X-Forwarded-Host")
        ),
        *(create_request(key, {name: f"x{MARK}"}) for name in SECRET_FIELDS),
        *(create_request(key, {name: MARK}, cut=1) for name in SECRET_FIELDS),
        *(create_request(key, {name: [MARK]}, cut=3) for name in SECRET_FIELDS[:3]),
        create_request(key, nested),
        create_request(key, {"image_urls": [url, {"url": url}], "mask_url": url}),
        create_request(key, {"webhook": f"http://u:{MARK}@127.0.0.1:1/hook?id={MARK}&{MARK}"}),
        create_request(key, {"note": f"see {url}", "prompt": f"see {url}"}),
        upload_request(form(PNG), {**known, "X-Api-Key": MARK}),
        upload_request(
            form(PNG).replace(b"\r\n\r\n", f"\r\nX-Token: {MARK}\r\n\r\n".encode(), 1), known
        ),
        request_of("/_fake/world", {**known, "Origin": f"http://u:{MARK}@h"}),
        create_request(key, {f"http://u:{MARK}@h/": 1, "notes": [f"Bearer {MARK}"]}),
        request_of(
            "/_fake/world",
            {**known, **JSON},
            json.dumps({"task_failure": f"http://u:{MARK}@h/?token={MARK}"}).encode(),
            "PATCH",
        ),
        request_of(f"/_fake/nothing?token={MARK}", known),
        request_of(f"/_fake/u:x//u:{MARK}@h", known),
        request_of(f"/_fake/u:{MARK}@h", known),
        request_of("/_fake/world", {"X-Fake-Admin-Token": MARK}),
        *(
            request_of("/_fake/world", {**known, "Origin": origin})
            for origin in (f"u:{MARK}@127.0.0.1", f"Bearer {MARK}", f"http://h?token={MARK}")
        ),
        *(
            request_of("/_fake/faults", {**known, **JSON}, json.dumps(fields).encode(), "POST")
            for fields in (
                {f"http://u:{MARK}@h": 1},
                {"operation": f"sk-{MARK}"},
                {"operation": "models.list", "error": f"Bearer {MARK}"},
                {"operation": "models.list", "socket": f"token={MARK}"},
                {"operation": "models.list", "status": 418, "headers": {f"//u:{MARK}@h": 1}},
                {"operation": "models.list", "status": 418, "headers": {f"//u:{MARK}@h": "1"}},
                {"operation": "models.list", "status": 418, "headers": {f"token={MARK}": "1"}},
            )
        ),
        create_request(key, {"webhook": {"token": MARK}}, cut=1),
        create_request(key, {"webhook": f"http://127.0.0.1:1/?#api_key={MARK}"}),
        request_of(
            "/_fake/faults",
            {**known, **JSON},
            json.dumps(
                {"operation": "tasks.batch", "status": 200, "headers": {"Set-Cookie": MARK}}
            ).encode(),
            "POST",
        ),
    ]


@pytest.mark.subprocess
@pytest.mark.parametrize("form", FORMS)
def test_secret_that_was_sent_is_in_nothing_that_the_server_writes(form: str) -> None:
    key = "Bearer sk-a-key-of-some-length"
    flags = ("--storage", "memory://", "--admin-token", f"admin-{MARK}", "--task-seconds", "0")
    with ServerProcess(*flags, "--log-format", form) as server:
        sent = requests_with_secrets(key)
        assert len(sent) > 60
        written = [exchange(server.address, each).decode("latin-1") for each in sent]
        for headers in ({"Authorization": key}, {}):
            for path in ("requests", "uploads", "tasks", "faults", "world", "clock", "docs"):
                answer = httpx.get(f"{server.url}/_fake/{path}", headers=headers)
                written.append(answer.text)
                if path == "requests":
                    assert len(answer.json()["requests"]) > 60 if headers else True
        token = {"X-Fake-Admin-Token": f"admin-{MARK}"}
        written.append(httpx.get(f"{server.url}/_fake/metrics", headers=token).text)
        assert "fake_apimart_requests_total" in written[-1]
        time.sleep(0.5)
        log = server.end()[1]
    assert "callback of task_" in log
    for text in (*written, log, server.first_line):
        assert MARK not in text
        assert key.removeprefix("Bearer ") not in text


def test_names_and_other_values_stay_in_the_journal(world: FakeAPIMart) -> None:
    httpx.post(
        f"{world.base_url}/v1/images/generations?token=a&tag=b",
        headers={**authorized(world), "Idempotency-Key": "one", "X-Api-Key": "k", "X-Mine": "v"},
        json={"model": "m", "prompt": "token: a cat", "user": "u", "api_key": MARK},
    ).raise_for_status()
    (entry,) = world.requests
    assert entry.headers["idempotency-key"] == "one"
    assert (entry.headers["x-api-key"], entry.headers["x-mine"]) == ("***", "v")
    assert entry.json == {"model": "m", "prompt": "token: a cat", "user": "u", "api_key": "***"}
    assert entry.unread_fields == ["user", "api_key", "?token", "?tag"]


def test_message_of_a_failed_task_has_no_secret_of_a_reference(start_server: StartServer) -> None:
    server = start_server(task_seconds=0, task_polls=0)
    url = f"http://u:{MARK}@{server.url[7:]}/f/image/nothing.png?token={MARK}"
    with FakeAPIMart(server.url) as world, httpx.Client(headers=authorized(world)) as client:
        created = client.post(
            f"{server.url}/v1/images/generations",
            json={"model": "m", "prompt": "p", "image_urls": [url]},
        )
        task_id = created.json()["data"][0]["task_id"]
        answer = client.get(f"{server.url}/v1/tasks/{task_id}")
    assert "/f/image/nothing.png?token=***" in answer.json()["data"]["error"]["message"]
    assert MARK not in answer.text
