"""A tenant: one API key with its world, what it knows of it, and how it asks."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from soak.http_client import Answer, Request
from soak.load.receiver import Receiver
from soak.load.scene import Client, NoAnswer, Scene, client_of
from soak.record.ledger import World

JSON_TYPE = {"Content-Type": "application/json"}


@dataclass
class Tenant:
    """What actions and checks of one world share. At most `room` bytes of uploads are stored."""

    scene: Scene
    world: World
    client: Client
    receiver: Receiver
    rng: random.Random
    room: int

    def expect(self, is_as_expected: bool, what: str, kind: str = "wrong") -> bool:
        """Note a finding unless all is as expected; return whether it is."""
        if not is_as_expected:
            self.scene.findings.add(kind, f"{what} (world {self.world.key})")
        return is_as_expected

    async def ask(
        self, operation: str, request: Request, status: int = 200, kind: str = "wrong"
    ) -> Answer | None:
        """Ask directly; return the answer if it has the status, and note a finding if not.

        Raises NoAnswer.
        """
        answer = await self.client.ask(operation, request, frozenset({status}))
        text = f"{operation} {request.path}: {answer.status} {answer.body[:200]!r}, not {status}"
        return answer if self.expect(answer.status == status, text, kind) else None

    async def ask_perhaps_cut(self, operation: str, request: Request) -> Answer:
        """Ask directly, or now and then through the cutting proxy. Raises NoAnswer.

        What comes through the proxy may be a refusal of a body that was cut on the way.
        """
        if self.rng.random() > 0.15:
            return await self.client.ask(operation, request)
        with client_of(self.scene, self.world.key, cut=True) as cut:
            answer = await cut.ask(operation, request)
        if answer.status >= 400:
            raise NoAnswer(answer.status, may_be_done=False)
        return answer


def json_request(method: str, path: str, body: bytes = b"", **headers: str) -> Request:
    """Return a request whose body is JSON."""
    return Request(method, path, body, {**JSON_TYPE, **headers})


def data_of(answer: Answer) -> dict[str, Any]:
    """Return `data` of an answer, empty where there is none."""
    parsed = answer.json()
    data = parsed.get("data") if isinstance(parsed, dict) else None
    return data if isinstance(data, dict) else {}
