"""A world: what a server knows of one API key; its files and tasks are in the storage.

A reset replaces a world by a new one. Requests in flight still hold the old one, which is then
`gone`, and leave nothing behind.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, TypeAdapter

from fake_apimart.common.caches import cache_short_inputs
from fake_apimart.common.clock import Clock
from fake_apimart.common.redaction import redacted_text
from fake_apimart.worlds.clock import ClockState, WorldClock
from fake_apimart.worlds.faults import Rule
from fake_apimart.worlds.magic_keys import Magic
from fake_apimart.worlds.settings import WorldSettings, check_overrides

SERVER = "server"
"""Name of the server's own world; the names of all others are hashes."""
NAME_DIGITS = 32
NAME_PATTERN = f"[0-9a-f]{{{NAME_DIGITS}}}"
"""A regular expression for the name of a key's world."""
HAS_TASKS = "has_tasks"
"""Says in a persisted state that the world has tasks."""
MAX_LABEL_CHARACTERS = 200
"""The longest label that a world carries."""
ID_DIGITS = 8
"""How many hexadecimal digits of a world's name people are shown as its id."""
_TOKEN_ID_DIGITS = 7
"""How many hexadecimal digits of a world's name make the number of its key."""


@cache_short_inputs
def name_of(api_key: str) -> str:
    """Return the name of a key's world: a hash, since the key itself is never stored."""
    return hashlib.blake2b(
        api_key.encode("utf-8", "surrogateescape"), digest_size=NAME_DIGITS // 2
    ).hexdigest()


def id_of(name: str) -> str:
    """Return what people are shown of a world's name."""
    return name[:ID_DIGITS]


def check_label(label: str) -> str:
    """Return a label, which stands in logs as it is. Raises ValueError where it cannot."""
    if len(label) > MAX_LABEL_CHARACTERS:
        raise ValueError(f"expected at most {MAX_LABEL_CHARACTERS} characters")
    if not label.isprintable():
        raise ValueError("expected characters that print, on one line")
    return label


def as_label(header: bytes) -> str:
    """Return the label that a header's value says: what does not print is `?`, the end is cut."""
    text = header.decode("utf-8", "replace")[:MAX_LABEL_CHARACTERS].strip()
    return "".join(each if each.isprintable() else "?" for each in text)


@dataclass(frozen=True, slots=True)
class SavedState:
    """What of a world outlives a restart."""

    clock: ClockState = ClockState()  # noqa: RUF009
    settings: Annotated[dict[str, Any], AfterValidator(check_overrides)] = field(
        default_factory=dict
    )
    has_tasks: bool = False
    label: Annotated[str, AfterValidator(check_label)] = ""


SAVED_STATE = TypeAdapter(SavedState)
"""The shape of a world's state as it is stored."""


class Remembered(NamedTuple):
    """What of a world can be changed, and taken back."""

    clock: ClockState
    overrides: dict[str, Any]
    label: str
    revision: int


class World:
    """The clock and the settings of one API key, as this server knows them.

    `base` supplies the settings that the world does not override. `magic` is None until the key is
    known. `running` counts the requests in flight. `has_tasks` says that there may be tasks in the
    storage, `revision` how often one was written anew. `label` is what its user calls it.
    `generation` is no other world's, not even of the same name, nor that of another revision.
    `used_ns` is when its last request came to this server, or its last change, in Unix nanoseconds
    of real time; 0 where there was none.
    """

    __slots__ = (
        "__weakref__",
        "_base",
        "_revision",
        "clock",
        "generation",
        "gone",
        "has_tasks",
        "is_being_reset",
        "label",
        "magic",
        "name",
        "overrides",
        "running",
        "used_ns",
    )

    _generations = itertools.count(1)

    def __init__(self, name: str, clock: Clock, base: WorldSettings | World) -> None:
        self.name = name
        self.magic: Magic | None = None
        self.clock = WorldClock(clock)
        self.overrides: dict[str, Any] = {}
        self.has_tasks = False
        self.label = ""
        self._revision = 0
        self.running = 0
        self.used_ns = 0
        self.gone = False
        self.is_being_reset = False
        self.generation = next(self._generations)
        self._base = base

    @property
    def revision(self) -> int:
        """How often a task was written anew."""
        return self._revision

    @revision.setter
    def revision(self, revision: int) -> None:
        if revision != self._revision:
            self._revision = revision
            # Not the number itself, which begins anew where what servers share is lost.
            self.generation = next(self._generations)

    @property
    def id(self) -> str:
        """What people are shown of the name."""
        return id_of(self.name)

    @property
    def shown_label(self) -> str:
        """The label as people are shown it, without secrets; empty where there is none."""
        return redacted_text(self.label)

    def apply_magic(self, magic: Magic) -> None:
        """Configure the world for its key; so far it was known by the name in its files alone."""
        self.magic = magic

    def permanent_rules(self) -> tuple[Rule, ...]:
        """Return new rules as the name of the world's key implies them."""
        rules = self.magic.rules if self.magic else ()
        return tuple(Rule(**rule, times=None) for rule in rules)

    @property
    def settings(self) -> WorldSettings:
        """The effective settings: those of `base`, then the magic key's, then the overrides."""
        base = self._base.settings if isinstance(self._base, World) else self._base
        magic = self.magic.settings if self.magic else {}
        if not magic and not self.overrides:
            return base
        return base.with_overrides({**magic, **self.overrides})

    @property
    def token_id(self) -> int:
        """The number by which errors name the world's key; it is the key's own (assumed)."""
        return int(self.name[:_TOKEN_ID_DIGITS], 16)

    @property
    def keeps_results(self) -> bool:
        """Whether results that are drawn now would stay: not where a reset deletes them."""
        return not (self.gone or self.is_being_reset)

    def remembered(self) -> Remembered:
        """Return all that `State.change` may change."""
        return Remembered(self.clock.state, self.overrides, self.label, self.revision)

    def recall(self, before: Remembered) -> None:
        """Be as when `before` was remembered."""
        self.clock.state, self.overrides, self.label, self.revision = before

    def state(self) -> Mapping[str, Any]:
        """Return the state that must survive a restart; empty if all of it is default."""
        clock = self.clock.state
        state: dict[str, Any] = {}
        if clock != ClockState():
            state["clock"] = clock
        if self.overrides:
            state["settings"] = self.overrides
        if self.label:
            state["label"] = self.label
        if self.has_tasks:
            state[HAS_TASKS] = True
        return state

    def restore(self, saved: SavedState) -> None:
        """Load what `state` returned when it was saved."""
        self.clock.state = saved.clock
        self.overrides = saved.settings
        self.has_tasks = saved.has_tasks
        self.label = saved.label
