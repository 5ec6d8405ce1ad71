"""The rules of worlds, and the uses of them that requests hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from fake_apimart.worlds.conditions import Where
from fake_apimart.worlds.faults import Rule
from fake_apimart.worlds.world import World


class NoRoom(Exception):
    """There are as many rules as there may be; the message says which limit was met."""


class Reservation(ABC):
    """One use of a rule, held for one request; `count` or `give_back` ends it, once.

    One that is never ended, since its server died, is given back after a while.
    """

    __slots__ = ("rule",)

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    @abstractmethod
    def count(self) -> None:
        """Count the rule as used. Others see it with the entry of the request at the latest."""

    @abstractmethod
    async def give_back(self) -> None:
        """Let the next request have the use. Raises nothing."""


@dataclass(frozen=True, slots=True)
class Undecided:
    """A request for `operation` whose rule depends on what is not known of it yet.

    `conditions` are those of the rules from there on where it stopped, by their ids, in the order
    in which they are asked; the first is a rule of the world `owner`. `State.meet` goes on.
    """

    operation: str
    owner: str
    conditions: Sequence[tuple[int, Where]]
    is_refused: bool = False


Met: TypeAlias = Reservation | Undecided | None
"""The rule that a request meets, or what there is to be known first."""
Verdicts: TypeAlias = Mapping[int, bool]
"""Whether a request is as rules say, by their ids."""


class Rules(ABC):
    """The rules of all worlds. Every method raises StateError."""

    @abstractmethod
    async def of(self, world: World) -> Sequence[Rule]:
        """Return the rules of a world in the order in which they fire."""

    @abstractmethod
    async def add(self, world: World, rule: Rule) -> None:
        """Add a rule as the last, and give it its id. Raises NoRoom."""

    @abstractmethod
    async def remove(self, world: World, rule_id: int) -> bool:
        """Remove a rule; return False if there is none with this id."""

    @abstractmethod
    async def clear(self, world: World | None) -> None:
        """Remove the rules of a world, or of all, but those that a key's name implies."""
