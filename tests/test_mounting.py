"""Below a path of another application, or of a proxy: what is taken off a path, and what is put on.

Servers and routers differ in what they put into `path`, `raw_path` and `root_path`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fake_apimart.app import Application
from fake_apimart.control.access import ADMIN_TOKEN_HEADER
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

from tests.asgi_calls import Answer, ask, body, form_with, head, in_memory, running, upload
from tests.asgi_servers import LOCAL, PEER, PREFIX
from tests.harness import AUTHORIZED, FORM_TYPE, JPEG, PNG

UPLOADS = "/v1/uploads/images"
VERSION = "X-APIMart-Response-Version"


def asked(**scope: Any) -> Answer:
    """Return the answer to one request with this scope."""

    async def use() -> Answer:
        async with running() as app:
            return await ask(app, **scope)

    return asyncio.run(use())


# The server that sends such a path below `root_path`, or the client, and what is below.
PATHS = {
    "by the specification": ("/fake", "/fake/nope", b"/fake/nope", "/nope"),
    "hypercorn, granian": ("/fake", "/nope", b"/nope", "/nope"),
    "uvicorn --root-path /fake/": ("/fake/", "/fake//nope", b"/fake//nope", "/nope"),
    "uvicorn --root-path /": ("/", "//nope", b"//nope", "/nope"),
    "a slash at the root's end": ("/fake/", "/fake/nope", b"/fake/nope", "/nope"),
    "the root alone": ("/fake", "/fake", b"/fake", "/"),
    "the root and a slash": ("/fake", "/fake/", b"/fake/", "/"),
    "two roots": ("/a/fake", "/a/fake/nope", b"/a/fake/nope", "/nope"),
    "a root that is like a beginning": ("/fake", "/faked/nope", b"/faked/nope", "/faked/nope"),
    "no raw path": ("/fake", "/fake/a b", None, "/a b"),
    "an empty raw path": ("/fake", "/fake/a b", b"", "/a b"),
    "a raw path without the root": ("/fake", "/fake/a b", b"/a%20b", "/a b"),
    "a path without the root": ("/fake", "/a b", b"/fake/a%20b", "/a b"),
    "escapes in the root": ("/fake", "/fake/nope", b"/f%61ke/nope", "/nope"),
    "a root that needs escapes": ("/假", "/假/nope", b"/%E5%81%87/nope", "/nope"),
    "bytes that are no UTF-8": ("/fake", "/fake/\ufffd", b"/fake/%FF", r"/\ufffd"),
    "an escaped slash": ("/fake", "/fake/a/b", b"/fake/a%2Fb", "/a/b"),
    "a slash too many": ("/fake", "/fake//nope//x", b"/fake//nope//x", "//nope//x"),
}


@pytest.mark.parametrize(("root", "path", "raw_path", "below"), PATHS.values(), ids=PATHS)
def test_path_is_stated_as_it_is_below_the_root(
    root: str, path: str, raw_path: bytes | None, below: str
) -> None:
    answer = asked(root_path=root, path=path, raw_path=raw_path)
    assert answer.status == 404
    assert f'"message":"Invalid URL (GET {below})"' in answer.body.decode()


@pytest.mark.parametrize(
    ("root", "path", "raw_path"),
    [
        ("/fake", "/fake/_fake/health", b"/fake/_fake/health"),
        ("/fake", "/_fake/health", b"/_fake/health"),
        ("/fake/", "/fake//_fake/health", b"/fake//_fake/health"),
        ("/fake", "/fake//_fake//health", b"/fake//_fake//health"),
        ("/", "//_fake/health", b"//_fake/health"),
        ("/_fake", "/_fake/_fake/health", b"/_fake/_fake/health"),
    ],
)
@pytest.mark.parametrize("page", ["health", "world", "docs", "swagger-ui/swagger-ui.css"])
def test_page_of_ours_is_found_below_the_root(
    page: str, root: str, path: str, raw_path: bytes
) -> None:
    answer = asked(
        root_path=root,
        path=path.replace("health", page),
        raw_path=raw_path.replace(b"health", page.encode()),
    )
    assert answer.status == 200


ROOTS = [
    ("/fake", "/fake"),
    ("/fake/", "/fake"),
    ("/a b/假", "/a%20b/%E5%81%87"),
    ('/"<b>', "/%22%3Cb%3E"),
]


@pytest.mark.parametrize(("root", "escaped"), ROOTS)
def test_urls_in_answers_have_the_root_as_urls_write_it(root: str, escaped: str) -> None:
    async def use() -> tuple[Answer, Answer, Answer, Answer]:
        async with running() as app:
            task = {"content_type": "application/json", VERSION: "2026-07-27"}
            return (
                await upload(app, root_path=root),
                await ask(
                    app,
                    body(b'{"model": "gpt-image-2", "prompt": "a cat"}'),
                    method="POST",
                    path="/v1/images/generations",
                    headers=head(**task),
                    root_path=root,
                ),
                await ask(app, path="/v1/models/", query_string=b"a=b", root_path=root),
                await ask(app, path="/openapi.json", root_path=root),
            )

    uploaded, created, redirected, document = asyncio.run(use())
    assert uploaded.json()["url"].startswith(f"{LOCAL}{escaped}/f/image/")
    assert created.json()["data"]["poll_url"].startswith(f"{LOCAL}{escaped}/v1/tasks/")
    assert redirected.headers["location"] == f"{escaped}/v1/models?a=b"
    assert document.json()["servers"] == [{"url": escaped}]


def test_page_cannot_be_changed_by_the_root_s_name() -> None:
    page = asked(path="/docs", root_path='/"<script>').body.decode()
    assert 'src="/%22%3Cscript%3E/_fake/swagger-ui/swagger-ui-bundle.js"' in page
    assert '"<script>' not in page


NAMES = [
    "a%20b.png",
    "%E7%85%A7%E7%89%87.png",
    "a%0Ab.png",
    "a%252Fb.png",
    "a%3Fb%23c.png",
]


@pytest.mark.parametrize("escaped", [*NAMES, "%FF.png"])
def test_file_of_any_name_is_found_below_a_root(escaped: str) -> None:
    url, answer = asyncio.run(_uploaded_and_read(escaped, has_raw_path=True))
    assert url.endswith(f"-{escaped}")
    assert (answer.status, answer.body) == (200, PNG)


@pytest.mark.parametrize("escaped", NAMES)
def test_file_of_any_name_in_utf_8_is_found_without_a_raw_path(escaped: str) -> None:
    _, answer = asyncio.run(_uploaded_and_read(escaped, has_raw_path=False))
    assert (answer.status, answer.body) == (200, PNG)


async def _uploaded_and_read(escaped: str, *, has_raw_path: bool) -> tuple[str, Answer]:
    async with running() as app:
        url = (await upload(app, form_with(escaped), root_path=PREFIX)).json()["url"]
        path = httpx.URL(url).path
        raw_path = urlsplit(url).path.encode() if has_raw_path else None
        return url, await ask(app, root_path=PREFIX, path=path, raw_path=raw_path)


def lifespan_of(apimart: Application) -> Callable[[object], AbstractAsyncContextManager[None]]:
    """Return the lifespan of an outer application, which runs ours."""

    @contextlib.asynccontextmanager
    async def lifespan(outer: object) -> AsyncIterator[None]:
        async with apimart.router.lifespan_context(apimart):
            yield

    return lifespan


@pytest.fixture(params=[FastAPI, Starlette])
def mounted(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """Return a client of an outer application that mounts ours."""
    apimart = in_memory(admin_token="admin", task_seconds=0)
    outer: Starlette = request.param(lifespan=lifespan_of(apimart))
    outer.mount(PREFIX, apimart)
    with TestClient(
        outer, base_url=LOCAL, client=PEER, headers=AUTHORIZED, follow_redirects=False
    ) as client:
        yield client


@pytest.mark.parametrize("escaped", ["a%20b.png", "%E7%85%A7%E7%89%87.png", "a%252Fb.png"])
def test_file_of_a_name_with_escapes_passes_the_outer_router(
    escaped: str, mounted: TestClient
) -> None:
    answer = mounted.post(PREFIX + UPLOADS, content=form_with(escaped), headers=FORM_TYPE)
    url = answer.json()["url"]
    assert url.endswith(f"-{escaped}")
    assert mounted.get(url).content == PNG


def test_escaped_slash_in_a_file_s_name_passes_the_outer_router(mounted: TestClient) -> None:
    answer = mounted.get(f"{PREFIX}/f/image/a%2Fb.png")
    assert (answer.status_code, b"<Code>AccessDenied</Code>" in answer.content) == (403, True)


def test_reference_by_the_url_below_the_mount_is_found(mounted: TestClient) -> None:
    url = mounted.post(PREFIX + UPLOADS, files={"file": ("a.jpg", JPEG)}).json()["url"]
    task = {"model": "gpt-image-2", "prompt": "a cat", "image_urls": [url]}
    assert mounted.post(f"{PREFIX}/v1/images/generations", json=task).status_code == 200
    (shown,) = mounted.get(f"{PREFIX}/_fake/tasks").json()["tasks"]
    assert shown["references"] == [url.rpartition("/")[2]]


@pytest.mark.parametrize(
    "path", ["/_fake/reset", "//_fake/reset", "/_fake//reset", "/%5Ffake/reset", "/_fake%2Freset"]
)
@pytest.mark.parametrize("root", ["", PREFIX])
def test_no_way_of_writing_a_control_call_gets_around_the_checks(root: str, path: str) -> None:
    given: dict[str, Any] = {
        "method": "POST",
        "path": httpx.URL(f"http://x{root}{path}").path,
        "raw_path": f"{root}{path}".encode(),
        "root_path": root,
    }
    json = {"content_type": "application/json"}
    keyless = head(authorization=None, **json)
    calls = [
        {**given, "headers": keyless, "client": ("10.0.0.1", 1)},
        {**given, "headers": head(origin="https://evil.example", **json)},
        {**given, "headers": head(content_type="text/plain")},
        {**given, "headers": keyless},
    ]

    async def use() -> list[int]:
        async with running() as app:
            return [(await ask(app, **call)).status for call in calls]

    assert asyncio.run(use()) == [403, 403, 415, 200]


@pytest.mark.parametrize("path", ["/_fake/world", "//_fake/world", "/%5Ffake/world", "/docs"])
@pytest.mark.parametrize("root", ["", PREFIX])
def test_control_api_that_is_off_is_an_unknown_path(root: str, path: str) -> None:
    async def use() -> Answer:
        async with running(control=False) as app:
            return await ask(
                app,
                path=httpx.URL(f"http://x{root}{path}").path,
                raw_path=f"{root}{path}".encode(),
                root_path=root,
            )

    answer = asyncio.run(use())
    assert answer.status == 404
    assert answer.json()["error"]["message"].startswith("Invalid URL (GET ")


def test_unknown_control_call_is_stated_as_it_is_below_the_root(mounted: TestClient) -> None:
    message = mounted.get(f"{PREFIX}/_fake/nope").json()["error"]["message"]
    assert message == "there is no GET /_fake/nope; /_fake/docs lists what there is"


def test_upload_s_bytes_are_read_by_an_escaped_path(mounted: TestClient) -> None:
    url = mounted.post(PREFIX + UPLOADS, files={"file": ("a b.jpg", JPEG)}).json()["url"]
    name = url.rpartition("/")[2]
    for prefix in ("/_fake/uploads", "/%5Ffake/uploads", "//_fake//uploads"):
        assert mounted.get(f"{PREFIX}{prefix}/{name}").content == JPEG


class Passing(BaseHTTPMiddleware):
    """Middleware as users write it."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)


@pytest.mark.parametrize("middleware", [Passing, GZipMiddleware])
def test_upload_passes_the_outer_application_s_middleware(middleware: Any) -> None:
    apimart = in_memory()
    outer = FastAPI(lifespan=lifespan_of(apimart))
    outer.add_middleware(middleware)
    outer.mount(PREFIX, apimart)
    with TestClient(outer, base_url=LOCAL, headers=AUTHORIZED) as client:
        refused = client.post(PREFIX + UPLOADS, headers={"Authorization": ""}, content=bytes(10**6))
        answer = client.post(PREFIX + UPLOADS, files={"file": ("a.png", PNG)})
        assert client.get(answer.json()["url"]).content == PNG
    assert (refused.status_code, answer.status_code) == (401, 200)


def test_admin_token_opens_calls_below_the_mount(mounted: TestClient) -> None:
    foreign = TestClient(mounted.app, base_url="http://10.0.0.1", client=("10.0.0.2", 1))
    answers = [
        foreign.get(f"{PREFIX}/_fake/world", headers=headers).status_code
        for headers in ({}, {ADMIN_TOKEN_HEADER: "admin"}, {ADMIN_TOKEN_HEADER: "other"})
    ]
    assert answers == [403, 200, 403]
