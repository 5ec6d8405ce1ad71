"""Expired files are deleted while the server runs, even after storage errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_apimart.common.clock import SystemClock
from fake_apimart.files.index import FileIndex
from fake_apimart.service.expiry import expire_files
from fake_apimart.service.own_keys import is_own
from fake_apimart_storage import Listed, ObjectInfo, Storage, StorageError
from fake_apimart_storage.batches import MAX_FAILURES
from fake_apimart_storage.directory import DirectoryStorage
from fake_apimart_storage.memory import MemoryObject, MemoryStorage


class Moody(MemoryStorage):
    """A storage whose listings fail, one after the other, as `failures` say."""

    def __init__(self, failures: Sequence[Exception]) -> None:
        super().__init__()
        self.failures = list(failures)
        self.rounds = 0
        self.emptied = asyncio.Event()

    async def delete(self, key: str, *, durable: bool = False) -> None:
        await super().delete(key, durable=durable)
        self.emptied.set()

    async def keys(self, prefix: str = "") -> AsyncIterator[str]:
        self.rounds += 1
        if self.failures:
            raise self.failures.pop(0)
        async for key in super().keys(prefix):
            yield key


class Undeletable(MemoryStorage):
    """A storage that cannot delete some objects."""

    async def delete(self, key: str, *, durable: bool = False) -> None:
        if "bad" in key:
            raise StorageError(f"cannot delete {key}")
        await super().delete(key, durable=durable)


class UnreadableOnce(MemoryStorage):
    """A storage whose first listing fails."""

    def __init__(self) -> None:
        super().__init__()
        self.failed = False
        self.emptied = asyncio.Event()

    async def delete(self, key: str, *, durable: bool = False) -> None:
        await super().delete(key, durable=durable)
        self.emptied.set()

    async def keys(self, prefix: str = "") -> AsyncIterator[str]:
        if not self.failed:
            self.failed = True
            raise StorageError("the disk went away")
        async for key in super().keys(prefix):
            yield key


def test_storage_that_fails_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        storage = UnreadableOnce()
        await put_expired(storage, "image/1-00000000-a.png")
        task = asyncio.create_task(expire_files(storage, 1, SystemClock()))
        await storage.emptied.wait()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    with caplog.at_level(logging.INFO):
        asyncio.run(asyncio.wait_for(main(), 10))
    assert [record.getMessage() for record in caplog.records] == [
        "cannot delete expired files: the disk went away",
        "deleted 1 expired file(s)",
    ]


async def put_expired(storage: Storage, *keys: str) -> None:
    for key in keys:
        await storage.writer(ObjectInfo(key, "image/png", 1, 2)).commit()


def test_expiry_survives_whatever_fails_and_logs_each_kind_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fake_apimart.service.expiry.max", lambda *_: 0, raising=False)
    failures: list[Exception] = [
        StorageError("the disk went away"),
        StorageError("the disk went away"),
        ValueError("an index is broken"),
        KeyError("x"),
        StorageError("the disk went away"),
        RecursionError("deep"),
        MemoryError(),
    ]
    storage = Moody(failures)

    async def main() -> None:
        await put_expired(storage, "image/1-00000000-a.png")
        task = asyncio.create_task(expire_files(storage, 1, SystemClock()))
        await storage.emptied.wait()
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])

    with caplog.at_level(logging.INFO):
        asyncio.run(asyncio.wait_for(main(), 10))
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert lines == [
        "cannot delete expired files: the disk went away",
        "cannot delete expired files: ValueError: an index is broken",
        "cannot delete expired files: KeyError: 'x'",
        "cannot delete expired files: RecursionError: deep",
        "cannot delete expired files: MemoryError: ",
    ]
    assert storage.rounds > len(failures)


class SteppingClock:
    """A clock that fails, then steps back and ahead."""

    def __init__(self) -> None:
        self.times = [0, 10**18, -5, 2**70]
        self.ended = asyncio.Event()

    def time_ns(self) -> int:
        if not self.times:
            self.ended.set()
            raise OSError("no clock")
        return self.times.pop(0)


def test_expiry_survives_steps_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fake_apimart.service.expiry.max", lambda *_: 0, raising=False)

    async def main() -> None:
        clock = SteppingClock()
        task = asyncio.create_task(expire_files(MemoryStorage(), 1, clock))
        await clock.ended.wait()
        await asyncio.sleep(0.01)
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(asyncio.wait_for(main(), 10))


def test_object_that_cannot_be_deleted_does_not_keep_the_others() -> None:
    async def main() -> None:
        storage = Undeletable()
        await put_expired(storage, "image/bad", *(f"image/{number}" for number in range(20)))
        with pytest.raises(StorageError, match="cannot delete image/bad"):
            await storage.delete_expired(5)
        assert list(storage.objects) == ["image/bad"]

    asyncio.run(main())


def test_many_objects_that_cannot_be_deleted_keep_none_behind_them() -> None:
    async def main() -> None:
        storage = Undeletable()
        for number in range(2 * MAX_FAILURES):
            await put_expired(storage, f"image/bad{number}", f"image/{number}")
        with pytest.raises(StorageError, match="cannot delete image/bad0"):
            await storage.delete_expired(5)
        assert all("bad" in key for key in storage.objects)

    asyncio.run(main())


class WrittenAnew(MemoryStorage):
    """A storage in which each object is written anew as soon as it is listed."""

    def __init__(self, *, damages: bool) -> None:
        super().__init__()
        self.damages = damages

    async def described(self, keys: Sequence[str]) -> AsyncIterator[Listed]:
        async for listed in super().described(keys):
            assert listed.info is not None
            info = listed.info._replace(expires_at=10)
            self.put(MemoryObject(info, bytearray(b"new")))
            yield Listed(listed.key, None) if self.damages else listed


@pytest.mark.parametrize("damages", [True, False], ids=["damaged", "expired"])
def test_object_that_is_written_anew_once_it_was_listed_is_not_deleted(damages: bool) -> None:
    async def main() -> None:
        storage = WrittenAnew(damages=damages)
        await put_expired(storage, "image/a")
        assert await storage.delete_expired(5, lambda key: True) == 0
        assert bytes(storage.objects["image/a"]._data) == b"new"

    asyncio.run(main())


def test_file_that_is_written_anew_once_it_was_listed_is_not_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = DirectoryStorage(tmp_path)
    path, new = tmp_path / "objects" / "image" / "a", tmp_path / "new"
    describe = storage._describe

    def describe_what_is_then_replaced(files: Any) -> Any:
        found = describe(files)
        if new.exists():
            new.replace(path)
        return found

    async def main() -> None:
        await storage.open()
        await put_expired(storage, "image/a")
        path.rename(new)
        path.write_bytes(b"")
        monkeypatch.setattr(storage, "_describe", describe_what_is_then_replaced)
        assert await storage.delete_expired(0, lambda key: True) == 0
        assert path.stat().st_size > 0
        await storage.close()

    asyncio.run(main())


class SlowToDescribe(MemoryStorage):
    """A storage whose descriptions wait, behind the first one, until they may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.reading_began = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def described(self, keys: Sequence[str]) -> AsyncIterator[Listed]:
        async for listed in super().described(keys):
            yield listed
            self.reading_began.set()
            await self.may_go_on.wait()


WORLD = "0" * 32


def key_of(number: int) -> str:
    return f"image/{number}-00000000-a.png"


def uploaded(number: int) -> ObjectInfo:
    metadata = {"name": "a.png", "world": WORLD}
    return ObjectInfo(key_of(number), "image/png", 1000 - number, 10**10, metadata)


@pytest.mark.parametrize("is_shared", [False, True])
def test_index_is_in_order_also_of_what_is_uploaded_while_it_is_made(is_shared: bool) -> None:
    async def main() -> None:
        storage = SlowToDescribe()
        for number in (3, 1, 2):
            await storage.writer(uploaded(number)).commit()
        index = FileIndex(storage, is_shared=is_shared)
        asking = asyncio.create_task(index.files_of(WORLD))
        await storage.reading_began.wait()
        await storage.writer(uploaded(0)).commit()
        index.add(WORLD, key_of(0))
        storage.may_go_on.set()
        keys = [stored.key for stored in await asking]
        assert keys == [*map(key_of, (3, 2, 1, 0))]
        assert [stored.key for stored in await index.files_of(WORLD)] == keys

    asyncio.run(asyncio.wait_for(main(), 10))


@pytest.mark.parametrize("is_shared", [False, True])
def test_index_that_is_dropped_while_it_is_made_is_made_anew(is_shared: bool) -> None:
    async def main() -> None:
        storage = SlowToDescribe()
        for number in (1, 2):
            await storage.writer(uploaded(number)).commit()
        index = FileIndex(storage, is_shared=is_shared)
        asking = asyncio.create_task(index.files_of(WORLD))
        await storage.reading_began.wait()
        index.clear()
        await storage.delete(key_of(1))
        storage.may_go_on.set()
        await asking
        assert [stored.key for stored in await index.files_of(WORLD)] == [key_of(2)]

    asyncio.run(asyncio.wait_for(main(), 10))


class Recording(MemoryStorage):
    """A storage that counts which objects were described, and notes what was deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.lists = 0
        self.read: list[str] = []
        self.deleted: list[list[str]] = []

    async def keys(self, prefix: str = "") -> AsyncIterator[str]:
        self.lists += 1
        async for key in super().keys(prefix):
            yield key

    async def described(self, keys: Sequence[str]) -> AsyncIterator[Listed]:
        self.read += keys
        async for listed in super().described(keys):
            yield listed

    async def delete_many(self, keys: Sequence[str]) -> None:
        self.deleted.append(list(keys))
        await super().delete_many(keys)


def test_shared_index_has_what_another_server_stored_and_reads_it_once() -> None:
    async def main() -> None:
        storage = Recording()
        one, other = (FileIndex(storage, is_shared=True) for _ in range(2))
        for number, index in ((1, one), (2, other)):
            await storage.writer(uploaded(number)).commit()
            index.add(WORLD, key_of(number))
        await one.delete_files("1" * 32)
        await one.delete_files("1" * 32)
        assert storage.read == [key_of(2)]
        assert len(await one.files_of(WORLD)) == 2
        await other.delete_files(WORLD)
        assert storage.objects == {}
        assert await one.files_of(WORLD) == []

    asyncio.run(main())


@pytest.mark.parametrize("is_shared", [False, True])
def test_world_s_results_are_deleted_with_its_uploads_and_no_other_files(
    is_shared: bool,
) -> None:
    async def main() -> None:
        storage = Recording()
        result = uploaded(1)._replace(metadata={"world": WORLD})
        foreign = uploaded(2)._replace(metadata={"world": "1" * 32})
        for info in (uploaded(0), result, foreign):
            await storage.writer(info).commit()
        index = FileIndex(storage, is_shared=is_shared)
        assert [listed.key for listed in await index.files_of(WORLD)] == [key_of(0)]
        await index.delete_files(WORLD)
        assert storage.deleted == [[key_of(0), key_of(1)]]
        assert list(storage.objects) == [key_of(2)]

    asyncio.run(main())


@pytest.mark.parametrize("is_shared", [False, True])
def test_index_neither_reads_nor_deletes_what_the_server_has_not_named(is_shared: bool) -> None:
    async def main() -> None:
        storage = Recording()
        await storage.writer(uploaded(0)._replace(key="image/photo.png")).commit()
        index = FileIndex(storage, is_shared=is_shared)
        assert await index.files_of(WORLD) == []
        await index.delete_files(WORLD)
        assert storage.read == []
        assert list(storage.objects) == ["image/photo.png"]

    asyncio.run(main())


def test_index_of_one_server_asks_the_storage_once() -> None:
    async def main() -> None:
        storage = Recording()
        index = FileIndex(storage, is_shared=False)
        for number in (1, 2):
            await storage.writer(uploaded(number)).commit()
            index.add(WORLD, key_of(number))
        await index.delete_files("1" * 32)
        assert (storage.lists, storage.read) == (1, [])
        await storage.writer(uploaded(3)).commit()
        index.add(WORLD, key_of(3), is_result=True)
        await index.delete_files(WORLD)
        await index.delete_files(WORLD)
        assert (storage.lists, storage.read, storage.objects) == (1, [], {})

    asyncio.run(main())


def test_files_of_one_second_are_in_the_order_in_which_any_server_stored_them() -> None:
    async def main() -> None:
        storage = MemoryStorage()
        here, elsewhere = (FileIndex(storage, is_shared=True) for _ in range(2))
        for order, number in enumerate((2, 0, 3, 1)):
            index = elsewhere if order % 2 else here
            metadata = {"name": "a.png", "world": WORLD, "stored-ns": str(10**18 + order)}
            info = uploaded(number)._replace(created_at=10**9, metadata=metadata)
            await storage.writer(info).commit()
            index.add(WORLD, info.key)
        for index in (here, elsewhere, FileIndex(storage, is_shared=False)):
            keys = [listed.key for listed in await index.files_of(WORLD)]
            assert keys == [*map(key_of, (2, 0, 3, 1))]

    asyncio.run(main())


def test_index_notes_only_so_many_files_before_anybody_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fake_apimart.files.index.MAX_NOTED", 3)

    async def main() -> None:
        storage = Recording()
        index = FileIndex(storage, is_shared=False)
        for number in range(5):
            await storage.writer(uploaded(number)).commit()
            index.add(WORLD, key_of(number))
        assert len(await index.files_of(WORLD)) == 5
        assert len(storage.read) == 5

    asyncio.run(main())


def test_expiry_neither_reads_nor_deletes_what_the_server_has_not_named() -> None:
    async def main() -> None:
        storage = Recording()
        await put_expired(storage, "image/photo.png", key_of(1))
        assert await storage.delete_expired(5, is_own) == 1
        assert storage.read == [key_of(1)]
        assert list(storage.objects) == ["image/photo.png"]

    asyncio.run(main())
