"""Calls on a storage that fails: 503 means not done, 200 means done, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fake_apimart.state.memory import saved_states
from fake_apimart_storage import ObjectInfo, StorageError
from fake_apimart_storage.memory import MemoryObject, MemoryStorage, MemoryWriter
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.harness import JPEG, PNG, ServerThread, wait_until
from tests.worlds import authorized, balance, create, created, poll, upload_url

JSON = {"Content-Type": "application/json"}
KEY = "sk-reset"
MOST_CHANGES = 60


class FailingStorage(MemoryStorage):
    """A storage that fails at one change, the first being number 0, or at all from it on."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = 0
        self.fails_at: int | None = None
        self.keeps_failing = False

    def arm(self, number: int, *, keeps_failing: bool) -> None:
        self.changes, self.fails_at, self.keeps_failing = 0, number, keeps_failing

    def disarm(self) -> None:
        self.fails_at = None

    def _change(self) -> None:
        number, self.changes = self.changes, self.changes + 1
        if self.fails_at is None:
            return
        if number == self.fails_at or (self.keeps_failing and number > self.fails_at):
            raise StorageError("the disk is gone")

    def put(self, stored: MemoryObject) -> None:
        self._change()
        super().put(stored)

    async def delete(self, key: str, **options: Any) -> None:
        self._change()
        await super().delete(key, **options)


class Filled:
    """A world with files, tasks, a clock and settings of its own, on a storage that may fail."""

    def __init__(self, server: ServerThread, storage: FailingStorage) -> None:
        self.server, self.storage = server, storage
        self.world = FakeAPIMart(server.url, KEY)
        self.world.pace(seconds=0, polls=1)
        self.world.balance(50)
        self.world.clock.freeze()
        self.urls = [upload_url(self.world, content) for content in (JPEG, PNG)]
        headers = {"Idempotency-Key": "once"}
        self.task_ids = [created(self.world, size="64x64", headers=headers), created(self.world)]
        for _ in range(2):
            data = poll(self.world, self.task_ids[0])
        self.urls += data["result"]["images"][0]["url"]
        self.world.clock.advance(hours=1)
        self.before = self.state()

    def call(self, method: str, path: str, body: object = None, *, of_all: bool) -> httpx.Response:
        headers = {**JSON, **({} if of_all else authorized(self.world))}
        return httpx.request(method, f"{self.server.url}/_fake/{path}", headers=headers, json=body)

    def state(self, server: ServerThread | None = None) -> list[Any]:
        """Return the settings and the times of the world and of the server."""
        state = []
        for headers in (authorized(self.world), {}):
            with httpx.Client(base_url=(server or self.server).url, headers=headers) as client:
                state += [client.get("/_fake/world").json()["own_settings"]]
                clock = client.get("/_fake/clock").json()
                state += [(clock["frozen"], clock["now"] if clock["frozen"] else None)]
        return state

    def check_what_is_served(self) -> None:
        """See that what is listed is served, and nothing else."""
        listed = {upload.url for upload in self.world.uploads}
        for url in self.urls[:2]:
            status = httpx.get(url).status_code
            assert status == (200 if url in listed else 403)
        for task in self.world.tasks:
            data = poll(self.world, task.id)
            for image in data.get("result", {}).get("images", []):
                assert httpx.get(image["url"][0]).status_code == 200


CHANGES: list[tuple[str, str, object, bool]] = [
    ("POST", "clock", {"advance": 100_000}, False),
    ("POST", "clock", {"freeze": False}, False),
    ("POST", "clock", {"reset": True}, False),
    ("POST", "clock", {"at": 5, "freeze": True}, True),
    ("PATCH", "world", {"balance": 7, "task_polls": None}, False),
    ("PATCH", "world", {"balance": None, "task_polls": None, "task_seconds": None}, False),
    ("PATCH", "world", {"task_failure": "x"}, True),
    ("POST", "reset", None, False),
    ("POST", "reset", None, True),
    ("DELETE", "world", None, False),
]


def failures(
    start_server: StartServer, change: tuple[str, str, object, bool], *, keeps_failing: bool
) -> Iterator[Filled]:
    """Yield a filled world after each change of the storage within a call has failed once."""
    method, path, body, of_all = change
    for number in range(MOST_CHANGES):
        storage = FailingStorage()
        filled = Filled(start_server(on=storage), storage)
        storage.arm(number, keeps_failing=keeps_failing)
        answer = filled.call(method, path, body, of_all=of_all)
        storage.disarm()
        if answer.status_code == 200:
            assert number > 0, "the call changes nothing in the storage"
            assert filled.state() != filled.before
            return
        assert answer.status_code == 503, answer.text
        yield filled
    pytest.fail(f"more than {MOST_CHANGES} changes")


@pytest.mark.parametrize("keeps_failing", [False, True])
@pytest.mark.parametrize("change", CHANGES)
def test_what_could_not_be_done_is_not_done(
    change: tuple[str, str, object, bool], keeps_failing: bool, start_server: StartServer
) -> None:
    for filled in failures(start_server, change, keeps_failing=keeps_failing):
        assert filled.state() == filled.before
        filled.check_what_is_served()


@pytest.mark.parametrize("of_all", [False, True])
def test_reset_deletes_what_an_earlier_one_could_not(
    of_all: bool, start_server: StartServer
) -> None:
    change = ("POST", "reset", None, of_all)
    for filled in failures(start_server, change, keeps_failing=False):
        assert filled.call("POST", "reset", of_all=of_all).status_code == 200
        assert list(filled.storage.objects) == []
        assert list(filled.world.uploads) == []
        assert list(filled.world.tasks) == []
        assert [httpx.get(url).status_code for url in filled.urls] == [403] * 3


def test_change_that_could_not_be_stored_is_not_there_after_a_restart(
    start_server: StartServer,
) -> None:
    for change in CHANGES[:7]:
        for filled in failures(start_server, change, keeps_failing=False):
            restarted = start_server(on=filled.storage)
            assert filled.state(restarted) == filled.before


def test_journal_and_rules_outlast_a_reset_that_fails(start_server: StartServer) -> None:
    for filled in failures(start_server, ("POST", "reset", None, False), keeps_failing=True):
        assert len(filled.world.requests.matching("uploads.create")) == 2
        filled.world.fail("models.list", "rate_limited")
        headers = authorized(filled.world)
        assert httpx.get(f"{filled.server.url}/v1/models", headers=headers).status_code == 429


@pytest.mark.parametrize("keeps_failing", [False, True])
def test_create_that_could_not_be_stored_is_not_done_and_its_retry_is(
    keeps_failing: bool, start_server: StartServer
) -> None:
    fields = {"headers": {"Idempotency-Key": "once"}, "webhook": "http://127.0.0.1:9/"}
    for number in range(MOST_CHANGES):
        storage = FailingStorage()
        world = FakeAPIMart(start_server(on=storage).url, KEY)
        storage.arm(number, keeps_failing=keeps_failing)
        answer = create(world, **fields)
        storage.disarm()
        if answer.status_code == 200:
            assert number > 3
            return
        assert answer.status_code == 503
        assert list(world.tasks) == []
        retried = create(world, prompt="another", **fields)
        assert (retried.status_code, "idempotency-replayed" in retried.headers) == (200, False)
        again = create(world, prompt="another", **fields)
        assert (again.json(), again.headers["idempotency-replayed"]) == (retried.json(), "true")
        assert len(world.tasks) == 1
    pytest.fail("it never succeeds")


@pytest.mark.parametrize("of_all", [False, True])
def test_reset_that_failed_has_changed_no_state_after_a_restart(
    of_all: bool, start_server: StartServer
) -> None:
    for filled in failures(start_server, ("POST", "reset", None, of_all), keeps_failing=False):
        restarted = start_server(on=filled.storage)
        assert filled.state(restarted) == filled.before


def test_reset_of_the_server_that_fails_loses_no_world_that_was_never_loaded(
    start_server: StartServer,
) -> None:
    worlds = [f"sk-idle-{number}" for number in range(3)]
    for number in range(MOST_CHANGES):
        storage = FailingStorage()
        first = start_server(on=storage)
        for key in worlds:
            FakeAPIMart(first.url, key).balance(7)
        server = start_server(on=storage)
        storage.arm(number, keeps_failing=False)
        status = httpx.post(f"{server.url}/_fake/reset", json={}).status_code
        storage.disarm()
        third = start_server(on=storage)
        left = [balance(FakeAPIMart(third.url, key))["remain_balance"] for key in worlds]
        assert left == ([100] * 3 if status == 200 else [7] * 3)
        if status == 200:
            return
    pytest.fail("it never succeeds")


class Writes(MemoryStorage):
    """A storage that notes which keys were written to as if they were in use."""

    def __init__(self) -> None:
        super().__init__()
        self.replacing: dict[str, bool] = {}

    def writer(self, info: ObjectInfo) -> MemoryWriter:
        replacing = self.replacing

        class Noting(MemoryWriter):
            async def commit(self, *, durable: bool = False, replaces: bool = False) -> None:
                replacing[info.key.partition("/")[0] + info.content_type] = replaces
                await super().commit(durable=durable, replaces=replaces)

        return Noting(self, info)


def test_failed_writes_may_delete_only_what_no_other_write_has_the_key_of(
    start_server: StartServer,
) -> None:
    storage = Writes()
    world = FakeAPIMart(start_server(on=storage).url, KEY)
    world.pace(seconds=0, polls=1)
    upload_url(world, JPEG)
    task_id = created(world, size="64x64", headers={"Idempotency-Key": "once"})
    for _ in range(2):
        poll(world, task_id)
    assert storage.replacing == {
        "worldapplication/json": True,
        "idempotencyapplication/json": True,
        "pollsapplication/json": True,
        "taskapplication/json": False,
        "imageimage/jpeg": False,
        "imageimage/png": True,
    }


class LateStorage(MemoryStorage):
    """A storage that carries out a change, and says that it has failed, once `is_late`."""

    is_late = False

    def put(self, stored: MemoryObject) -> None:
        super().put(stored)
        if self.is_late:
            self.is_late = False
            raise StorageError("the store did not answer in time")


def test_change_that_is_carried_out_after_its_refusal_is_written_over(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_states, "SETTLE_SECONDS", (0.1, 0.1))
    storage = LateStorage()
    world = FakeAPIMart(start_server(on=storage).url, KEY)
    world.balance(50)
    storage.is_late = True
    answer = httpx.patch(
        f"{world.base_url}/_fake/world", headers={**JSON, **authorized(world)}, json={"balance": 7}
    )
    assert answer.status_code == 503
    (key,) = [key for key in storage.objects if key.startswith("world/")]
    assert b'"balance":7' in storage.objects[key]._data
    wait_until(lambda: b'"balance":50' in storage.objects[key]._data, "the settings before")
    restarted = FakeAPIMart(start_server(on=storage).url, KEY)
    assert balance(restarted)["remain_balance"] == 50
