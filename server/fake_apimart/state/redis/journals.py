"""The journals of worlds that several servers share."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fake_apimart_storage import Storage

from fake_apimart.contract import file_url
from fake_apimart.go.json import marshal
from fake_apimart.state.redis.changes import discard
from fake_apimart.state.redis.connection import (
    READ_AT_ONCE,
    SCAN_AT_ONCE,
    Connection,
    names_of_worlds,
)
from fake_apimart.state.redis.listener import Listener
from fake_apimart.worlds.entry import Entry, Includes, Journaled
from fake_apimart.worlds.pool import Pool
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.state.journals import Journals, JournalSize
from fake_apimart.worlds.watches import Watch
from fake_apimart.worlds.world import SERVER, World

Tell = Callable[..., Awaitable[int]]
"""Tells Redis of an entry, and of what else a request has changed."""


class StoredEntry:
    """An entry as Redis has it: as the control API shows it, without secrets."""

    __slots__ = ("_content", "file_key", "id", "operation", "status", "world")

    def __init__(self, world: str, entry_id: int, text: bytes) -> None:
        # Those of the version before have no answer.
        self._content: dict[str, Any] = {"answer": None, **json.loads(text)}
        self.id = entry_id
        self.world = world
        self.operation: str | None = self._content["operation"]
        self.status: int | None = self._content["status"]
        file = self._content["file"]
        self.file_key: str | None = file and file_url.key_of(file)

    @property
    def sha256(self) -> str | None:
        """The digest of the uploaded file, where it is known."""
        digest: str | None = self._content["sha256"]
        return digest

    @sha256.setter
    def sha256(self, digest: str | None) -> None:
        self._content["sha256"] = digest

    def to_json(self) -> dict[str, Any]:
        """Return the entry in the control API's form."""
        return {**self._content, "id": self.id, "world": self.world}

    def to_text(self) -> bytes:
        """Return the same as JSON."""
        return marshal(self.to_json())


class RedisJournals(Journals):
    """The journals that Redis has; `tell` records an entry, and `storage` has the uploads."""

    def __init__(
        self,
        connection: Connection,
        storage: Storage,
        pool: Pool,
        listener: Listener,
        tell: Tell,
    ) -> None:
        self._run = connection.run
        self._storage = storage
        self._pool = pool
        self._listener = listener
        self._tell = tell

    async def record(self, world: World, entry: Entry) -> None:
        entry.measure()
        text = entry.content()
        status = "" if entry.status is None else entry.status
        try:
            entry.id = await self._tell(world, entry.id or "", entry.operation or "", status, text)
        except StateError:
            # Its answer says that nothing was stored.
            if entry.operation == "uploads.create" and entry.file_key:
                await discard(self._storage, entry.file_key)
            raise

    async def entries(
        self, world: World | None, includes: Includes, since: int = 0
    ) -> list[Journaled]:
        names = [world.name] if world is not None else await self._names_since(since)
        found: list[Journaled] = []
        for name in names:
            found += [entry async for entry in self._entries_of(name, since) if includes(entry)]
        found.sort(key=lambda entry: entry.id)
        return found

    async def _names_since(self, since: int) -> list[str]:
        """Return the names of the worlds that have newer entries, and the server's own."""
        names = names_of_worlds(self._run, at_once=SCAN_AT_ONCE, since=since)
        return [SERVER, *[name async for name in names]]

    async def _entries_of(self, name: str, since: int) -> AsyncIterator[StoredEntry]:
        last = since
        while True:
            batch = await self._run("journal_of", name, last, READ_AT_ONCE)
            for entry_id, text in batch:
                last = entry_id
                yield StoredEntry(name, entry_id, text)
            if len(batch) < READ_AT_ONCE:
                return

    async def size(self, world: World) -> JournalSize:
        return JournalSize(*await self._run("journal_size", world.name))

    async def clear(self, world: World | None) -> None:
        await self._run("clear_journal", (world or self._pool.server).name)
        if world is None:
            async for name in names_of_worlds(self._run):
                await self._run("clear_journal", name)

    def watching(
        self, world: World | None, operation: str | None, includes: Includes
    ) -> AbstractAsyncContextManager[Watch]:
        name = None if world is None else world.name
        return self._listener.watching(name, operation, includes)
