"""Expired files are deleted while the server runs, even after storage errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from fake_apimart.common.clock import SystemClock
from fake_apimart.service.expiry import expire_files
from fake_apimart_storage import Listed, ObjectInfo, StorageError
from fake_apimart_storage.memory import MemoryStorage


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
