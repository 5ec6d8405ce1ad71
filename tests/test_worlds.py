"""A world per API key: isolation, clock, settings, reset and eviction."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fake_apimart.common.clock import SystemClock
from fake_apimart.settings.settings import Settings
from fake_apimart.state.memory.state import MemoryState
from fake_apimart.worlds import pool
from fake_apimart.worlds.entry import Entry
from fake_apimart.worlds.registry import Worlds
from fake_apimart.worlds.world import name_of
from fake_apimart_storage import ObjectInfo, Storage
from fake_apimart_storage.memory import MemoryObject, MemoryStorage, MemoryWriter
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.harness import AUTHORIZED, JPEG, PNG, ServerProcess
from tests.worlds import authorized, balance, create, created, poll, upload, upload_url


def test_worlds_share_nothing(world: FakeAPIMart) -> None:
    other = world.another()
    upload_url(world)
    task_id = created(world)
    world.fail("uploads.create", "forbidden")
    world.clock.advance(days=2)
    assert other.uploads == []
    assert other.tasks == []
    assert list(other.requests) == []
    assert upload(other).status_code == 200
    answer = httpx.get(f"{other.base_url}/v1/tasks/{task_id}", headers=authorized(other))
    assert answer.json()["error"]["message"] == "无效的任务ID"
    assert abs(other.clock.now - time.time()) < 10
    assert upload(world).status_code == 403


def test_file_belongs_to_the_world_that_uploaded_it(world: FakeAPIMart) -> None:
    url = upload_url(world)
    other = world.another()
    assert httpx.get(url, headers=authorized(other)).status_code == 200
    assert [each.status for each in world.requests.matching("files.get")] == [200]
    assert list(other.requests) == []
    other.clock.advance(hours=72)
    assert httpx.get(url, headers=authorized(other)).status_code == 200
    world.clock.advance(hours=72)
    assert httpx.get(url, headers=authorized(other)).status_code == 403


def test_file_lives_to_the_second_by_its_world_s_clock(world: FakeAPIMart) -> None:
    world.clock.freeze()
    url = upload_url(world)
    world.clock.advance(hours=72, seconds=-1)
    assert httpx.get(url).status_code == 200
    world.clock.advance(seconds=1)
    assert httpx.get(url).status_code == 403
    assert [(each.alive, each.read()) for each in world.uploads] == [(False, JPEG)]


def test_clock_set_back_shows_files_again(world: FakeAPIMart) -> None:
    url = upload_url(world)
    world.clock.advance(days=4)
    assert httpx.get(url).status_code == 403
    world.clock.reset()
    assert httpx.get(url).content == JPEG


def test_clock_drives_what_uploads_and_tasks_say(world: FakeAPIMart) -> None:
    instant = datetime(2031, 5, 4, 3, 2, 1, tzinfo=UTC)
    world.clock.freeze()
    assert world.clock.at(instant) == instant.timestamp()
    answer = upload(world).json()
    assert answer["created_at"] == instant.timestamp()
    countdown = 9_999_999_999_999 - int(instant.timestamp() * 1000)
    assert f"/f/image/{countdown}-" in answer["url"]
    task = poll(world, created(world))
    assert (task["created"], task["status"]) == (instant.timestamp(), "pending")


def test_clock_drives_tasks_and_their_results(world: FakeAPIMart) -> None:
    world.pace(seconds=600)
    world.clock.freeze()
    task_id = created(world)
    assert poll(world, task_id)["progress"] == 0
    world.clock.advance(minutes=5)
    assert (poll(world, task_id)["status"], poll(world, task_id)["progress"]) == ("processing", 50)
    world.clock.advance(minutes=5)
    done = poll(world, task_id)
    assert (done["status"], done["actual_time"]) == ("completed", 600)
    url = done["result"]["images"][0]["url"][0]
    assert httpx.get(url).status_code == 200
    world.clock.advance(hours=24)
    assert httpx.get(url).status_code == 403
    assert [each.status for each in world.requests.matching("files.get")] == [200, 403]


def test_clock_drives_rates(world: FakeAPIMart) -> None:
    world.rate_limit("2/minute")
    world.clock.freeze()
    assert [upload(world).status_code for _ in range(3)] == [200, 200, 429]
    world.clock.advance(seconds=60)
    assert upload(world).status_code == 200
    world.rate_limit(None)
    assert {upload(world).status_code for _ in range(4)} == {200}


def test_clock_drives_idempotency(world: FakeAPIMart) -> None:
    headers = {"Idempotency-Key": "once"}
    world.clock.freeze()
    first = created(world, headers=headers)
    world.clock.advance(hours=24, seconds=-1)
    assert created(world, headers=headers) == first
    world.clock.advance(seconds=1)
    assert created(world, headers=headers) != first


def test_frozen_clock_stands_and_then_runs_on_from_there(world: FakeAPIMart) -> None:
    world.clock.at(1_743_436_800)
    frozen_at = world.clock.freeze()
    time.sleep(0.05)
    assert world.clock.now == frozen_at
    assert world.clock.resume() >= frozen_at
    time.sleep(0.05)
    assert frozen_at < world.clock.now < frozen_at + 10


def test_reference_that_expired_by_its_world_s_clock_fails_the_task(world: FakeAPIMart) -> None:
    world.pace(seconds=0)
    url = upload_url(world)
    assert poll(world, created(world, image_urls=[url]))["status"] == "completed"
    world.clock.advance(hours=73)
    failed = poll(world, created(world, image_urls=[url]))
    assert failed["error"]["message"].startswith("image_urls[0] cannot be read")


def test_pace_in_polls_counts_polls(world: FakeAPIMart) -> None:
    world.pace(polls=3)
    task_id = created(world)
    assert [poll(world, task_id)["status"] for _ in range(4)][-2:] == ["processing", "completed"]
    assert [task.status for task in world.tasks] == ["completed"]


def test_listing_a_task_paced_in_polls_neither_counts_as_a_poll_nor_ends_it(
    world: FakeAPIMart,
) -> None:
    world.pace(seconds=0, polls=2)
    task_id = created(world)
    observed = []
    for _ in range(4):
        listed = {(task.status, task.progress) for _ in range(3) for task in world.tasks}
        polled = poll(world, task_id)
        observed.append((listed, polled["status"]))
    assert observed == [
        ({("pending", 0)}, "pending"),
        ({("processing", 50)}, "processing"),
        ({("processing", 99)}, "completed"),
        ({("completed", 100)}, "completed"),
    ]


def test_tasks_fail_until_they_are_set_to_complete(world: FakeAPIMart) -> None:
    world.pace(seconds=0)
    world.tasks_fail("no cats today")
    assert poll(world, created(world))["error"]["message"] == "no cats today"
    world.tasks_complete()
    assert poll(world, created(world))["status"] == "completed"
    assert [task.failure for task in world.tasks] == ["no cats today", None]


def test_balance_is_the_world_s(world: FakeAPIMart) -> None:
    world.pace(seconds=0)
    world.balance(0.055)
    poll(world, created(world))
    assert balance(world)["remain_balance"] == 0.049
    assert create(world).status_code == 402
    world.balance(1)
    assert balance(world)["remain_balance"] == 0.994
    assert balance(world.another())["remain_balance"] == 100


def test_reset_leaves_nothing(world: FakeAPIMart) -> None:
    world.pace(seconds=0)
    url = upload_url(world)
    result = poll(world, created(world, headers={"Idempotency-Key": "x"}))
    world.fail("uploads.create", "forbidden")
    world.clock.advance(hours=1)
    world.reset()
    assert ([*world.uploads], world.tasks, list(world.requests)) == ([], [], [])
    assert httpx.get(url).status_code == 403
    assert httpx.get(result["result"]["images"][0]["url"][0]).status_code == 403
    assert abs(world.clock.now - time.time()) < 10
    assert balance(world)["used_balance"] == 0
    assert upload(world).status_code == 200
    assert created(world, headers={"Idempotency-Key": "x"}) != result["id"]
    assert poll(world, world.tasks[0].id)["status"] == "pending"


def test_reset_of_one_thing_keeps_the_others(world: FakeAPIMart) -> None:
    upload_url(world)
    rule = world.fail("uploads.create", "forbidden", optional=True)
    world.requests.clear()
    assert (len(world.requests), len(world.uploads), rule.used) == (0, 1, 0)
    httpx.post(f"{world.base_url}/_fake/reset/faults", headers=authorized(world), json={})
    assert upload(world).status_code == 200
    assert len(world.uploads) == 2


def test_reset_without_a_key_is_for_the_whole_server(start_server: StartServer) -> None:
    server = start_server()
    with FakeAPIMart(server.url) as world:
        url = upload_url(world)
        world.clock.advance(days=1)
        assert httpx.post(f"{server.url}/_fake/reset", json={}).json() == {"reset": None}
        assert httpx.get(url).status_code == 403
        assert world.uploads == []
        assert isinstance(server.storage, MemoryStorage)
        assert server.storage.objects == {}
        assert abs(world.clock.now - time.time()) < 10


class SlowToCommit(MemoryStorage):
    """A storage that delays the commit of objects under a prefix until `may_commit` is set."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.prefix = prefix
        self.committing = threading.Event()
        self.may_commit = threading.Event()

    def writer(self, info: ObjectInfo) -> MemoryWriter:
        return _SlowWriter(self, info)


class _SlowWriter(MemoryWriter):
    async def commit(self, *, durable: bool = False, replaces: bool = False) -> None:
        storage = self._storage
        assert isinstance(storage, SlowToCommit)
        if self._info.key.startswith(storage.prefix):
            storage.committing.set()
            await asyncio.to_thread(storage.may_commit.wait)
        await super().commit(durable=durable)


@pytest.mark.parametrize("prefix", ["image/", "task/", "idempotency/", "polls/", "world/"])
def test_request_in_flight_at_a_reset_stores_nothing(
    prefix: str, start_server: StartServer
) -> None:
    storage = SlowToCommit(prefix)
    server = start_server(on=storage)
    with FakeAPIMart(server.url) as world:

        def make() -> None:
            if prefix == "image/":
                upload(world)
                return
            world.another()
            headers = {"Idempotency-Key": "x"} if prefix == "idempotency/" else {}
            if prefix == "world/":
                httpx.patch(
                    f"{server.url}/_fake/world",
                    headers=authorized(world),
                    json={"task_polls": 3},
                    timeout=20,
                )
                return
            answer = create(
                world, headers=headers, metadata={"fake_apimart": {"polls": 3, "seconds": 0}}
            )
            task_id = answer.json()["data"][0]["task_id"]
            httpx.get(f"{server.url}/v1/tasks/{task_id}", headers=authorized(world), timeout=20)

        making = threading.Thread(target=make)
        making.start()
        assert storage.committing.wait(20)
        world.reset()
        storage.may_commit.set()
        making.join()
        assert storage.objects == {}
        # In these cases the thread created a task, so its poll came after the reset.
        later = ["tasks.get"] if prefix in ("task/", "idempotency/") else []
        assert [each.operation for each in world.requests] == later


def test_picture_that_is_being_drawn_at_a_reset_is_not_stored(start_server: StartServer) -> None:
    storage = SlowToCommit("image/")
    server = start_server(on=storage, task_seconds=0)
    with FakeAPIMart(server.url) as world:
        task_id = created(world)
        polling = threading.Thread(target=poll, args=(world, task_id))
        polling.start()
        assert storage.committing.wait(20)
        world.reset()
        storage.may_commit.set()
        polling.join()
        assert storage.objects == {}


class SlowToGet(MemoryStorage):
    """A storage that delays the first read of a task until `may_read` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = threading.Event()
        self.may_read = threading.Event()

    async def get(self, key: str, *, with_bytes: bool = True) -> MemoryObject:
        found = await super().get(key, with_bytes=with_bytes)
        if key.startswith("task/") and not self.reading.is_set():
            self.reading.set()
            await asyncio.to_thread(self.may_read.wait)
        return found


def test_task_that_is_being_read_at_a_reset_is_not_remembered(start_server: StartServer) -> None:
    storage = SlowToGet()
    first, second = start_server(on=storage), start_server(on=storage)
    with FakeAPIMart(first.url) as maker:
        task_id = created(maker)
        world = FakeAPIMart(second.url, maker.api_key)
        polling = threading.Thread(target=poll, args=(world, task_id))
        polling.start()
        assert storage.reading.wait(20)
        world.reset()
        storage.may_read.set()
        polling.join()
        answer = httpx.get(f"{second.url}/v1/tasks/{task_id}", headers=authorized(world))
        assert answer.status_code == 400


@pytest.mark.parametrize("again", ["restart", "eviction"])
def test_nothing_brings_dead_files_back(
    again: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_server: StartServer
) -> None:
    monkeypatch.setattr(pool, "MAX_WORLDS", 3)
    location = f"dir:{tmp_path}"
    server = start_server(storage=location)
    key = "sk-fake-keeps"
    world = FakeAPIMart(server.url, key)
    world.balance(5)
    url = upload_url(world)
    world.clock.advance(hours=72)
    assert httpx.get(url).status_code == 403
    if again == "restart":
        server.stop()
        server = start_server(storage=location)
        url = server.url + httpx.URL(url).path
        world = FakeAPIMart(server.url, key)
    else:
        for number in range(10):
            FakeAPIMart(server.url, f"other-{number}").balance(1)
    assert httpx.get(url).status_code == 403
    assert balance(world)["remain_balance"] == 5
    assert [each.read() for each in world.uploads] == [JPEG]
    assert len(list(tmp_path.rglob("*-a.jpg*"))) == 1
    world.reset()
    assert not list(tmp_path.rglob("*-a.jpg*"))


@pytest.mark.subprocess
def test_server_s_clock_moves_all_worlds_and_outlives_a_restart(tmp_path: Path) -> None:
    location = f"dir:{tmp_path}"
    with ServerProcess("--storage", location) as process:
        with FakeAPIMart(process.url, "before") as world:
            httpx.post(f"{process.url}/_fake/clock", json={"advance": "1d"}).raise_for_status()
            assert world.clock.now > time.time() + 86_000
            world.clock.advance(hours=1)
            assert world.clock.now > time.time() + 89_000
        assert process.end()[0] == 0
    with ServerProcess("--storage", location) as process, FakeAPIMart(process.url) as world:
        assert world.clock.now > time.time() + 86_000
        httpx.patch(f"{process.url}/_fake/world", json={"balance": 7}).raise_for_status()
        assert balance(world)["remain_balance"] == 7


def make_worlds(storage: Storage | None = None) -> Worlds:
    settings = Settings(storage="memory://")
    clock = SystemClock()
    state = MemoryState(storage or MemoryStorage(), clock)
    return Worlds(settings, state, clock, control_enabled=True)


async def keys(count: int, first: int = 0) -> AsyncIterator[str]:
    for number in range(first, first + count):
        yield f"key {number}"


def test_world_with_a_request_running_is_never_evicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MAX_WORLDS", 10)

    async def evict() -> None:
        worlds = make_worlds()
        busy = await worlds.by_key("busy")
        busy.running += 1
        async for key in keys(50):
            await worlds.by_key(key)
        assert await worlds.by_key("busy") is busy
        assert len(worlds) == 10
        busy.running -= 1
        async for key in keys(50):
            await worlds.by_key(key)
        assert await worlds.by_key("busy") is not busy

    asyncio.run(evict())


def test_journals_stay_within_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fake_apimart.state.memory.journal.MAX_BYTES", 100_000)

    async def record() -> int:
        worlds = make_worlds()
        async for key in keys(20):
            world = await worlds.by_key(key)
            for _ in range(10):
                entry = Entry("generations.create", "POST", "/v1/images/generations")
                entry.record_body(b"x" * 3000)
                await worlds.record(world, entry)
        assert (await worlds.state.journals.entries(world, lambda each: True))[-1] is entry
        return sum([(await worlds.state.journals.size(each)).bytes for each in worlds])

    assert 0 < asyncio.run(record()) <= 100_000


def test_keys_of_any_length_have_different_worlds() -> None:
    keys = ["k" * length for length in (1, 256, 257, 1_000_000)]
    assert len({name_of(key) for key in keys}) == 4


def test_name_of_a_world_never_changes_because_files_are_stored_under_it() -> None:
    assert name_of("test-key") == "0e2a03b49262c15a063c04d5a29c0158"


class SlowToFind(MemoryStorage):
    """A storage that yields to other coroutines before each read."""

    async def get(self, key: str, *, with_bytes: bool = True) -> MemoryObject:
        await asyncio.sleep(0.05)
        return await super().get(key, with_bytes=with_bytes)


def test_concurrent_first_requests_get_the_same_world() -> None:
    async def meet() -> None:
        worlds = make_worlds(SlowToFind())
        first, second = await asyncio.gather(worlds.by_key("k"), worlds.by_key("k"))
        assert first is second

    asyncio.run(meet())


def test_concurrent_first_requests_are_all_in_the_journal(start_server: StartServer) -> None:
    world = FakeAPIMart(start_server(on=SlowToFind()).url)
    several = [threading.Thread(target=upload, args=(world,)) for _ in range(4)]
    for each in several:
        each.start()
    for each in several:
        each.join()
    assert [each.status for each in world.requests] == [200] * 4


def test_upload_index_has_files_from_before_and_after_it_was_asked_for(
    tmp_path: Path, start_server: StartServer
) -> None:
    server = start_server(storage=f"dir:{tmp_path}")
    with FakeAPIMart(server.url) as world:
        for content in (JPEG, PNG):
            upload_url(world, content)
        assert [each.bytes for each in world.uploads] == [len(JPEG), len(PNG)]
        upload_url(world, JPEG)
        assert [each.filename for each in world.uploads] == ["a.jpg"] * 3
        assert len({each.url for each in world.uploads}) == 3


def test_server_without_control_keeps_no_journal_and_knows_no_magic(
    start_server: StartServer,
) -> None:
    server = start_server(control=False, api_keys="good")
    for key, status in (("good", 200), ("sk-fake-slow", 401)):
        answer = httpx.post(
            f"{server.url}/v1/uploads/images",
            headers={"Authorization": f"Bearer {key}"},
            files={"file": ("a.jpg", JPEG)},
        )
        assert answer.status_code == status
    for method, path in (("GET", "requests"), ("POST", "reset"), ("GET", "docs")):
        answer = httpx.request(method, f"{server.url}/_fake/{path}")
        assert answer.status_code == 404
        assert answer.json()["error"]["message"] == f"Invalid URL ({method} /_fake/{path})"
    assert httpx.get(f"{server.url}/_fake/health").status_code == 200


class HurryingClock:
    """A clock on which a tenth of a second passes between two looks, as on a busy machine."""

    def __init__(self) -> None:
        self._now = 1_800_000_000_000_000_000

    def time_ns(self) -> int:
        self._now += 100_000_000
        return self._now


def test_clock_that_is_set_and_frozen_at_once_stands_at_that_instant(
    start_server: StartServer,
) -> None:
    server = start_server(clock=HurryingClock())
    call = {"at": 1_743_436_800, "freeze": True}
    answer = httpx.post(f"{server.url}/_fake/clock", json=call, headers=AUTHORIZED)
    assert answer.json() == {"now": 1_743_436_800, "frozen": True}


@pytest.mark.parametrize("milliseconds", [0, 1, 250, 251, 333, 749, 998, 999])
def test_clock_stands_at_an_instant_to_the_millisecond(
    milliseconds: int, world: FakeAPIMart
) -> None:
    world.clock.freeze()
    world.clock.at(1_743_436_800 + milliseconds / 1000)
    digits = upload_url(world).rpartition("/")[2].partition("-")[0]
    assert digits.endswith(f"{999 - milliseconds:03}")
