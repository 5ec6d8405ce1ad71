"""Callbacks that wait: for a clock, for a poll, for a retry, and for the next server."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx
import pytest
from fake_apimart.callbacks import attempts, callbacks, pending
from fake_apimart.callbacks.delivery import MARK
from fake_apimart.tasks.results import Results
from fake_apimart_storage import ObjectInfo, StorageError
from fake_apimart_storage.directory import DirectoryStorage
from fake_apimart_storage.memory import MemoryObject, MemoryStorage, MemoryWriter
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.generating import create, poll, task_id_of
from tests.harness import (
    AUTHORIZED,
    KEY,
    ServerProcess,
    ServerThread,
    StoppedClock,
    connection,
    parse_head,
    read_answer,
    wait_until,
)
from tests.receivers import Receiver, answers, hangs
from tests.stores import Store

JSON = {"Content-Type": "application/json"}
RECORD = {"due_ms": 0, "tries": 0}


def world_of(server: ServerThread) -> FakeAPIMart:
    return FakeAPIMart(server.url, api_key=KEY)


def advance(server: ServerThread, seconds: float, **change: Any) -> None:
    """Move the clock of the whole server."""
    change = {"advance": seconds, **change}
    httpx.post(f"{server.url}/_fake/clock", json=change).raise_for_status()


def records_in(storage: Path) -> list[Path]:
    return [path for path in (storage / "objects" / "callback").rglob("*") if path.is_file()]


def record_of(path: Path) -> Any:
    return json.JSONDecoder().raw_decode(path.read_text("latin-1"))[0]


def test_callback_comes_at_once_when_the_clock_is_moved_past_the_end(
    start_server: StartServer,
) -> None:
    server = start_server(task_seconds=1000)
    with Receiver(answers(200)) as receiver:
        create(server, webhook=receiver.url)
        httpx.post(
            f"{server.url}/_fake/clock", headers=AUTHORIZED, json={"freeze": True, "advance": 999}
        ).raise_for_status()
        time.sleep(0.1)
        assert receiver.connections == 0
        change = {"advance": 1}
        httpx.post(f"{server.url}/_fake/clock", headers=AUTHORIZED, json=change)
        began = time.monotonic()
        wait_until(lambda: receiver.requests, "the callback")
        assert time.monotonic() - began < 0.5


def test_callback_comes_at_once_when_the_clock_of_the_server_is_moved(
    start_server: StartServer,
) -> None:
    server = start_server(task_seconds=1000)
    with Receiver(answers(200)) as receiver:
        create(server, webhook=receiver.url)
        advance(server, 1000)
        began = time.monotonic()
        wait_until(lambda: receiver.requests, "the callback")
        assert time.monotonic() - began < 0.5


def test_callback_does_not_come_while_the_clock_stands_still(start_server: StartServer) -> None:
    server = start_server(task_seconds=0.2)
    with Receiver(answers(200)) as receiver, world_of(server) as world:
        world.clock.freeze()
        create(server, webhook=receiver.url)
        time.sleep(0.6)
        assert receiver.connections == 0
        world.clock.resume()
        wait_until(lambda: receiver.requests, "the callback")


def test_callback_waits_again_where_the_clock_is_moved_back(start_server: StartServer) -> None:
    server = start_server(task_seconds=1)
    with Receiver(answers(200)) as receiver, world_of(server) as world:
        world.clock.advance(seconds=5000)
        create(server, webhook=receiver.url)
        world.clock.reset()
        time.sleep(1.3)
        assert receiver.connections == 0
        world.clock.advance(seconds=5001)
        wait_until(lambda: receiver.requests, "the callback")


def test_clock_that_is_moved_without_a_word_is_noticed(start_server: StartServer) -> None:
    clock = StoppedClock(1_743_436_800)
    server = start_server(clock=clock, task_seconds=1000)
    with Receiver(answers(200)) as receiver:
        create(server, webhook=receiver.url)
        clock.advance(1000)
        wait_until(lambda: receiver.requests, "the callback")


def test_poll_that_ends_a_task_calls_back_at_once(start_server: StartServer) -> None:
    server = start_server(task_seconds=0, task_polls=2)
    with Receiver(answers(200)) as receiver:
        task_id = task_id_of(create(server, webhook=receiver.url))
        # Long enough for the pause between two looks to be longer than a second.
        time.sleep(1.2)
        while poll(server, task_id)["status"] != "completed":
            assert receiver.connections == 0
        began = time.monotonic()
        wait_until(lambda: receiver.requests, "the callback")
        assert time.monotonic() - began < 0.5


def test_retry_comes_when_the_clock_of_the_world_is_moved_past_the_pause(
    start_server: StartServer,
) -> None:
    server = start_server(task_seconds=0)
    with Receiver(answers(500)) as receiver:
        create(server, webhook=receiver.url)
        for tries, pause in enumerate(attempts.RETRY_SECONDS, 1):
            wait_until(lambda: len(receiver.requests) == tries, "a try")  # noqa: B023
            time.sleep(0.1)
            advance(server, pause)
        wait_until(lambda: len(receiver.requests) == 4, "the last try")


def test_record_is_deleted_once_the_callback_is_delivered(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(storage=f"dir:{tmp_path}", task_seconds=0.3)
    with Receiver(answers(200)) as receiver:
        create(server, webhook=receiver.url)
        assert len(records_in(tmp_path)) == 1
        wait_until(lambda: receiver.requests, "the callback")
        wait_until(lambda: not records_in(tmp_path), "the end of the record")


def test_task_without_a_webhook_writes_no_record(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(storage=f"dir:{tmp_path}")
    create(server)
    assert not records_in(tmp_path)


def test_refused_create_leaves_no_record(start_server: StartServer) -> None:
    class FullStorage(MemoryStorage):
        def writer(self, info: ObjectInfo) -> MemoryWriter:
            if info.key.startswith("task/"):
                raise StorageError("No space left on device")
            return super().writer(info)

    storage = FullStorage()
    server = start_server(on=storage, task_seconds=0)
    with Receiver(answers(200)) as receiver:
        assert create(server, webhook=receiver.url).status_code == 503
        assert not [key for key in storage.objects if key.startswith("callback/")]
        time.sleep(0.2)
        assert receiver.connections == 0


@pytest.mark.parametrize("headers", [AUTHORIZED, {}], ids=["of the world", "of the server"])
def test_reset_ends_callbacks_and_their_records(
    headers: dict[str, str], start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(storage=f"dir:{tmp_path}", task_seconds=1000)
    with Receiver(hangs) as receiver:
        create(server, webhook=receiver.url)
        create(server, prompt="[fake: seconds=0]", webhook=receiver.url)
        wait_until(lambda: receiver.requests, "the try that hangs")
        httpx.post(f"{server.url}/_fake/reset", headers={**JSON, **headers}).raise_for_status()
        assert not records_in(tmp_path)
        advance(server, 2000)
        time.sleep(0.3)
        assert receiver.connections == 1


def test_task_that_is_created_during_a_reset_calls_nobody_and_delays_nobody(
    start_server: StartServer,
) -> None:
    server = start_server(task_seconds=0.2)
    with Receiver(answers(200)) as receiver, connection(server.address) as sock:
        task = {"model": "m", "prompt": "a cat", "webhook": f"{receiver.url}/old"}
        body = json.dumps(task).encode()
        head = (
            f"POST /v1/images/generations HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        sock.sendall(head.encode() + body[:-1])
        time.sleep(0.2)
        httpx.post(f"{server.url}/_fake/reset", headers={**JSON, **AUTHORIZED}).raise_for_status()
        create(server, webhook=f"{receiver.url}/new")
        sock.sendall(body[-1:])
        assert parse_head(read_answer(sock))[0] == 200
        wait_until(lambda: receiver.requests, "the callback")
        time.sleep(0.3)
        assert [each.line for each in receiver.requests] == ["POST /new/callback HTTP/1.1"]


def restarted(start_server: StartServer, server: ServerThread, **settings: Any) -> ServerThread:
    server.stop()
    return start_server(storage=server.settings.storage, **settings)


def test_stop_is_not_delayed_and_leaves_callbacks_to_the_next_server(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(storage=f"dir:{tmp_path}", task_seconds=0)
    with Receiver(*[hangs] * 4, answers(200)) as receiver:
        tasks = [task_id_of(create(server, webhook=receiver.url)) for _ in range(6)]
        wait_until(lambda: len(receiver.requests) == 4, "as many as may run")
        began = time.monotonic()
        server = restarted(start_server, server)
        assert time.monotonic() - began < 2
        wait_until(lambda: len(receiver.requests) == 10, "all callbacks")
        assert {each.headers[MARK.lower()] for each in receiver.requests[4:]} == set(tasks)
        wait_until(lambda: not records_in(tmp_path), "the end of the records")


def test_failed_tries_are_counted_across_restarts(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "RETRY_SECONDS", (0.05, 1000.0))
    server = start_server(storage=f"dir:{tmp_path}", task_seconds=0)
    with Receiver(answers(500)) as receiver:
        create(server, webhook=receiver.url)
        wait_until(lambda: len(receiver.requests) == 2, "two tries")
        (path,) = records_in(tmp_path)
        wait_until(lambda: record_of(path) == [ANY, 2], "the record of both")
        server = restarted(start_server, server)
        time.sleep(0.3)
        assert receiver.connections == 2
        advance(server, 1000)
        wait_until(lambda: not records_in(tmp_path), "the end of the record")
        assert receiver.connections == 3


def test_callback_of_an_earlier_server_goes_by_the_clock_of_its_world(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(storage=f"dir:{tmp_path}", task_seconds=1000)
    with Receiver(answers(200)) as receiver:
        create(server, webhook=receiver.url)
        change = {"advance": 990, "freeze": True}
        httpx.post(f"{server.url}/_fake/clock", headers=AUTHORIZED, json=change)
        server = restarted(start_server, server)
        time.sleep(0.3)
        assert receiver.connections == 0
        httpx.post(f"{server.url}/_fake/clock", headers=AUTHORIZED, json={"advance": 10})
        wait_until(lambda: receiver.requests, "the callback")


DAMAGED = {
    "nothing": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "null": b"null",
    "no number": b'{"due_ms": "x", "tries": 0}',
    "infinity": b'{"due_ms": 1e999, "tries": 0}',
    "no tries": b'{"due_ms": 0}',
    "less than no tries": b'{"due_ms": 0, "tries": -1}',
    "later than any clock": b'{"due_ms": 1%s, "tries": 0}' % (b"0" * 999),
    "deep nesting": b"[" * 99_999,
    "no text": b"\xff\xfe",
}


def put(storage: MemoryStorage, key: str, content: bytes) -> None:
    info = ObjectInfo(key, "application/json", 0, 9_000_000_000)
    storage.put(MemoryObject(info, bytearray(content)))


def test_records_that_do_not_read_are_skipped(start_server: StartServer) -> None:
    storage = MemoryStorage()
    first = start_server(on=storage, task_seconds=1000)
    with Receiver(answers(200)) as receiver:
        task_id = task_id_of(create(first, webhook=receiver.url))
        world = next(key.split("/")[1] for key in storage.objects if key.startswith("callback/"))
        for number, content in enumerate(DAMAGED.values()):
            put(storage, f"callback/{world}/task_{number:026}", content)
        for foreign in ("callback/x", f"callback/{world}/x", "callback/server/y"):
            put(storage, foreign, b"{}")
        put(storage, f"callback/{world}/task_{99:026}", json.dumps(RECORD).encode())
        second = start_server(on=storage)
        advance(second, 1000)
        wait_until(lambda: receiver.requests, "the callback")
        assert receiver.requests[0].headers[MARK.lower()] == task_id
        assert httpx.get(f"{second.url}/_fake/health").status_code == 200


def test_callbacks_of_a_world_that_does_not_read_delay_no_other(start_server: StartServer) -> None:
    storage = MemoryStorage()
    first = start_server(on=storage, task_seconds=1000)
    with Receiver(answers(200)) as receiver:
        create(first, {"Authorization": "Bearer damaged"}, webhook=f"{receiver.url}/damaged")
        (key,) = [key for key in storage.objects if key.startswith("world/")]
        put(storage, key, b"{")
        create(first, webhook=receiver.url)
        second = start_server(on=storage)
        advance(second, 1000)
        wait_until(
            lambda: "POST /callback HTTP/1.1" in [each.line for each in receiver.requests],
            "the callback of the other world",
        )


@pytest.mark.parametrize("tries", [0, 3, 99, 10**9])
def test_record_with_any_number_of_tries_is_taken(
    tries: int, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "RETRY_SECONDS", (0.05,))
    storage = MemoryStorage()
    first = start_server(on=storage, task_seconds=1000)
    with Receiver(answers(500)) as receiver:
        create(first, webhook=receiver.url)
        (key,) = [key for key in storage.objects if key.startswith("callback/")]
        put(storage, key, json.dumps([0, tries]).encode())
        second = start_server(on=storage)
        advance(second, 1000)
        wait_until(lambda: key not in storage.objects, "the end of the record")
        assert receiver.connections == (1 if tries else 2)


class FailingOnce(MemoryStorage):
    """A storage whose first list of callbacks fails."""

    def __init__(self) -> None:
        super().__init__()
        self.lists = 0

    async def keys(self, prefix: str = "") -> AsyncIterator[str]:
        if prefix == pending.KEY_PREFIX:
            self.lists += 1
            if self.lists == 1:
                raise StorageError("Too many open files")
        async for key in super().keys(prefix):
            yield key


def test_records_are_read_again_where_the_storage_failed(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callbacks, "RESTORE_PAUSE_SECONDS", 0.05)
    storage = FailingOnce()
    start_server(on=storage)
    wait_until(lambda: storage.lists == 2, "the second list")


def test_callback_is_put_off_while_the_storage_fails(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(MemoryStorage):
        is_down = False

        async def get(self, key: str, *, with_bytes: bool = True) -> MemoryObject:
            if self.is_down and key.startswith("callback/"):
                raise StorageError("Input/output error")
            return await super().get(key, with_bytes=with_bytes)

    storage = Failing()
    server = start_server(on=storage, task_seconds=1000)
    with Receiver(answers(200)) as receiver:
        create(server, webhook=receiver.url)
        storage.is_down = True
        advance(server, 1000)
        time.sleep(0.2)
        storage.is_down = False
        wait_until(lambda: receiver.requests, "the callback")


def test_fault_of_our_own_counts_as_a_failed_try(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        tries.append(1)
        raise MemoryError

    tries: list[int] = []
    monkeypatch.setattr(attempts, "RETRY_SECONDS", (0.02, 0.02))
    monkeypatch.setattr(Results, "ensure", fail)
    storage = MemoryStorage()
    server = start_server(on=storage, task_seconds=0)
    create(server, webhook="http://127.0.0.1:9")
    wait_until(
        lambda: not any(key.startswith("callback/") for key in storage.objects),
        "the end of the record",
    )
    assert len(tries) == 3


def test_try_that_cannot_be_kept_is_counted_nevertheless(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class WrittenOnce(MemoryStorage):
        def writer(self, info: ObjectInfo) -> MemoryWriter:
            if info.key in self.objects:
                raise StorageError("No space left on device")
            return super().writer(info)

    monkeypatch.setattr(attempts, "RETRY_SECONDS", (0.02, 0.02))
    storage = WrittenOnce()
    server = start_server(on=storage, task_seconds=0)
    with Receiver(answers(500)) as receiver:
        create(server, webhook=receiver.url)
        wait_until(lambda: len(receiver.requests) == 3, "all tries")
        wait_until(
            lambda: not any(key.startswith("callback/") for key in storage.objects),
            "the end of the record",
        )


def test_callback_that_another_server_delivered_is_not_sent_again(
    start_server: StartServer, tmp_path: Path
) -> None:
    first = start_server(storage=f"dir:{tmp_path}", task_seconds=1000)
    with Receiver(answers(200)) as receiver:
        create(first, webhook=receiver.url)
        second = start_server(storage=f"dir:{tmp_path}")
        advance(second, 1000)
        wait_until(lambda: not records_in(tmp_path), "the delivery by the second server")
        advance(first, 1000)
        time.sleep(0.3)
        assert len(receiver.requests) == 1


def test_callback_whose_time_is_over_is_given_up(
    start_server: StartServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "LIFE_SECONDS", 1)
    server = start_server(storage=f"dir:{tmp_path}", task_seconds=1000)
    with Receiver(answers(200)) as receiver:
        create(server, webhook=receiver.url)
        wait_until(lambda: not records_in(tmp_path), "the end of the record")
        advance(server, 1000)
        time.sleep(0.3)
        assert receiver.connections == 0


def test_start_is_not_delayed_by_many_records(start_server: StartServer, tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    server = start_server(on=storage, task_seconds=86_000)
    template = create(server, webhook="http://127.0.0.1:9")
    assert template.status_code == 200
    (path,) = records_in(tmp_path)
    text = path.read_bytes()
    server.stop()
    for number in range(3000):
        world = f"{number:032x}"
        new_id = f"task_{number:026}"
        other = text.replace(path.name.encode(), new_id.encode())
        other = other.replace(path.parent.name.encode(), world.encode())
        target = path.parents[1] / world / new_id
        target.parent.mkdir()
        target.write_bytes(other)
    began = time.monotonic()
    again = start_server(storage=f"dir:{tmp_path}")
    slowest = 0.0
    while time.monotonic() < began + 1.5:
        asked = time.monotonic()
        assert httpx.get(f"{again.url}/_fake/health").status_code == 200
        slowest = max(slowest, time.monotonic() - asked)
    assert slowest < 1


def killed_and_started_again(
    receiver: Receiver, storage: str, env: dict[str, str], records: Callable[[], list[Any]]
) -> None:
    settings = {**env, "FAKE_APIMART_STORAGE": storage, "FAKE_APIMART_TASK_SECONDS": "1"}
    with ServerProcess(env=settings) as server:
        create(server, webhook=f"{receiver.url}/hook?token=a")
        server.process.kill()
        server.process.wait()
    assert (len(records()), receiver.connections) == (1, 0)
    with ServerProcess(env=settings) as server:
        wait_until(lambda: not records(), "the end of the record")
        assert "Traceback" not in server.end()[1]
    (request,) = receiver.requests
    assert request.line == "POST /hook/callback?token=a HTTP/1.1"
    assert request.data["status"] == "completed"


@pytest.mark.subprocess
def test_process_stops_at_once_while_callbacks_run(tmp_path: Path) -> None:
    with Receiver(hangs) as receiver, ServerProcess("--storage", f"dir:{tmp_path}") as server:
        for webhook in [receiver.url] * 6 + ["http://dead.invalid"] * 6:
            create(server, prompt="[fake: seconds=0]", webhook=webhook)
        wait_until(lambda: receiver.connections == 4, "as many as may run")
        began = time.monotonic()
        status, log = server.end()
        assert time.monotonic() - began < 4
    assert status == 0
    assert "Traceback" not in log
    assert "12 callback(s) still pending at the end" in log


@pytest.mark.subprocess
def test_callback_of_a_server_that_was_killed_is_delivered(tmp_path: Path) -> None:
    with Receiver(answers(200)) as receiver:
        killed_and_started_again(receiver, f"dir:{tmp_path}", {}, lambda: records_in(tmp_path))


def test_callback_of_a_server_that_was_killed_is_delivered_from_s3(
    moto_store: Store, bucket: str
) -> None:
    def records() -> list[str]:
        return [key for key in moto_store.keys(bucket) if "/callback/" in key]

    with Receiver(answers(200)) as receiver:
        killed_and_started_again(receiver, f"s3://{bucket}", moto_store.env, records)
