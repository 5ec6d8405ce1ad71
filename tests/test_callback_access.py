"""Callbacks are no way into the control API: whoever has an API key chooses where they go."""

from __future__ import annotations

import httpx
import pytest
from fake_apimart.callbacks.delivery import MARK
from fake_apimart_storage.memory import MemoryStorage
from fake_apimart_testing import FakeAPIMart
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.asgi_calls import in_memory
from tests.asgi_servers import LOCAL, PEER, PREFIX
from tests.conftest import StartServer
from tests.harness import exchange, parse_head, wait_until
from tests.test_mounting import lifespan_of

SPELLINGS = [
    "/_fake/reset",
    "//_fake//reset",
    "/%5ffake/reset",
    "/_fake/%72eset",
    "/_fake/reset/",
    "/_fake/reset/callback",
    "/_fake/reset?x=/callback",
    "/_fake/nothing",
    "/_fake/",
    "http://other.example/_fake/reset",
]


@pytest.mark.parametrize("dialect", ["page", "live"])
def test_callback_of_a_fake_server_is_refused(dialect: str, start_server: StartServer) -> None:
    server = start_server(dialect=dialect, admin_token="admin")
    host, port = server.address
    for method in ("GET", "HEAD", "OPTIONS", "POST", "PATCH", "PUT", "DELETE", "FOO"):
        for target in SPELLINGS:
            head = (
                f"{method} {target} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: 9999999\r\n"
                "Content-Type: application/json\r\nX-Fake-Admin-Token: admin\r\n"
                "x-FAKE-callback:\r\nConnection: close\r\n\r\n"
            )
            # The body never comes: the answer does not wait for it.
            status, _, body = parse_head(exchange(server.address, head.encode()))
            assert status == 403, (method, target)
            if method != "HEAD":
                # As JSON, and on the page as HTML.
                assert b"calls with X-Fake-Callback are callbacks, and refused" in body


@pytest.mark.parametrize("path", ["_fake/reset?x=", "_fake/reset#", "_fake/reset/", "%5ffake"])
def test_webhook_of_our_own_port_is_taken_and_reaches_nothing(
    path: str, start_server: StartServer
) -> None:
    server = start_server(task_seconds=0)
    with FakeAPIMart(server.url) as world:
        task = {"model": "m", "prompt": "a cat", "webhook": f"{server.url}/{path}"}
        key = {"Authorization": f"Bearer {world.api_key}"}
        created = httpx.post(f"{server.url}/v1/images/generations", headers=key, json=task)
        assert created.status_code == 200
        storage = server.storage
        assert isinstance(storage, MemoryStorage)
        wait_until(
            lambda: not any(each.startswith("callback/") for each in storage.objects),
            "the end of the callback",
        )
        assert len(world.tasks) == 1


@pytest.mark.parametrize("path", SPELLINGS[:-1])
def test_callback_is_refused_below_another_application(path: str) -> None:
    inner = in_memory()
    outer = FastAPI(lifespan=lifespan_of(inner))
    outer.mount(PREFIX, inner)
    with TestClient(outer, base_url=LOCAL, client=PEER, headers={MARK: "task_x"}) as client:
        for method in ("GET", "OPTIONS", "POST"):
            assert client.request(method, PREFIX + path).status_code == 403
