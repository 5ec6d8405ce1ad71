"""What servers may leave out of a request, and how bodies end under other servers than ours."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from fake_apimart.control.access import ADMIN_TOKEN_HEADER
from fake_apimart.http.socket_faults import SOCKET_FAULTS
from fake_apimart.worlds.magic_keys import NAMES
from starlette.types import Message

from tests.asgi_calls import GONE, LOOPBACK, Answer, ask, body, head, running, upload
from tests.harness import FORM_TYPE, PDF, PNG, form

UPLOADS = "/v1/uploads/images"
GENERATIONS = "/v1/images/generations"
TASK = b'{"model": "gpt-image-2", "prompt": "a cat"}'
FORM = FORM_TYPE["Content-Type"]
NO_PORT = ("unix:/run/apimart.sock", None)


def asked(messages: Sequence[Message] = ({"type": "http.request"},), **scope: Any) -> Answer:
    async def use() -> Answer:
        async with running() as app:
            return await ask(app, messages, **scope)

    return asyncio.run(use())


def journal_after(messages: Sequence[Message], **scope: Any) -> tuple[Answer, dict[str, Any]]:
    """Return the answer to a request, and what the journal has of it."""

    async def use() -> tuple[Answer, dict[str, Any]]:
        async with running() as app:
            answer = await ask(app, messages, **scope)
            (entry,) = (await ask(app, path="/_fake/requests")).json()["requests"]
            return answer, entry

    return asyncio.run(use())


LEFT_OUT: list[dict[str, Any]] = [
    {},
    {"raw_path": None},
    {"client": None},
    {"server": None},
    {"scheme": None},
    {"asgi": None},
    {"extensions": None},
    {"root_path": None},
    {"server": NO_PORT},
    {"server": ["127.0.0.1", "8000"]},
    {"http_version": "2"},
    {"extensions": {"http.response.pathsend": {}}},
]


@pytest.mark.parametrize("scope", LEFT_OUT, ids=str)
def test_upload_and_its_file_need_no_more_than_the_specification_asks_for(
    scope: dict[str, Any],
) -> None:
    async def use() -> tuple[str, Answer]:
        async with running() as app:
            url = (await upload(app, **scope)).json()["url"]
            path = url.removeprefix("http://127.0.0.1")
            return url, await ask(app, **{"path": path, **scope})

    url, file = asyncio.run(use())
    assert url.startswith("http://127.0.0.1/f/image/")
    assert (file.status, file.body) == (200, PNG)


HOSTS = [
    ("apimart.test:8000", ("10.0.0.1", 80), "http://apimart.test:8000"),
    ("bad host", ("10.0.0.1", 80), "http://10.0.0.1:80"),
    (None, ("::1", 80), "http://[::1]:80"),
    (None, ["10.0.0.1", "80"], "http://10.0.0.1:80"),
    (None, ("10.0.0.1", None), "http://10.0.0.1"),
    (None, None, "http://localhost"),
    ("[", None, "http://localhost"),
]


@pytest.mark.parametrize(("host", "server", "base"), HOSTS)
def test_url_has_the_host_that_was_asked_or_else_the_server_s(
    host: str | None, server: Any, base: str
) -> None:
    async def use() -> Answer:
        async with running() as app:
            headers = head(host=host, content_type=FORM)
            return await upload(app, headers=headers, server=server)

    assert asyncio.run(use()).json()["url"].startswith(f"{base}/f/image/")


def test_scheme_of_the_url_is_that_of_the_request() -> None:
    async def use() -> Answer:
        async with running() as app:
            return await upload(app, scheme="https")

    assert asyncio.run(use()).json()["url"].startswith("https://127.0.0.1/")


PEERS = [
    (("127.0.0.1", 1), "127.0.0.1", 200),
    (("127.0.0.2", 1), "localhost:8000", 200),
    (("::1", 1), "[::1]:8000", 200),
    (("::ffff:127.0.0.1", 1), "127.0.0.1", 200),
    (["127.0.0.1", "1"], "127.0.0.1", 200),
    (("10.0.0.1", 1), "127.0.0.1", 403),
    (("::ffff:10.0.0.1", 1), "127.0.0.1", 403),
    (("testclient", 1), "127.0.0.1", 403),
    (("", 0), "127.0.0.1", 403),
    (None, "127.0.0.1", 403),
    (LOOPBACK, "rebound.example", 403),
    (LOOPBACK, "[", 403),
    (LOOPBACK, "", 403),
    (LOOPBACK, None, 403),
]


@pytest.mark.parametrize(("peer", "host", "status"), PEERS)
@pytest.mark.parametrize("path", ["/_fake/world", "/_fake/requests"])
def test_call_about_the_whole_server_is_free_for_this_machine_alone(
    path: str, peer: Any, host: str | None, status: int
) -> None:
    answer = asked(path=path, client=peer, headers=head(authorization=None, host=host))
    assert answer.status == status


@pytest.mark.parametrize("peer", [("10.0.0.1", 1), None])
@pytest.mark.parametrize(("token", "status"), [("admin", 200), ("other", 403), ("ä", 403)])
def test_admin_token_opens_the_whole_server_to_any_peer(token: str, status: int, peer: Any) -> None:
    async def use() -> Answer:
        async with running(admin_token="admin") as app:
            headers = head(authorization=None, host="apimart.test")
            headers.append((ADMIN_TOKEN_HEADER.lower().encode(), token.encode()))
            return await ask(app, path="/_fake/world", client=peer, headers=headers)

    assert asyncio.run(use()).status == status


@pytest.mark.parametrize("peer", [("10.0.0.1", 1), None])
def test_call_about_a_key_s_world_needs_no_more_than_the_key(peer: Any) -> None:
    answer = asked(path="/_fake/world", client=peer, headers=head(host="apimart.test"))
    assert answer.status == 200


@pytest.mark.parametrize("origin", ["http://[", "https://evil.example", "null"])
def test_call_from_a_foreign_page_is_refused(origin: str) -> None:
    answer = asked(path="/_fake/world", headers=head(origin=origin))
    assert answer.status == 403


BROKEN: list[tuple[str, str, list[Message]]] = [
    (UPLOADS, FORM, []),
    (UPLOADS, FORM, body(form(PNG))[:1]),
    (UPLOADS, FORM, body(form(PNG)[:-20])[:1]),
    (UPLOADS, FORM, [{"type": "http.request", "more_body": True}]),
    (GENERATIONS, "application/json", []),
    (GENERATIONS, "application/json", body(TASK)[:1]),
    ("/v1/tasks/batch", "application/json", body(b'{"task_ids": ')[:1]),
]


@pytest.mark.parametrize(("path", "media_type", "messages"), BROKEN)
def test_body_that_breaks_off_is_answered_400(
    path: str, media_type: str, messages: list[Message]
) -> None:
    answer, entry = journal_after(
        [*messages, GONE], method="POST", path=path, headers=head(content_type=media_type)
    )
    assert answer.status == 400
    assert answer.json()["error"]["message"] == "unexpected EOF"
    assert (entry["status"], entry["error"]) == (None, "the client went away")


def test_body_that_breaks_off_leaves_no_file_and_no_task() -> None:
    async def use() -> list[Any]:
        async with running() as app:
            for path, media_type, messages in BROKEN:
                headers = head(content_type=media_type)
                await ask(app, [*messages, GONE], method="POST", path=path, headers=headers)
            paths = ("/_fake/uploads", "/_fake/tasks")
            return [(await ask(app, path=path)).json() for path in paths]

    assert asyncio.run(use()) == [{"uploads": []}, {"tasks": []}]


# The request's head and why it is answered before its body is read.
EARLY = [
    (UPLOADS, head(authorization=None), 401),
    (f"{UPLOADS}/", head(), 307),
    ("/nope", head(), 404),
    ("/_fake/faults", head(content_type="text/plain"), 415),
    (UPLOADS, head(content_type="text/plain"), 400),
]


@pytest.mark.parametrize(("path", "headers", "status"), EARLY)
def test_body_is_read_out_before_an_early_answer(
    path: str, headers: list[tuple[bytes, bytes]], status: int
) -> None:
    left = body(bytes(1_000_000), pieces=8)

    async def receive() -> Message:
        return left.pop(0)

    async def send(message: Message) -> None:
        assert not left, "the answer came first"
        sent.append(message)

    async def use() -> None:
        async with running() as app:
            scope = {**SCOPE, "method": "POST", "path": path, "headers": headers}
            await app({**scope, "raw_path": path.encode()}, receive, send)

    sent: list[Message] = []
    asyncio.run(use())
    assert sent[0]["status"] == status


SCOPE = {"type": "http", "query_string": b"", "client": LOOPBACK}


def test_body_that_waits_for_100_continue_is_not_asked_for() -> None:
    headers = [*head(authorization=None), (b"expect", b"100-Continue")]
    answer = asked([], method="POST", path=UPLOADS, headers=headers)
    assert answer.status == 401


def test_client_that_goes_away_within_a_refused_body_is_answered_all_the_same() -> None:
    headers = head(authorization=None)
    answer = asked([*body(b"x")[:1], GONE], method="POST", path=UPLOADS, headers=headers)
    assert answer.status == 401


def test_refused_upload_is_answered_once_its_form_has_ended() -> None:
    async def use() -> Answer:
        async with running() as app:
            return await upload(app, form(PDF))

    assert asyncio.run(use()).json()["error"]["message"].startswith("unsupported image type")


@pytest.mark.parametrize("http_version", ["1.1", "2"])
def test_connection_header_is_left_to_the_server(http_version: str) -> None:
    async def use() -> Answer:
        async with running(max_body_bytes=1000) as app:
            return await upload(app, form(bytes(5000)), http_version=http_version)

    answer = asyncio.run(use())
    assert answer.status == 400
    assert answer.json()["error"]["message"].endswith("http: request body too large")
    assert "connection" not in answer.headers


@pytest.mark.parametrize("fault", SOCKET_FAULTS)
def test_socket_fault_is_refused_by_name(fault: str) -> None:
    rule = f'{{"operation": "tasks.get", "socket": "{fault}"}}'.encode()
    answer = asked(
        body(rule),
        method="POST",
        path="/_fake/faults",
        headers=head(content_type="application/json"),
    )
    assert answer.status == 400
    message = answer.json()["error"]["message"]
    assert message.startswith(f"socket fault {fault} needs the server that `fake-apimart serve`")


def test_no_key_s_name_asks_for_a_socket_fault() -> None:
    assert not any("socket" in rule for magic in NAMES.values() for rule in magic.rules)
