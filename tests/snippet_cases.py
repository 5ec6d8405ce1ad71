"""Requests of all kinds, and their entries of the journal as code."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import httpx
from fake_apimart.page.snippets.snippets import snippets_of

from tests.harness import FORM_TYPE, PDF, PNG, ServerThread, exchange, upload_request

Send = Callable[[httpx.Client, str], object]
"""Sends what the case is about last, by a client with the key; it gets the server's URL too."""

GENERATION = {"model": "gpt-image-2", "prompt": "a cat"}
HOSTILE = (
    'it\'s "a" `cat` $HOME $(id) !! \\ \n\t${x} </script> \u2028\u202e\x1b[201~\x00 \U0001f408'
)


def upload(client: httpx.Client, name: str = "photo.png", content: bytes = PNG) -> httpx.Response:
    return client.post("/v1/uploads/images", files={"file": (name, content, "image/png")})


def generate(client: httpx.Client, **more: Any) -> httpx.Response:
    return client.post("/v1/images/generations", json={**GENERATION, **more})


def named(disposition: bytes, more: bytes = b"") -> Send:
    """Return what uploads a picture in a part with this Content-Disposition, and `more` headers."""
    part = b"--bbb\r\nContent-Disposition: form-data; %b\r\n%b\r\n%b\r\n--bbb--\r\n"

    def send(client: httpx.Client, key: str) -> object:
        body = part % (disposition, more, PNG)
        host, port = client.base_url.host, client.base_url.port or 80
        head = {"Authorization": f"Bearer {key}"}
        return exchange((host, port), upload_request(body, head))

    return send


def scripted(rule: Mapping[str, Any], send: Send) -> Send:
    def script_and_send(client: httpx.Client, key: str) -> object:
        client.post("/_fake/faults", json={**rule, "times": None})
        try:
            return send(client, key)
        except httpx.HTTPError as error:
            return error

    return script_and_send


def in_world(settings: Mapping[str, Any], send: Send) -> Send:
    def set_and_send(client: httpx.Client, key: str) -> object:
        assert client.patch("/_fake/world", json=settings).status_code == 200
        return send(client, key)

    return set_and_send


def poll(settings: Mapping[str, Any], prompt: str = "a cat", query: str = "") -> Send:
    def create_and_poll(client: httpx.Client, key: str) -> object:
        assert client.patch("/_fake/world", json=settings).status_code == 200
        created = generate(client, prompt=prompt).json()
        return client.get(f"/v1/tasks/{created['data'][0]['task_id']}{query}")

    return create_and_poll


def poll_on_its_way(client: httpx.Client, key: str) -> object:
    client.patch("/_fake/world", json={"task_seconds": 100})
    task_id = generate(client).json()["data"][0]["task_id"]
    assert client.post("/_fake/clock", json={"advance": "50s"}).status_code == 200
    return client.get(f"/v1/tasks/{task_id}")


def fetch(headers: Mapping[str, str] | None = None, method: str = "GET", tag: str = "") -> Send:
    """Return what uploads a file and asks for it; its ETag is the value of the header `tag`."""

    def upload_and_fetch(client: httpx.Client, key: str) -> object:
        url = upload(client, "my photo.png").json()["url"]
        given = dict(headers or {})
        if tag:
            given[tag] = client.get(url).headers["ETag"]
        return client.request(method, url, headers=given)

    return upload_and_fetch


def batch(client: httpx.Client, key: str) -> object:
    ids = [generate(client).json()["data"][0]["task_id"] for _ in range(2)]
    return client.post("/v1/tasks/batch", json={"task_ids": [*ids, "task_unknown"]})


def reuse_of_a_key(client: httpx.Client, key: str) -> object:
    headers = {"Idempotency-Key": "mine"}
    client.post("/v1/images/generations", json=GENERATION, headers=headers)
    other = {**GENERATION, "prompt": "a dog"}
    return client.post("/v1/images/generations", json=other, headers=headers)


def raw_json(body: bytes, content_type: str | None = "application/json") -> Send:
    headers = {} if content_type is None else {"Content-Type": content_type}
    return lambda client, key: client.post("/v1/images/generations", content=body, headers=headers)


def get(path: str, **headers: str) -> Send:
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    return lambda client, key: client.get(path, headers=given)


def anonymous(path: str, **more: Any) -> Send:
    return lambda client, key: httpx.request(
        more.pop("method", "GET"), f"{client.base_url}{path}".replace("//v1", "/v1"), **more
    )


CASES: dict[str, Send] = {
    "upload": lambda client, key: upload(client),
    "shell name": lambda client, key: upload(client, "it's $1 `x`; a,b=c !! (2) é猫.png"),
    "quoted name": named(rb'name="file"; filename="a\"b.png"', b"Content-Type: image/png\r\n"),
    "backslashes": named(rb'name="file"; filename="C:\x\photo.png"'),
    "folders": named(b'name="file"; filename="../../photo.png"'),
    "option": named(b'name="file"; filename="-photo.png"'),
    "dots": named(b'name="file"; filename=".."'),
    "line breaks": named(b"name=\"file\"; filename*=UTF-8''a%0D%0Ab%00%1B%E2%80%AE.png"),
    "no text": named(b"name=\"file\"; filename*=UTF-8''%FF%FE.png"),
    "raw bytes": named(b'name="file"; filename="\xff.png"'),
    "long name": named(b'name="file"; filename="' + b"x" * 300 + b'.png"'),
    "stated type": named(b'name="file"; filename="a.png"', b"Content-Type: text/x-mine\r\n"),
    "odd type": named(b'name="file"; filename="a.png"', b'Content-Type: a/b; c="d;e"\r\n'),
    "no picture": lambda client, key: upload(client, "doc.pdf", PDF),
    "other field": lambda client, key: client.post(
        "/v1/uploads/images", files={"image": ("a.png", PNG)}
    ),
    "no form": lambda client, key: client.post("/v1/uploads/images"),
    "no boundary": lambda client, key: client.post(
        "/v1/uploads/images", headers={"Content-Type": "multipart/form-data"}
    ),
    "semicolon": lambda client, key: client.post(
        "/v1/uploads/images?a;b", files={"file": ("photo.png", PNG)}
    ),
    "generation": lambda client, key: generate(client, n=2, size="16:9", quality=None),
    "hostile prompt": lambda client, key: generate(client, prompt=HOSTILE),
    "hostile names": lambda client, key: generate(client, **{"__proto__": {"'": 1}, HOSTILE: [[]]}),
    "numbers": raw_json(
        b'{"model":"m","prompt":"x","a":[12345678901234567890,1.0,-0.5,1e300,true,null]}'
    ),
    "versioned": lambda client, key: client.post(
        "/v1/images/generations",
        json=GENERATION,
        headers={
            "X-APIMart-Response-Version": "2026-07-27",
            "Idempotency-Key": 'it\'s"one"$x!',
            "X-Mine": "",
        },
    ),
    "key used again": reuse_of_a_key,
    "refused": lambda client, key: generate(client, prompt=""),
    "broken JSON": raw_json(b'{"prompt": "it\'s\n\x01\x00 $x \\u00'),
    "text": raw_json("猫 '".encode(), None),
    "a string": raw_json(b'"a"'),
    "null": raw_json(b"null", "text/plain"),
    "no type": raw_json(json.dumps(GENERATION).encode(), None),
    "other type": raw_json(json.dumps(GENERATION).encode(), "text/x; a='b'"),
    "bare key": lambda client, key: client.get("/v1/balance", headers={"Authorization": key}),
    "no key": anonymous("/v1/models"),
    "unknown task": get("/v1/tasks/task_none?language=en"),
    "poll at once": poll({"task_seconds": 0}, query="?language=en&x=it's%20%22%5B"),
    "poll of a failure": poll({"task_seconds": 0}, "[fake: fail=no 'cats' today]"),
    "poll at first": poll({"task_seconds": 3600}),
    "batch": batch,
    "models": get("/v1/models?category=image&expand=parameters", mine='it\'s "é" 猫 $x'),
    "model": get("/v1/models/gpt-image-2"),
    "schema": get("/v1/model-schema?model=gpt-image-2"),
    "docs": get("/v1/model-docs?model=gpt-image-2"),
    "brackets": lambda client, key: exchange(
        (client.base_url.host, client.base_url.port or 80),
        b"GET /v1/models?a[]={1,2}&b=[1-3] HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Authorization: Bearer %b\r\n\r\n" % key.encode(),
    ),
    "balance": get("/v1/balance"),
    "wrong path": get("/v1/it's/%22%24x/%E7%8C%AB"),
    "wrong method": lambda client, key: client.delete("/v1/models"),
    "own method": lambda client, key: client.request("FOO", "/v1/models"),
    "file": fetch(),
    "file's head": fetch(method="HEAD"),
    "part of a file": fetch({"Range": "bytes=0-3"}),
    "file not modified": fetch(tag="If-None-Match"),
    "file as it was": fetch(tag="If-Match"),
    "file that changed": fetch({"If-Match": '"other"'}),
    "no file": get("/f/image/9990000123456-a1b2c3d4-it's.png"),
    "scripted 429": scripted(
        {"operation": "uploads.create", "error": "rate_limited"}, lambda client, key: upload(client)
    ),
    "scripted poverty": scripted(
        {"operation": "generations.create", "error": "insufficient_balance"},
        lambda client, key: generate(client),
    ),
    "scripted failure": scripted(
        {"operation": "uploads.create", "error": "upload_failed"},
        lambda client, key: upload(client),
    ),
    "scripted page": scripted(
        {
            "operation": "models.list",
            "status": 502,
            "headers": {"Content-Type": "text/html"},
            "body": "<h1>Bad</h1>",
        },
        get("/v1/models"),
    ),
    "scripted delay": scripted({"operation": "models.list", "delay": 0.01}, get("/v1/models")),
    "scripted dribble": scripted(
        {
            "operation": "models.get",
            "socket": "dribble",
            "dribble": {"bytes": 999, "seconds": 0.001},
        },
        get("/v1/models/gpt-image-2"),
    ),
    "poverty": in_world({"balance": 0}, lambda client, key: generate(client)),
}
BROKEN = {
    "reset": scripted(
        {"operation": "uploads.create", "socket": "reset_after_reading"},
        lambda client, key: upload(client),
    ),
    "cut": scripted({"operation": "models.list", "socket": "cut_in_body"}, get("/v1/models")),
    "silence": scripted(
        {"operation": "balance.get", "socket": "never_answer"},
        lambda client, key: client.get("/v1/balance", timeout=0.1),
    ),
}
"""Those that end without a whole answer: for tests alone."""


class Case(NamedTuple):
    key: str
    entry: dict[str, Any]
    snippets: dict[str, str]

    def key_for(self, language: str) -> str:
        """Return the key to send it with: another one, where it may not be used twice."""
        is_used_up = "idempotency-key" in self.entry["headers"] and self.entry["status"] == 202
        return f"{self.key}-{language}" if is_used_up else self.key


def journal(url: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = httpx.get(f"{url}/_fake/requests").json()["requests"]
    return entries


def answer_of(answer: httpx.Response) -> dict[str, Any]:
    """Return an answer as the journal tells it."""
    body: Any = None
    if "json" in answer.headers.get("content-type", ""):
        body = answer.json()
    elif not answer.is_success:
        body = answer.text
    return {"headers": dict(answer.headers), "body": body, "bytes": len(answer.content)}


_NUMBERS = itertools.count()
"""Of all keys: no case comes into a world in which another has left a rule."""


def made(server: ServerThread, sends: Mapping[str, Send]) -> dict[str, Case]:
    """Send what cases are about, and write the code for what the journal has of it."""
    cases = {}
    for name, send in sends.items():
        key = f"sk-snippets-{next(_NUMBERS)}"
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=server.url, headers=headers) as client:
            answer = send(client, key)
        entry = journal(server.url)[-1]
        if isinstance(answer, httpx.Response):
            entry.setdefault("answer", answer_of(answer))
        cases[name] = Case(key, entry, snippets_of(entry, server.url))
    return cases


REFUSED: dict[str, Send] = {
    "credentials of another kind": get("/v1/models", Authorization="Basic x"),
    "upload before its form is read": in_world({"balance": 0}, lambda client, key: upload(client)),
    "poll on its way": poll_on_its_way,
    "size of no picture": lambda client, key: generate(client, size="3:5"),
    "form that never begins": lambda client, key: client.post(
        "/v1/uploads/images", content=b"x", headers=FORM_TYPE
    ),
    "form that is malformed": lambda client, key: client.post(
        "/v1/uploads/images", content=b"--bbb\r\nx\r\n", headers=FORM_TYPE
    ),
}
"""Those that are only answered so again in a test, which arranges it."""
