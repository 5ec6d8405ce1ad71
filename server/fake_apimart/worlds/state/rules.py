"""The rules of worlds, and the uses of them that requests hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

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
