"""One request on its way through an operation: its world, the rule it meets, its entry."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request

from fake_apimart.common.clock import Clock
from fake_apimart.common.waits import pause
from fake_apimart.http import socket_faults as broken_answer
from fake_apimart.worlds.faults import ERRORS, AnsweredInstead, Faults, Rule, Step
from fake_apimart.worlds.journal import Entry
from fake_apimart.worlds.registry import Worlds
from fake_apimart.worlds.world import World

SCOPE_KEY = "fake_apimart.gateway.exchange"


class Call:
    """Begins in the server's own world, until `enter` says whose it is.

    `key` is the request's API key, empty where it has none or none is asked for; `entry` is where
    handlers note what the journal is to tell.
    """

    __slots__ = (
        "_begun_ns",
        "_fired",
        "_recorded",
        "_stopping",
        "_timer",
        "_worlds",
        "entry",
        "key",
        "operation",
        "rule",
        "world",
    )

    def __init__(
        self,
        operation: str,
        entry: Entry,
        worlds: Worlds,
        timer: Clock,
        stopping: asyncio.Event,
    ) -> None:
        self.operation = operation
        self.entry = entry
        self.key = ""
        self.world = worlds.server
        self.rule: Rule | None = None
        self._worlds = worlds
        self._timer = timer
        self._stopping = stopping
        self._begun_ns = timer.time_ns()
        self._fired = False
        self._recorded = False
        self.world.running += 1

    async def enter(self, world: World, request: Request) -> None:
        """From here on the call is `world`'s, and under its rules.

        Raises what the rule says that it meets on arrival: an ApiError, AnsweredInstead, Abandoned.
        """
        self.world.running -= 1
        self.world = world
        world.running += 1
        self.rule = self._reserve(world.faults) or self._reserve(self._worlds.server.faults)
        if self.rule is None:
            return
        if self.rule.delay:
            await pause(self.rule.delay, self._stopping)
        if self.rule.step is Step.ARRIVAL:
            await self._meet_on_arrival(self.rule, request)

    def _reserve(self, faults: Faults) -> Rule | None:
        return faults.reserved_for(self.operation) if faults.rules else None

    async def _meet_on_arrival(self, rule: Rule, request: Request) -> None:
        if rule.error is not None:
            self.fire(Step.ARRIVAL, operation=self.operation)
        self._note_fired(rule)
        if rule.answer is not None:
            raise AnsweredInstead(rule.answer)
        if rule.socket is not None:
            self.record(None)
            await broken_answer.refuse(rule.socket, request, self._stopping)

    def fire(self, step: Step, **facts: Any) -> None:
        """Raise the error of the rule that waits for this step, if one does."""
        rule = self.rule
        if rule is not None and rule.error is not None and rule.step is step:
            self._note_fired(rule)
            raise ERRORS[rule.error].build(**facts)

    def _note_fired(self, rule: Rule) -> None:
        rule.release(fired=True)
        self._fired = True
        self.entry.fault = rule.name

    def fault_of_answer(self) -> str | None:
        """The socket fault that the answer is to meet."""
        rule = self.rule
        if rule is None or rule.step is not Step.ANSWER:
            return None
        self._note_fired(rule)
        return rule.socket

    def record(self, status: int | None, error: str | None = None) -> None:
        """Put the call into the journal, once; it must be there before the answer leaves."""
        if self._recorded:
            return
        self._recorded = True
        entry = self.entry
        entry.status, entry.error = status, error
        entry.time_ns = self.world.clock.time_ns()
        entry.duration_ns = self._timer.time_ns() - self._begun_ns
        self._worlds.record(self.world, entry)

    def leave(self) -> None:
        """The call has ended, in whatever way."""
        self.world.running -= 1
        if self.rule is not None and not self._fired:
            self.rule.release(fired=False)


def call_of(request: Request) -> Call:
    """The call that a request is."""
    call: Call = request.scope[SCOPE_KEY]
    return call
