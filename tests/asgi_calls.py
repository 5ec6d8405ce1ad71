"""Requests put straight to the application, with scopes as other servers make them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from fake_apimart import create_app
from fake_apimart.app import Application
from fake_apimart.settings.settings import Settings
from fake_apimart_storage import Storage
from starlette.types import Message, Scope

from tests.harness import DEADLINE_SECONDS, FORM_TYPE, KEY, PNG, form

LOOPBACK = ("127.0.0.1", 50000)
GONE: Message = {"type": "http.disconnect"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def in_memory(storage: Storage | None = None, **settings: Any) -> Application:
    """Return an application that nobody has started."""
    return create_app(Settings(**{"storage": "memory://", **settings}), storage)


@contextlib.asynccontextmanager
async def running(**settings: Any) -> AsyncIterator[Application]:
    """Run an application with storage in memory."""
    app = in_memory(**settings)
    async with app.router.lifespan_context(app):
        yield app


def head(**headers: str | None) -> list[tuple[bytes, bytes]]:
    """Return the headers of a scope, `Host` and a key among them unless they are None."""
    given = {"host": "127.0.0.1", "authorization": f"Bearer {KEY}", **headers}
    return [
        (name.replace("_", "-").lower().encode(), value.encode())
        for name, value in given.items()
        if value is not None
    ]


def scope_of(**changes: Any) -> Scope:
    """Return the scope of a GET; a change to None leaves a part out, to "None" makes it None."""
    path = changes.get("path", "/")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http",
        "method": "GET",
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": head(),
        "client": LOOPBACK,
        "server": ("127.0.0.1", 8000),
        **changes,
    }
    return {name: value for name, value in scope.items() if value is not None}


def body(content: bytes, *, pieces: int = 1) -> list[Message]:
    """Return the messages of a body."""
    size = len(content) // pieces + 1
    parts = [content[start : start + size] for start in range(0, pieces * size, size)]
    return [
        *({"type": "http.request", "body": each, "more_body": True} for each in parts),
        {"type": "http.request"},
    ]


async def ask(
    app: Application, messages: Sequence[Message] = ({"type": "http.request"},), **scope: Any
) -> Answer:
    """Return the answer to one request, which `messages` are the body of; then the client waits."""
    left = list(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        if not left:
            await asyncio.sleep(DEADLINE_SECONDS)
        return left.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope_of(**scope), receive, send)
    start, *parts = sent
    assert start["type"] == "http.response.start"
    assert not parts[-1].get("more_body", False)
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(each.get("body", b"") for each in parts))


def form_with(escaped_name: str) -> bytes:
    """Return a form with a picture of this name, each of whose bytes may be an escape."""
    disposition = f"form-data; name=file; filename*=UTF-8''{escaped_name}"
    return f"--bbb\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + PNG + b"\r\n--bbb--"


async def upload(app: Application, content: bytes | None = None, **scope: Any) -> Answer:
    """Return the answer to an upload, whose form is `content`."""
    sent = {
        "method": "POST",
        "path": "/v1/uploads/images",
        "headers": head(content_type=FORM_TYPE["Content-Type"]),
        **scope,
    }
    return await ask(app, body(content or form(PNG), pieces=3), **sent)
