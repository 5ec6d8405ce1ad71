"""Work on very many things pauses, so that other requests have their turns in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import httpx
import pytest
from fake_apimart.app import create_app
from fake_apimart.common.stored_json import write_json
from fake_apimart.common.waits import BATCH, pausing
from fake_apimart.files.stored_file import StoredFile
from fake_apimart.service.service import Service
from fake_apimart.settings.settings import Settings
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.entry import Entry
from fake_apimart.worlds.world import World
from fake_apimart_storage import Listed
from fake_apimart_storage.memory import MemoryObject, MemoryStorage

from tests.harness import JPEG

MANY = 3_000
MOST_AT_ONCE = 1_000
"""How many objects may be touched between two turns of other tasks."""
KEY = "many"
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}


class CountingStorage(MemoryStorage):
    """A storage that counts what is done to its objects."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    async def get(self, key: str, *, with_bytes: bool = True) -> MemoryObject:
        self.steps += 1
        return await super().get(key, with_bytes=with_bytes)

    async def delete(self, key: str, **options: Any) -> None:
        self.steps += 1
        await super().delete(key, **options)

    async def keys(self, prefix: str = "") -> AsyncIterator[str]:
        async for key in super().keys(prefix):
            self.steps += 1
            yield key

    async def described(self, keys: Sequence[str]) -> AsyncIterator[Listed]:
        async for listed in super().described(keys):
            self.steps += 1
            yield listed


class Turns:
    """Another task, which notes how many steps were taken at once before its turn came."""

    def __init__(self, storage: CountingStorage) -> None:
        self._storage = storage
        self.most = 0
        self.number = 0

    @contextlib.asynccontextmanager
    async def counted(self) -> AsyncIterator[None]:
        self.most = self.number = self._storage.steps = 0
        running = asyncio.create_task(self._run())
        await asyncio.sleep(0)
        try:
            yield
        finally:
            running.cancel()
            self.most = max(self.most, self._storage.steps)

    async def _run(self) -> None:
        while True:
            self.most = max(self.most, self._storage.steps)
            self.number += 1
            self._storage.steps = 0
            await asyncio.sleep(0)


async def fill(service: Service, world: World) -> None:
    """Store many files and many tasks in a world, and requests in its journal."""
    now_ns = world.clock.time_ns()
    seconds = now_ns // 1_000_000_000
    for number in range(MANY):
        file = StoredFile(world.name, seconds, seconds + 1000, f"{number}.jpg")
        info = file.to_info(f"image/9990000123456-{number:08x}-a.jpg", "image/jpeg", now_ns)
        writer = service.storage.writer(info)
        await writer.write([JPEG[:100]])
        await writer.commit()
        task = Task(
            id=f"task_{number:026d}",
            world=world.name,
            created_ms=now_ns // 1_000_000,
            seconds=0,
            polls=0,
            failure=None,
            model="m",
            prompt="p",
            seed=None,
            width=64,
            height=64,
            output_format="png",
            image_keys=(f"image/{number}-result.png",),
            reference_keys=(),
            cost=0,
            estimated_time=0,
        )
        await service.task_store.put(task, world)
        record = f"idempotency/{world.name}/{number:064x}"
        await write_json(service.storage, record, b"[]", now_ns, 1000)
    for _ in range(1000):
        entry = Entry("generations.create", "POST", "/v1/images/generations")
        entry.record_body(b'{"x":[%b]}' % b",".join([b"1"] * 1000))
        await service.worlds.record(world, entry)


async def call(app: Any, method: str, path: str, headers: dict[str, str]) -> Any:
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.request(method, f"/_fake/{path}", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def run_on_many(
    work: Callable[[Any, World], Awaitable[Any]],
) -> tuple[Turns, CountingStorage, Any]:
    """Do some work on a world that holds many things; return the turns of others meanwhile."""

    async def run() -> tuple[Turns, CountingStorage, Any]:
        storage = CountingStorage()
        app = create_app(Settings(storage="memory://"), storage)
        async with app.router.lifespan_context(app):
            assert app.service is not None
            # The search for what has expired begins with the server.
            await asyncio.sleep(0.01)
            world = await app.service.worlds.by_key(KEY)
            await fill(app.service, world)
            turns = Turns(storage)
            async with turns.counted():
                result = await work(app, world)
            return turns, storage, result

    return asyncio.run(run())


@pytest.mark.parametrize(("path", "name"), [("uploads", "uploads"), ("tasks", "tasks")])
def test_listing_of_very_many_pauses_between_batches(path: str, name: str) -> None:
    turns, _, listed = run_on_many(lambda app, world: call(app, "GET", path, HEADERS))
    assert len(listed[name]) == MANY
    assert turns.most < MOST_AT_ONCE
    assert turns.number > MANY / BATCH


def test_listing_of_a_long_journal_pauses_between_batches() -> None:
    turns, _, listed = run_on_many(lambda app, world: call(app, "GET", "requests", HEADERS))
    assert len(listed["requests"]) == 1000
    assert turns.number > 1000 / BATCH


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "reset", HEADERS),
        ("POST", "reset", {"Content-Type": "application/json"}),
        ("DELETE", "world", HEADERS),
    ],
)
def test_reset_of_very_many_pauses_between_batches(
    method: str, path: str, headers: dict[str, str]
) -> None:
    turns, storage, _ = run_on_many(lambda app, world: call(app, method, path, headers))
    assert storage.objects == {}
    assert turns.most < MOST_AT_ONCE
    assert turns.number > 3 * MANY / BATCH


def test_first_balance_of_a_world_with_very_many_tasks_pauses_between_batches() -> None:
    async def spend(app: Any, world: World) -> float:
        world.has_tasks = True
        amount: float = await app.service.accounts.spent(world)
        return amount

    turns, _, _ = run_on_many(spend)
    assert turns.most < MOST_AT_ONCE


@pytest.mark.parametrize("path", ["reset/journal", "reset/faults", "reset"])
def test_call_about_very_many_worlds_pauses_between_batches(path: str) -> None:
    async def reset(app: Any, world: World) -> Any:
        for number in range(MANY):
            await app.service.worlds.by_key(f"key-{number}")
        await call(app, "POST", path, {"Content-Type": "application/json"})

    turns, _, _ = run_on_many(reset)
    assert turns.number > MANY / BATCH


def test_pausing_yields_everything_of_both_kinds_of_iterables() -> None:
    async def numbers() -> AsyncIterator[int]:
        for number in range(MANY):
            yield number

    async def collect() -> None:
        assert [each async for each in pausing(range(MANY))] == list(range(MANY))
        assert [each async for each in pausing(numbers(), 1)] == list(range(MANY))
        nothing: list[int] = []
        assert [each async for each in pausing(nothing)] == []

    asyncio.run(collect())
