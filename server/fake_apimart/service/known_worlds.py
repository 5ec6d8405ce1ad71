"""The worlds that a server knows, for those who may see all of them, and a world by its id.

Known are those in use, those of which something is saved, and those that have files or tasks: what
a server has after a restart. Of the last two the key is unknown until it is used, and with it what
its name means.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from fake_apimart.common.redaction import redacted_text
from fake_apimart.files.index import FileIndex
from fake_apimart.tasks.store import TaskStore
from fake_apimart.worlds.registry import Worlds
from fake_apimart.worlds.world import NAME_DIGITS, World, id_of

MAX_WORLDS = 1000
"""How many worlds are told of at once."""
MIN_DIGITS = 7
"""How many hexadecimal digits at least a beginning of a world's name has."""
MAX_SHOWN = 3
"""How many worlds are named that an id may be."""

ID_PATTERN = f"^[0-9a-f]{{{MIN_DIGITS},{NAME_DIGITS}}}$"
"""A regular expression for the id of a world: its name, or a beginning of it."""
_ID = re.compile(ID_PATTERN)
_NANOSECONDS = 1e9


class NoWorldId(ValueError):
    """A text is no beginning of a world's name, or too short a one."""


class UnknownWorld(LookupError):
    """No world that is known has a name with this beginning."""


class AmbiguousWorld(LookupError):
    """Several worlds have a name with this beginning; `names` has the first of them."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"it may be {', '.join(names)}")
        self.names = names


class KnownWorld(NamedTuple):
    """What is told of a world. `label` is without secrets.

    `meaning` is what its key's name says, empty where the key is unknown. `requests` is how many
    its journal has. `used_ns` is when its last request came, or its last change, in Unix
    nanoseconds of real time; 0 where that is unknown.
    """

    name: str
    label: str
    meaning: str
    requests: int
    used_ns: int

    @property
    def id(self) -> str:
        """What people are shown of the name."""
        return id_of(self.name)

    def to_json(self) -> dict[str, Any]:
        """Return it in the control API's form."""
        return {
            "world": self.name,
            "id": self.id,
            "label": self.label,
            "meaning": self.meaning,
            "requests": self.requests,
            "last_used": self.used_ns / _NANOSECONDS if self.used_ns else None,
        }


def check_id(world_id: str) -> str:
    """Return the id of a world as it may be. Raises NoWorldId."""
    if not _ID.fullmatch(world_id):
        raise NoWorldId(f"expected {MIN_DIGITS} to {NAME_DIGITS} of the digits 0-9 and a-f")
    return world_id


class KnownWorlds:
    """Finds the worlds that are known. Every method raises StorageError, StateError."""

    def __init__(self, worlds: Worlds, index: FileIndex, tasks: TaskStore) -> None:
        self._worlds = worlds
        self._state = worlds.state
        self._index = index
        self._tasks = tasks

    async def known_worlds(self, limit: int = MAX_WORLDS) -> list[KnownWorld]:
        """Return at most `limit` worlds, the last used first, behind them those only stored."""
        used = dict(await self._state.latest(limit))
        missing = limit - len(used)
        if missing > 0:
            stored = await self._state.names("") | await self._stored("")
            used |= dict.fromkeys(sorted(stored - used.keys())[:missing], 0)
        return [
            KnownWorld(name, redacted_text(label), self._meaning_of(name), requests, used[name])
            for name, label, requests in await self._state.seen(list(used))
        ]

    async def world_by_id(self, world_id: str) -> World:
        """Return the world whose name begins so, up to date.

        Raises NoWorldId, UnknownWorld, AmbiguousWorld.
        """
        names = await self._state.names(check_id(world_id))
        if len(world_id) < NAME_DIGITS or not names:
            names |= await self._stored(world_id)
        if not names:
            raise UnknownWorld(world_id)
        if len(names) > 1:
            raise AmbiguousWorld(sorted(names)[:MAX_SHOWN])
        return await self._worlds.by_name(names.pop())

    async def _stored(self, beginning: str) -> set[str]:
        """Return the names that begin so of worlds that have files or tasks."""
        of_files = {name for name in await self._index.worlds() if name.startswith(beginning)}
        return of_files.union(await self._tasks.worlds(beginning))

    def _meaning_of(self, name: str) -> str:
        world = self._state.pool.peek(name)
        return world.magic.meaning if world is not None and world.magic is not None else ""
