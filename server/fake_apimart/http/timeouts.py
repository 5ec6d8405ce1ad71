"""How long a client may take over what it is to do, and the end of connections that take longer.

Once a second each connection is asked what it waits for. Nothing is timed request by request, so
that no request pays for it. What the server itself holds back (a rule's delay, its back-pressure,
an answer that is not ready) waits for no client, and has no limit here.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Mapping
from enum import IntEnum, auto
from typing import Protocol

from fake_apimart.settings.settings import Settings

MAX_INTERVAL_SECONDS = 1.0
"""The longest time between two looks at a connection: a limit may be exceeded by so much."""

_LOOKS_PER_LIMIT = 10
_AT_ONCE = 500
"""How many connections are looked at before others get their turn of the event loop."""


class Wait(IntEnum):
    """What a connection waits for."""

    NO_CLIENT = auto()
    FIRST = auto()
    """The first byte that a new connection sends."""
    NEXT = auto()
    """The first bytes of another request."""
    HEAD = auto()
    """The rest of a head that has begun."""
    BODY = auto()
    """More of a body that somebody wants to read."""
    READING = auto()
    """Room for an answer that the client does not read."""


Progress = tuple[Wait, int, int]
"""What is waited for, and two numbers of which one changes with all that the client does."""


class Watched(Protocol):
    """A connection."""

    def progress(self) -> Progress: ...

    def abort(self) -> None: ...


def limits_of(settings: Settings) -> Mapping[Wait, float]:
    """Return how many seconds each wait may last without any progress."""
    return {
        Wait.NO_CLIENT: math.inf,
        Wait.FIRST: settings.head_seconds,
        Wait.NEXT: settings.keep_alive_seconds,
        Wait.HEAD: settings.head_seconds,
        Wait.BODY: settings.body_pause_seconds,
        Wait.READING: settings.download_pause_seconds,
    }


class Watch:
    """Ends those of `connections` whose client lets a wait last for longer than `limits` says.

    They are closed without a word, as Go does it.
    """

    def __init__(self, connections: Collection[Watched], limits: Mapping[Wait, float]) -> None:
        self._connections = connections
        self._limits = limits
        self._interval = min(MAX_INTERVAL_SECONDS, min(limits.values()) / _LOOKS_PER_LIMIT)
        self._seen: dict[Watched, tuple[Progress, float]] = {}
        # Only the time between looks counts: a process that was suspended must not blame clients.
        self._now = 0.0

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            self._now += self._interval
            await self._look()

    async def _look(self) -> None:
        seen: dict[Watched, tuple[Progress, float]] = {}
        for number, connection in enumerate(list(self._connections)):
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
            if connection in self._connections:
                seen[connection] = self._look_at(connection)
        self._seen = seen

    def _look_at(self, connection: Watched) -> tuple[Progress, float]:
        """Return what a connection waits for, and since when; end it if that is too long."""
        progress = connection.progress()
        before = self._seen.get(connection)
        if before is None or before[0] != progress:
            return progress, self._now
        if self._now - before[1] >= self._limits[progress[0]]:
            connection.abort()
        return before
