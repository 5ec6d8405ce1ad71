"""A world: all that belongs to one API key, but for what lies in the storage.

Resetting a world puts a new one in its place. Requests that were under way still hold the old one,
which is `gone`, and leave nothing of theirs behind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fake_apimart_storage import Storage

from fake_apimart.common.caches import cache_short_inputs
from fake_apimart.common.clock import Clock
from fake_apimart.common.rates import RateLimit
from fake_apimart.contract import errors
from fake_apimart.worlds.clock import ClockState, WorldClock
from fake_apimart.worlds.faults import Faults, Rule
from fake_apimart.worlds.journal import Journal
from fake_apimart.worlds.magic_keys import ORDINARY, Magic
from fake_apimart.worlds.settings import WorldSettings


@cache_short_inputs
def name_of(api_key: str) -> str:
    """The name of a key's world: a hash, since the key itself is never stored."""
    return hashlib.blake2b(api_key.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


class World:
    """What a key has of its own: clock, settings, faults, journal, and how often it has called.

    `running` counts the requests that are under way in it. `is_restored` says whether it has taken
    up what the storage keeps of it.
    """

    __slots__ = (
        "__weakref__",
        "_base",
        "_rate_limit",
        "changes",
        "clock",
        "faults",
        "gone",
        "is_restored",
        "journal",
        "magic",
        "name",
        "running",
    )

    def __init__(self, name: str, clock: Clock, base: WorldSettings | World) -> None:
        self.name = name
        self.magic: Magic | None = None
        self.clock = WorldClock(clock)
        self.changes: dict[str, Any] = {}
        self.faults = Faults()
        self.journal = Journal()
        self.is_restored = False
        self.running = 0
        self.gone = False
        self._base = base
        self._rate_limit: RateLimit | None = None

    def begin_with(self, magic: Magic) -> None:
        """Set it up as its key's name says; before that it was known by its files alone."""
        self.magic = magic
        if magic is not ORDINARY:
            self.faults = Faults(tuple(Rule(**rule, times=None) for rule in magic.rules))

    @property
    def settings(self) -> WorldSettings:
        """What holds in it now."""
        base = self._base.settings if isinstance(self._base, World) else self._base
        first = self.magic.settings if self.magic else {}
        return base.changed({**first, **self.changes})

    def take_turn(self) -> None:
        """Count a call against the rate. Raises `rate_limited`."""
        rate = self.settings.rate_limit
        if not rate:
            return
        if self._rate_limit is None or self._rate_limit.rate != rate:
            self._rate_limit = RateLimit(rate)
        wait = self._rate_limit.take(self.clock.time_ns())
        if wait:
            raise errors.rate_limited(wait)

    async def discard_if_gone(self, storage: Storage, key: str) -> None:
        """Delete what was stored for the world meanwhile, if it is gone by now."""
        if self.gone:
            await storage.delete(key)

    def state(self) -> Mapping[str, Any]:
        """What has to outlive this process; empty where there is nothing."""
        clock = self.clock.state
        kept: dict[str, Any] = {}
        if clock != ClockState():
            kept["clock"] = clock
        if self.changes:
            kept["settings"] = self.changes
        return kept

    def restore(self, text: bytes) -> None:
        """Take up the state that `json.dumps` has written."""
        kept = json.loads(text)
        self.clock.state = ClockState(*kept.get("clock", ()))
        self.changes = kept.get("settings", {})
