"""`memory://` holds so much and no more: what counts, what makes room, what is answered."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fake_apimart_storage import ObjectInfo, ObjectNotFound, StorageFull
from fake_apimart_storage.memory import (
    OBJECT_BYTES,
    RECORD_TYPE,
    RESERVE_SHARE,
    MemoryStorage,
    MemoryWriter,
    overhead,
)
from fake_apimart_testing import FakeAPIMart
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import StartServer
from tests.harness import (
    AUTHORIZED,
    FORM_TYPE,
    JPEG,
    PDF,
    ServerProcess,
    StoppedClock,
    connection,
    form,
    upload_request,
    wait_until,
)
from tests.profiles import examples
from tests.worlds import balance, create, created, poll, upload, upload_url

FILE = JPEG + bytes(100_000 - len(JPEG))
LIMIT = 350_000
"""Three files, and what is said of them."""
FAILED = b'{"error":{"message":"failed to upload image","type":"server_error"}}'


def info(key: str, content_type: str = "image/png") -> ObjectInfo:
    return ObjectInfo(key, content_type, 0, 1000, {"name": "a.png"})


# Accounting.

KEYS = st.sampled_from(["image/a", "image/b", "tasks/a", "tasks/b"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), KEYS, st.just(0)),
        st.tuples(st.just("write"), st.integers(0, 5), st.integers(0, 6000)),
        st.tuples(st.just("commit"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("abort"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("delete"), KEYS, st.just(0)),
        st.tuples(st.just("redescribe"), KEYS, st.integers(0, 4)),
        st.tuples(st.just("delete many"), KEYS, st.just(0)),
    ),
    max_size=60,
)


class Model:
    """A storage beside what must be true of its accounts, whatever is done to it."""

    def __init__(self, limit: int) -> None:
        self.storage = MemoryStorage(limit)
        self.open: list[tuple[MemoryWriter, ObjectInfo, list[int]]] = []

    async def do(self, step: str, on: Any, size: int) -> None:
        if step == "open":
            described = info(on, RECORD_TYPE if on.startswith("tasks") else "image/png")
            self.open.append((self.storage.writer(described), described, []))
        elif step == "delete":
            await self.storage.delete(on)
        elif step == "redescribe":
            await self.redescribe(on, size)
        elif step == "delete many":
            await self.storage.delete_many([on, on, "image/none"])
        elif on < len(self.open):
            await self.act(step, on, size)

    async def redescribe(self, key: str, size: int) -> None:
        with contextlib.suppress(ObjectNotFound):
            stored = await self.storage.get(key)
            shorter = {"name": stored.info.metadata["name"][:size]}
            await self.storage.redescribe(stored, stored.info._replace(metadata=shorter))

    async def act(self, step: str, number: int, size: int) -> None:
        writer, _, written = self.open[number]
        try:
            if step == "write":
                await writer.write([bytes(size), memoryview(b"x")])
                written.append(size + 1)
                return
            if step == "commit":
                await writer.commit(replaces=True)
        except StorageFull:
            step = "abort"
        await writer.abort()
        del self.open[number]

    def check(self) -> None:
        stored = sum(overhead(each.info) + each.size for each in self.storage.objects.values())
        under_way = sum(overhead(each) + sum(sizes) for _, each, sizes in self.open if sizes)
        budget = self.storage.budget
        assert budget.used == stored + under_way
        files = budget.used - self.of_records()
        assert files <= budget.limit
        assert budget.used <= budget.limit + budget.limit / RESERVE_SHARE

    def of_records(self) -> int:
        stored = self.storage.objects.values()
        records = [each.held_bytes for each in stored if each.info.content_type == RECORD_TYPE]
        under_way = [
            overhead(each) + sum(sizes)
            for _, each, sizes in self.open
            if sizes and each.content_type == RECORD_TYPE
        ]
        return sum(records) + sum(under_way)


@given(STEPS, st.integers(1, 20_000))
@settings(max_examples=examples(400))
def test_accounts_are_right_whatever_is_written_and_deleted(
    steps: list[tuple[str, Any, int]], limit: int
) -> None:
    async def run() -> None:
        model = Model(limit)
        for step in steps:
            await model.do(*step)
            model.check()
        for writer, _, _ in model.open:
            await writer.abort()
        await model.storage.delete_many(list(model.storage.objects))
        assert model.storage.budget.used == 0
        await model.storage.close()
        assert model.storage.budget.used == 0

    asyncio.run(run())


def test_writers_at_once_never_hold_more_than_the_limit() -> None:
    async def run() -> None:
        storage = MemoryStorage(20 * (OBJECT_BYTES + 1000))

        async def make_room() -> None:
            await asyncio.sleep(0)

        storage.when_full(make_room)

        async def write(number: int) -> bool:
            writer = storage.writer(info(f"image/{number}"))
            try:
                for _ in range(9):
                    await writer.write([bytes(100)])
                    await asyncio.sleep(0)
                    assert storage.budget.used <= storage.budget.limit
                await writer.commit()
            except StorageFull:
                await writer.abort()
                return False
            return True

        stored = sum(await asyncio.gather(*map(write, range(100))))
        assert stored == len(storage.objects)
        assert 0 < stored <= 20
        assert storage.budget.used == sum(each.held_bytes for each in storage.objects.values())

    asyncio.run(run())


def test_room_is_made_once_for_all_who_wait_for_it() -> None:
    calls: list[int] = []

    async def run() -> None:
        storage = MemoryStorage(10 * (OBJECT_BYTES + 1100))
        for number in range(9):
            storage.put(await written(storage, f"image/old{number}"))

        async def make_room() -> None:
            calls.append(len(storage.objects))
            await asyncio.sleep(0.01)
            await storage.delete_many([key for key in storage.objects if "old" in key])

        storage.when_full(make_room)
        await asyncio.gather(*(written(storage, f"image/new{number}") for number in range(5)))
        assert len(storage.objects) == 5

    asyncio.run(run())
    assert calls == [10]


async def written(storage: MemoryStorage, key: str) -> Any:
    writer = storage.writer(info(key))
    await writer.write([bytes(1000)])
    await writer.commit()
    return storage.objects[key]


def test_vain_search_for_room_is_not_repeated_for_each_write() -> None:
    calls: list[None] = []

    async def run() -> None:
        storage = MemoryStorage(100)

        async def make_room() -> None:
            calls.append(None)

        storage.when_full(make_room)
        # As if there were very many objects.
        for _ in range(20):
            with pytest.raises(StorageFull, match=r"holds 0 of 100 bytes"):
                await storage.budget.take(200, "image/png", 10_000_000)

    asyncio.run(run())
    assert len(calls) == 1


def test_storage_without_a_limit_has_none() -> None:
    async def run() -> None:
        storage = MemoryStorage()
        await written(storage, "image/a")
        await storage.budget.take(10**15, "image/png", 1)

    asyncio.run(run())


# A server.

Start = Callable[..., FakeAPIMart]


@pytest.fixture
def start(start_server: StartServer) -> Start:
    """Return a function that starts a server with little memory, and returns a world of it."""

    def start(**options: Any) -> FakeAPIMart:
        options = {"max_memory_bytes": LIMIT, **options}
        return FakeAPIMart(start_server(**options).url)

    return start


def fill(world: FakeAPIMart) -> list[str]:
    """Upload as much as there is room for, and return the URLs."""
    return [upload_url(world, FILE) for _ in range(3)]


def test_upload_beyond_the_limit_is_the_page_s_500(start: Start) -> None:
    world = start()
    urls = fill(world)
    for _ in range(2):
        refused = upload(world, FILE)
        assert (refused.status_code, refused.content) == (500, FAILED)
    assert [httpx.get(url).content for url in urls] == [FILE] * 3
    assert len(world.uploads) == 3
    assert upload(world, JPEG).status_code == 200, "a smaller one has room"


@pytest.mark.parametrize("all_worlds", [True, False])
def test_reset_makes_room(all_worlds: bool, start: Start) -> None:
    world = start()
    fill(world)
    headers = {} if all_worlds else {"Authorization": f"Bearer {world.api_key}"}
    reset = httpx.post(
        f"{world.base_url}/_fake/reset", headers={**headers, "Content-Type": "application/json"}
    )
    assert reset.status_code == 200
    assert len(fill(world)) == 3


def test_files_that_have_expired_by_their_world_s_clock_go_first(start: Start) -> None:
    world = start()
    other = FakeAPIMart(world.base_url)
    kept = upload_url(other, FILE)
    upload_url(world, FILE)
    upload_url(world, FILE)
    assert upload(other, FILE).status_code == 500
    world.clock.advance(hours=72)
    assert upload(other, FILE).status_code == 200
    assert upload(other, FILE).status_code == 200
    assert upload(other, FILE).status_code == 500
    assert httpx.get(kept).status_code == 200
    assert world.uploads == []


@pytest.mark.parametrize("metrics", [True, False])
def test_file_is_expired_where_there_is_no_room_for_another_copy(
    metrics: bool, start: Start
) -> None:
    world = start(metrics=metrics)
    urls = fill(world)
    assert upload(world, FILE).status_code == 500
    world.uploads[0].expire()
    assert [httpx.get(url).status_code for url in urls] == [403, 200, 200]
    assert upload(world, FILE).status_code == 200, "it gives way to the next one"
    assert upload(world, FILE).status_code == 500


def test_files_that_have_expired_by_the_server_s_clock_go_first(start: Start) -> None:
    clock = StoppedClock(1_700_000_000)
    world = start(clock=clock)
    fill(world)
    clock.advance(259_199)
    assert upload(world, FILE).status_code == 500
    clock.advance(1)
    assert len(fill(world)) == 3


@pytest.mark.parametrize("content", [PDF + bytes(200_000), JPEG + bytes(400_000)])
def test_refused_and_oversized_uploads_leave_no_trace_in_the_account(
    content: bytes, start: Start
) -> None:
    world = start(max_file_bytes=300_000)
    for _ in range(5):
        assert upload(world, content).status_code in (400, 413)
    assert len(fill(world)) == 3


def test_upload_under_way_counts_until_its_client_goes_away(start_server: StartServer) -> None:
    server = start_server(max_memory_bytes=LIMIT)
    world = FakeAPIMart(server.url)
    request = upload_request(form(JPEG + bytes(300_000)))
    with connection(server.address) as sock:
        sock.sendall(request[:-1000])
        wait_until(lambda: upload(world, FILE).status_code == 500, "what has come counts")
        world.reset()
    wait_until(lambda: upload(world, FILE).status_code == 200, "it is given back")


def test_uploads_at_once_share_what_is_left(start: Start) -> None:
    world = start()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(upload(world, FILE).status_code))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 500}
    assert statuses.count(200) <= 3
    world.reset()
    assert len(fill(world)) == 3


def test_generated_pictures_count_and_records_find_room(start: Start) -> None:
    world = start(max_memory_bytes=150_000, task_seconds=0)
    for size in (20_000, 0):
        while upload(world, JPEG + bytes(size)).status_code == 200:
            pass
    # What sets clocks and tasks goes on, since it is what frees the rest.
    task = created(world, prompt="a cat", size="1024x1024")
    headers = {"Authorization": f"Bearer {world.api_key}"}
    full = httpx.get(f"{world.base_url}/v1/tasks/{task}", headers=headers)
    assert full.status_code >= 500
    world.clock.advance(hours=72)
    again = created(world, prompt="a cat", size="1024x1024")
    assert poll(world, again)["status"] == "completed"
    assert balance(world)["success"]
    assert create(world).status_code == 200


@pytest.mark.subprocess
def test_log_says_once_why_and_what_to_do() -> None:
    flags = ("--storage", "memory://", "--max-memory-bytes", str(LIMIT), "--no-access-log")
    with ServerProcess(*flags) as server:
        for _ in range(8):
            httpx.post(
                f"{server.url}/v1/uploads/images",
                headers={**AUTHORIZED, **FORM_TYPE},
                content=form(FILE),
            )
        log = server.end()[1]
    (line,) = log.splitlines()
    assert line.endswith(
        "WARNING memory:// is full, and nothing in it has expired: 1 write(s) were refused; "
        "--max-memory-bytes or FAKE_APIMART_MAX_MEMORY_BYTES lets it hold more, --storage dir:PATH "
        "keeps files on a disk, and a reset deletes them"
    )
