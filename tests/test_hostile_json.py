"""Hostile JSON over a socket: refused or taken, never a fault, and the journal stays readable."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fake_apimart_testing import FakeAPIMart
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.generating import PATH, create, poll, task_id_of
from tests.harness import AUTHORIZED, ServerThread, exchange, parse_head
from tests.profiles import examples
from tests.worlds import authorized

BATCH = "/v1/tasks/batch"
BODIES = [
    rb'{"model":"m","prompt":"p","image_urls":["http://a/\ud800"]}',
    rb'{"model":"m\udfff","prompt":"p","image_urls":[{"url":"http://\ud800/"}]}',
    rb'{"model":"m","prompt":"p","\ud800":1,"metadata":{"\ud800":["\udc00"]}}',
    b'{"model":"m","prompt":"p","x":1e999}',
    b'{"model":"m","prompt":"p","x":NaN}',
    b'{"model":"m","prompt":"p","x":%b}' % (b"9" * 5000),
    b'{"model":"m","prompt":"p","seed":%b}' % (b"9" * 5000),
    b'{"model":"m","prompt":"p","x":%b}' % (b"[" * 952 + b"]" * 952),
    b'{"model":"m","prompt":"p","x":%b}' % (b"[" * 3900 + b"]" * 3900),
    b'{"model":"m","prompt":"p","x":%b}' % (b"[" * 9_000 + b"]" * 9_000),
    b'{"model":"m","prompt":"p","x":%b}' % (b'{"a":' * 1500),
    b'{"model":"m","prompt":"\xff\xfe\xed\xa0\x80"}',
    b'{"task_ids":["\xff",1e999]}',
    rb'{"task_ids":["\ud800","task_01KT48E134GCG3W870HKHPVMNA"]}',
    b'{"task_ids":["%b"]}' % (b"9" * 5000),
    b'{"task_ids":%b}' % (b"[" * 952 + b"]" * 952),
    b"\x00",
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize("path", [PATH, BATCH])
def test_hostile_body_leaves_the_journal_readable(
    path: str, body: bytes, world: FakeAPIMart
) -> None:
    answer = httpx.post(world.base_url + path, headers=authorized(world), content=body)
    assert answer.status_code in (200, 400), answer.text
    (entry,) = world.requests
    assert entry.status == answer.status_code
    assert entry.json


def test_body_that_clients_could_not_parse_is_journaled_as_text(world: FakeAPIMart) -> None:
    for value in (b"1e999", b"9" * 5000, b"[" * 200 + b"]" * 200):
        body = b'{"x":%b}' % value
        httpx.post(world.base_url + PATH, headers=authorized(world), content=body)
        assert world.requests[-1].json == body.decode()
    httpx.post(world.base_url + PATH, headers=authorized(world), content=rb'{"x":["\ud800"]}')
    assert world.requests[-1].json == {"x": ["\ufffd"]}


def test_long_names_of_unread_fields_are_cut(world: FakeAPIMart) -> None:
    body = json.dumps({"model": "m", "prompt": "p", "x" * 100_000: 1}).encode()
    httpx.post(world.base_url + PATH, headers=authorized(world), content=body)
    assert world.requests[-1].unread_fields == ["x" * 100]


@settings(max_examples=examples(50))
@given(one=st.text(), other=st.text(st.characters(categories=["Cs", "Cc", "So", "Mn", "Lo"])))
def test_result_is_drawn_for_any_model_and_prompt(
    one: str, other: str, server: ServerThread
) -> None:
    for model, prompt in ((one, other), (other, one)):
        fields = {"model": f"m{model}", "prompt": f"{prompt} [fake: seconds=0]", "size": "64x64"}
        content = json.dumps(fields).encode()
        answer = httpx.post(server.url + PATH, headers=AUTHORIZED, content=content)
        assert poll(server, task_id_of(answer))["status"] == "completed"


@settings(max_examples=examples(50))
@given(
    key=st.binary(max_size=300)
    | st.text(st.characters(min_codepoint=33, max_codepoint=126)).map(str.encode)
)
def test_any_idempotency_key_is_taken_or_refused(key: bytes, server: ServerThread) -> None:
    body = b'{"model":"m","prompt":"p"}'
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\nIdempotency-Key: "
    )
    safe = key.translate(None, b"\r\n\x00")
    status, _, _ = parse_head(exchange(server.address, head.encode() + safe + b"\r\n\r\n" + body))
    visible = safe.strip(b" \t")
    is_good = 0 < len(visible) <= 191 and all(0x21 <= byte <= 0x7E for byte in visible)
    assert status == (200 if is_good else 400)


@settings(max_examples=examples(50))
@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/")),
    raw=st.binary(max_size=50),
)
def test_any_id_and_language_are_refused(text: str, raw: bytes, server: ServerThread) -> None:
    for task_id in (quote(text, safe=""), "9" * 5000):
        answer = httpx.get(
            f"{server.url}/v1/tasks/x{task_id}", params={"language": text}, headers=AUTHORIZED
        )
        message = "无效的任务ID" if text == "zh" else "Invalid task ID"
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, message)
    target = b"/v1/tasks/x?language=" + bytes(byte for byte in raw if byte > 0x20)
    head = (
        b"GET %b HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nConnection: close\r\n\r\n"
        % target
    )
    assert parse_head(exchange(server.address, head))[0] == 400


def test_broken_body_creates_no_task(server: ServerThread) -> None:
    body = b'{"model":"m","prompt":"p"}'
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\nConnection: close\r\n"
        f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n"
    ).encode()
    for end, message in {b"zz\r\n": "invalid byte in chunk length", b"": "unexpected EOF"}.items():
        answer = exchange(server.address, head + body + b"\r\n" + end, half_close=not end)
        status, _, content = parse_head(answer)
        assert (status, json.loads(content)["error"]["message"]) == (400, message)


def test_answer_of_any_model_is_that_of_the_vendor_s_client(start_server: StartServer) -> None:
    server = start_server(dialect="live")
    for model in ("gpt-image-2", "gpt-image-2.5-flare", "a/b c", "模型", "x" * 2000):
        fields: dict[str, Any] = {"quality": "high", "resolution": "2K", "output_format": "jpg"}
        assert create(server, model=model, size="adaptive", **fields).status_code == 200


def test_password_of_a_url_is_not_journaled_nor_posted(world: FakeAPIMart) -> None:
    missing = f"{world.base_url}/f/image/gone.png".replace("//", "//user:pa@s3cret@")
    for body in (
        {"model": "m", "prompt": "[fake: seconds=0]", "image_urls": [missing]},
        {"model": "m", "prompt": "see http://u:s3cret@a/ [fake: fail=//u:s3cret@a/]"},
        {"model": "m", "prompt": "p", "webhook": "http://:s3cret@a:x/"},
        {"model": "m", "prompt": "[fake: x=http://u:s3cret@a/]"},
    ):
        httpx.post(world.base_url + PATH, headers=authorized(world), json=body)
    text = json.dumps(body).replace("/", r"\/")
    httpx.post(world.base_url + PATH, headers=authorized(world), content=text + "x")
    journal = httpx.get(f"{world.base_url}/_fake/requests", headers=authorized(world)).text
    failures = [task.failure for task in world.tasks]
    assert journal.count("***@") == 8
    assert "s3cret" not in f"{journal}{failures}"
    assert failures[1] == "//***@a/"
