"""Rules as they are kept in Redis, and the uses of them that requests hold."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any

from fake_apimart.common.held_bytes import held_bytes
from fake_apimart.go.json import marshal
from fake_apimart.worlds.faults import RawAnswer, Rule
from fake_apimart.worlds.state import Reservation, StateError

if TYPE_CHECKING:
    from fake_apimart.state.redis.changes import Changes
    from fake_apimart.state.redis.connection import Connection


def body_of(rule: Rule) -> bytes:
    """Return what a rule does, and how often, as JSON."""
    answer = rule.answer and {
        "status": rule.answer.status,
        "headers": rule.answer.headers,
        "body": base64.b64encode(rule.answer.body).decode(),
    }
    return marshal(
        {
            "operation": rule.operation,
            "error": rule.error,
            "answer": answer,
            "socket": rule.socket,
            "delay": rule.delay,
            "times": rule.times,
            "after": rule.after,
            "bytes": rule.bytes,
            "source": rule.source,
        }
    )


def rule_of(rule_id: int, used: int, body: bytes) -> Rule:
    """Return the rule that `body_of` described."""
    described: dict[str, Any] = json.loads(body)
    answer = described.pop("answer")
    rule = Rule(**described, id=rule_id, used=used)
    if answer is not None:
        headers = tuple((name, value) for name, value in answer["headers"])
        rule.answer = RawAnswer(answer["status"], headers, base64.b64decode(answer["body"]))
    return rule


def permanent(rules: tuple[Rule, ...]) -> bytes:
    """Return rules as scripts take those that a key's name implies."""
    return marshal(
        [
            {
                "operation": rule.operation,
                "times": "",
                "after": 0,
                "body": body_of(rule).decode(),
                "bytes": 0,
            }
            for rule in rules
        ]
    )


def measure(rule: Rule) -> None:
    """Set the estimated size of a rule."""
    rule.bytes = held_bytes(rule)


class RedisReservation(Reservation):
    """A use of a rule of a world, its `owner`, which Redis holds for a request."""

    __slots__ = ("_changes", "_connection", "_held", "identity")

    def __init__(
        self,
        rule: Rule,
        identity: tuple[str, str, int, str],
        connection: Connection,
        changes: Changes,
        held: set[RedisReservation],
    ) -> None:
        super().__init__(rule)
        self.identity = identity
        self._connection = connection
        self._changes = changes
        self._held = held
        held.add(self)

    def count(self) -> None:
        self._held.discard(self)
        self._changes.fired.append(self.identity)

    async def give_back(self) -> None:
        self._held.discard(self)
        # Where Redis is away, it is given back when its time is over.
        with contextlib.suppress(StateError):
            await self._connection.run("release", *self.identity, "give_back")

    async def renew(self) -> None:
        """Hold it for longer. Raises StateError."""
        await self._connection.run("release", *self.identity, "renew")
