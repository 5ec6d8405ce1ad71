"""A world as one of several servers knows it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from fake_apimart.common.clock import Clock
from fake_apimart.go.json import marshal
from fake_apimart.state.redis.changes import Changes
from fake_apimart.state.redis.rule_text import permanent
from fake_apimart.worlds.clock import ClockState
from fake_apimart.worlds.magic_keys import Magic
from fake_apimart.worlds.settings import WorldSettings, check_overrides
from fake_apimart.worlds.world import World

Fields = Sequence[bytes | None]
"""Offset and time of the clock, settings, label and revision, as Redis has them.

Nothing where there is none.
"""

FIELDS = 5
"""How many there are."""


class RedisWorld(World):
    """A world with what Redis has last said of it.

    `token` names it among those of its name that there were, and is empty until Redis has said it.
    `in_redis` is what Redis had of what it remembers. `committed` is what its tasks cost if all
    complete, None where Redis has not added them up. `changes` is what Redis is not told yet.
    """

    __slots__ = ("_read_us", "changes", "committed", "in_redis", "permanent", "token")

    def __init__(self, name: str, clock: Clock, base: WorldSettings | World) -> None:
        super().__init__(name, clock, base)
        self.token = ""
        self.committed: float | None = None
        self.changes = Changes()
        self.in_redis: Fields = (None,) * FIELDS
        self._read_us = 0
        self.permanent = b"[]"

    def apply_magic(self, magic: Magic) -> None:
        super().apply_magic(magic)
        self.permanent = permanent(self.permanent_rules())

    def read(self, fields: Fields, time_us: int) -> None:
        """Take over what Redis had of the world at a time of its own, in microseconds.

        Answers may overtake each other: what is older than what is known is passed over.
        """
        if time_us < self._read_us:
            return
        self._read_us = time_us
        self.in_redis = offset, frozen, settings, label, revision = fields[:FIELDS]
        self.clock.state = ClockState(int(offset) if offset else 0, int(frozen) if frozen else None)
        self.overrides = check_overrides(json.loads(settings)) if settings else {}
        self.label = label.decode() if label else ""
        self.revision = int(revision) if revision else 0

    def fields(self) -> tuple[bytes, ...]:
        """Return what Redis has of the world; empty what is as it is at first."""
        clock = self.clock.state
        return (
            b"%d" % clock.offset_ns if clock.offset_ns else b"",
            b"%d" % clock.frozen_ns if clock.frozen_ns is not None else b"",
            marshal(self.overrides) if self.overrides else b"",
            self.label.encode(),
            b"%d" % self.revision if self.revision else b"",
        )


def known(world: World) -> RedisWorld:
    """Return a world with what Redis has last said of it."""
    assert isinstance(world, RedisWorld)
    return world
