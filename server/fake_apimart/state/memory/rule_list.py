"""The rules of one world in the memory of a server."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from fake_apimart.worlds.conditions import Where
from fake_apimart.worlds.faults import Rule
from fake_apimart.worlds.state.rules import Reservation, Verdicts


class RuleList:
    """The rules of a world, in the order they were added."""

    __slots__ = ("_permanent", "all")

    _ids = itertools.count(1)

    def __init__(self) -> None:
        self._permanent: tuple[Rule, ...] = ()
        self.all: list[Rule] = []

    def add_permanent(self, rules: tuple[Rule, ...]) -> None:
        """Append rules that stay, behind those that were added before the world's key was known."""
        self._permanent = rules
        for rule in rules:
            self.add(rule)

    def clear(self) -> None:
        """Remove all rules but the permanent ones, which come from the world's magic key."""
        self.all = []
        for rule in self._permanent:
            self.add(rule)

    def add(self, rule: Rule) -> None:
        """Append a rule, and give it an id that is unique in this process."""
        rule.id = next(self._ids)
        self.all.append(rule)

    @property
    def bytes(self) -> int:
        """The estimated size of the rules, without the permanent ones, which are few and small."""
        return sum(rule.bytes for rule in self.all)

    def remove(self, rule_id: int) -> bool:
        """Remove the rule with this id; return False if there is none."""
        count = len(self.all)
        self.all = [rule for rule in self.all if rule.id != rule_id]
        return len(self.all) < count

    def meet(self, operation: str, start: int, verdicts: Verdicts) -> HeldRule | Rule | None:
        """Reserve a use of the first rule for a request, from the id `start` on.

        Return None if none applies, and the rule itself where its conditions are not known.
        """
        for rule in self.all:
            if rule.operation != operation or rule.id < start or rule.is_used_up:
                continue
            applies = verdicts.get(rule.id) if rule.where else True
            if applies is None:
                return rule
            if applies and rule.reserve():
                return HeldRule(rule)
        return None

    def conditions(self, operation: str, start: int) -> Iterator[tuple[int, Where]]:
        """Return the conditions of rules for an operation, from the id `start` on, by their ids."""
        for rule in self.all:
            if rule.operation == operation and rule.id >= start and rule.where:
                yield rule.id, rule.where


class HeldRule(Reservation):
    """A use of a rule in this server's memory."""

    __slots__ = ()

    def count(self) -> None:
        self.rule.release(fired=True)

    async def give_back(self) -> None:
        self.rule.release(fired=False)
