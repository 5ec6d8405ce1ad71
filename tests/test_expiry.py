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
from fake_apimart_storage import Listed, ObjectInfo, Storage, StorageError
from fake_apimart_storage.directory import DirectoryStorage
from fake_apimart_storage.interface import MAX_FAILURES
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

    async def listing(self, prefix: str = "") -> AsyncIterator[Listed]:
        self.rounds += 1
        if self.failures:
            raise self.failures.pop(0)
        async for listed in super().listing(prefix):
            yield listed


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

    async def listing(self, prefix: str = "") -> AsyncIterator[Listed]:
        if not self.failed:
            self.failed = True
            raise StorageError("the disk went away")
        async for listed in super().listing(prefix):
            yield listed


def test_storage_that_fails_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        storage = UnreadableOnce()
        writer = storage.writer(ObjectInfo("image/a", "image/png", 1, 2))
        await writer.commit()
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
        await put_expired(storage, "image/a")
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

    async def listing(self, prefix: str = "") -> AsyncIterator[Listed]:
        async for listed in super().listing(prefix):
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


class SlowToList(MemoryStorage):
    """A storage whose listing waits, behind its first object, until it may go on."""

    def __init__(self) -> None:
        super().__init__()
        self.listing_began = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def listing(self, prefix: str = "") -> AsyncIterator[Listed]:
        async for listed in super().listing(prefix):
            yield listed
            self.listing_began.set()
            await self.may_go_on.wait()


WORLD = "0" * 32


def uploaded(number: int) -> ObjectInfo:
    metadata = {"name": "a.png", "world": WORLD}
    return ObjectInfo(f"image/{number}", "image/png", 1000 - number, 10**10, metadata)


def test_index_is_in_order_also_of_what_is_uploaded_while_it_is_made() -> None:
    async def main() -> None:
        storage = SlowToList()
        for number in (3, 1, 2):
            await storage.writer(uploaded(number)).commit()
        index = FileIndex(storage)
        asking = asyncio.create_task(index.files_of(WORLD))
        await storage.listing_began.wait()
        await storage.writer(uploaded(0)).commit()
        index.add(WORLD, "image/0")
        storage.may_go_on.set()
        keys = [stored.info.key for stored in await asking]
        assert keys == ["image/3", "image/2", "image/1", "image/0"]
        assert [stored.info.key for stored in await index.files_of(WORLD)] == keys

    asyncio.run(asyncio.wait_for(main(), 10))


def test_index_that_is_dropped_while_it_is_made_is_made_anew() -> None:
    async def main() -> None:
        storage = SlowToList()
        for number in (1, 2):
            await storage.writer(uploaded(number)).commit()
        index = FileIndex(storage)
        asking = asyncio.create_task(index.files_of(WORLD))
        await storage.listing_began.wait()
        index.clear()
        await storage.delete("image/1")
        storage.may_go_on.set()
        assert [stored.info.key for stored in await asking] == ["image/2"]
        assert [stored.info.key for stored in await index.files_of(WORLD)] == ["image/2"]

    asyncio.run(asyncio.wait_for(main(), 10))
