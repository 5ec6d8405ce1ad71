"""The application's life: what its lifespan opens, runs and closes, and what is said without it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from fake_apimart import create_app
from fake_apimart.app import Application
from fake_apimart.gateway.dispatch import LifespanNotRun
from fake_apimart.settings.reading import InvalidSettings
from fake_apimart.settings.settings import Settings
from fake_apimart_storage import KeyTest, any_key
from fake_apimart_storage.memory import MemoryStorage
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.asgi_calls import ask, in_memory, running, scope_of, upload
from tests.harness import AUTHORIZED, PNG, StoppedClock, wait_until
from tests.stores import environment

UPLOADS = "/v1/uploads/images"
NOW = 1_743_436_800.0
TTL = 72 * 3600


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that the environment names as the storage."""
    with environment({"FAKE_APIMART_STORAGE": f"dir:{tmp_path}"}):
        yield tmp_path


def locked(folder: Path) -> list[str]:
    """Return what running servers hold of a folder."""
    return [each.name for each in (folder / "incoming").glob("*")]


class WatchedStorage(MemoryStorage):
    """Counts how often it is opened and closed."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = 0
        self.closed = 0

    async def open(
        self, lifetimes: Mapping[str, int] | None = None, is_own: KeyTest = any_key
    ) -> None:
        self.opened += 1

    async def close(self) -> None:
        self.closed += 1


def test_application_is_a_fastapi_one() -> None:
    assert isinstance(in_memory(), FastAPI)


def test_settings_come_from_the_environment() -> None:
    with (
        environment({"FAKE_APIMART_STORAGE": "memory://", "FAKE_APIMART_API_KEYS": "real"}),
        TestClient(create_app()) as client,
    ):
        statuses = [
            client.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code
            for key in ("real", "other")
        ]
    assert statuses == [200, 401]


def test_setting_that_cannot_be_is_refused_before_anything_starts() -> None:
    with (
        environment({"FAKE_APIMART_DIALECT": "other"}),
        pytest.raises(InvalidSettings, match="FAKE_APIMART_DIALECT=other"),
    ):
        create_app()


def test_folder_is_held_while_the_lifespan_runs(folder: Path) -> None:
    app = create_app()
    assert locked(folder) == []
    with TestClient(app):
        assert locked(folder) == ["0"]
    assert locked(folder) == []


def test_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        environment({"FAKE_APIMART_STORAGE": f"dir:{tmp_path}/file"}),
        pytest.raises(InvalidSettings, match=r"^FAKE_APIMART_STORAGE=dir:.*cannot use"),
        TestClient(create_app()),
    ):
        pass


def test_folder_is_free_after_a_start_that_failed(folder: Path) -> None:
    class BrokenClock(StoppedClock):
        def time_ns(self) -> int:
            raise RuntimeError("the clock broke")

    with (
        pytest.raises(RuntimeError, match="the clock broke"),
        TestClient(create_app(clock=BrokenClock(0))),
    ):
        pass
    assert locked(folder) == []


def test_application_starts_twice_in_a_row(folder: Path) -> None:
    app = create_app()
    urls = []
    for _ in range(2):
        with TestClient(app, headers=AUTHORIZED) as client:
            urls.append(client.post(UPLOADS, files={"file": ("a.png", PNG)}).json()["url"])
            assert [client.get(url).status_code for url in urls] == [200] * len(urls)


def test_application_starts_in_one_event_loop_after_another(folder: Path) -> None:
    app = create_app()

    async def use() -> int:
        async with app.router.lifespan_context(app):
            return (await upload(app)).status

    assert [asyncio.run(use()) for _ in range(2)] == [200, 200]


def test_two_applications_run_side_by_side() -> None:
    async def use() -> list[int]:
        async with running() as one, running() as other:
            uploads = await asyncio.gather(*(upload(each) for each in (one, other, one)))
            path = httpx.URL(uploads[0].json()["url"]).path
            return [(await ask(each, path=path)).status for each in (one, other)]

    assert asyncio.run(use()) == [200, 403]


def test_storage_that_is_handed_in_is_neither_opened_nor_closed() -> None:
    storage = WatchedStorage()
    with TestClient(in_memory(storage), headers=AUTHORIZED) as client:
        assert client.post(UPLOADS, files={"file": ("a.png", PNG)}).status_code == 200
    assert (storage.opened, storage.closed) == (0, 0)
    assert storage.objects


def test_expired_files_are_swept_while_the_lifespan_runs() -> None:
    storage, clock = MemoryStorage(), StoppedClock(NOW)
    settings = Settings(storage="memory://")
    with TestClient(create_app(settings, storage, clock), headers=AUTHORIZED) as client:
        client.post(UPLOADS, files={"file": ("a.png", PNG)})
    clock.advance(TTL)
    assert storage.objects
    with TestClient(create_app(settings, storage, clock)):
        wait_until(lambda: not storage.objects, "the file was deleted")


def test_service_is_there_while_the_lifespan_runs() -> None:
    app = in_memory()
    services = [app.service]
    with TestClient(app):
        services.append(app.service)
    services.append(app.service)
    assert [each is None for each in services] == [True, False, True]


NEED_A_START = [
    ("POST", UPLOADS),
    ("GET", "/v1/models"),
    ("GET", "/v1/tasks/x"),
    ("GET", "/f/image/x.png"),
    ("HEAD", "/f/image/x.png"),
    ("GET", "/nope"),
    ("GET", "/_fake/health"),
    ("GET", "/_fake/world"),
    ("POST", "/_fake/reset"),
    ("GET", "/_fake/nope"),
    ("GET", "//_fake//world"),
]


@pytest.mark.parametrize(("method", "path"), NEED_A_START)
def test_request_before_the_start_is_told_how_to_start(method: str, path: str) -> None:
    with pytest.raises(LifespanNotRun, match=r"app\.router\.lifespan_context\(app\)"):
        TestClient(in_memory()).request(method, f"http://127.0.0.1{path}", headers=AUTHORIZED)


def test_request_after_the_end_is_told_the_same() -> None:
    app = in_memory()
    with TestClient(app) as client:
        client.get("/_fake/health")
    with pytest.raises(LifespanNotRun):
        client.get("/_fake/health")


def test_application_that_is_mounted_without_its_lifespan_says_so() -> None:
    outer = FastAPI()
    outer.mount("/fake", in_memory())
    with TestClient(outer) as client, pytest.raises(LifespanNotRun):
        client.get("/fake/v1/models")


def test_transport_that_runs_no_lifespan_raises_the_error() -> None:
    async def use(app: Application) -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            await client.get("http://127.0.0.1/v1/models")

    with pytest.raises(LifespanNotRun):
        asyncio.run(use(in_memory()))


def test_sixty_four_uploads_at_once_all_arrive() -> None:
    contents = [PNG + number.to_bytes(2, "big") * 50_000 for number in range(64)]

    async def use() -> list[bytes]:
        async with (
            running() as app,
            httpx.AsyncClient(transport=httpx.ASGITransport(app), headers=AUTHORIZED) as client,
        ):
            answers = await asyncio.gather(
                *(
                    client.post(f"http://127.0.0.1{UPLOADS}", files={"file": ("a.png", each)})
                    for each in contents
                )
            )
            urls = [answer.json()["url"] for answer in answers]
            return [answer.content for answer in await asyncio.gather(*map(client.get, urls))]

    assert asyncio.run(use()) == contents


def test_websocket_is_closed() -> None:
    sent = []

    async def use() -> None:
        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: dict[str, object]) -> None:
            sent.append(message["type"])

        async with running() as app:
            scope = scope_of(type="websocket", scheme="ws", path="/v1/models", method=None)
            await app(scope, receive, send)  # type: ignore[arg-type]

    asyncio.run(use())
    assert sent == ["websocket.close"]
