"""Runs the scenarios that all fixtures share, by Python's; the table is in clients/scenarios."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_apimart_testing import ControlError, FakeAPIMart

from tests.harness import PNG

FILE = Path(__file__).parents[1] / "clients" / "scenarios" / "scenarios.json"
SCENARIOS: list[dict[str, Any]] = json.loads(FILE.read_text("utf-8"))["scenarios"]
CONTENTS = {"png": PNG, "text": b"This is no picture.\n"}
_REFERENCE = re.compile(r"\$([a-z]+(?:\.[a-z_0-9]+)*)")

SENDS: Mapping[str, Callable[[httpx.Client, Mapping[str, Any]], httpx.Response]] = {
    "upload": lambda client, step: client.post(
        "/v1/uploads/images", files={"file": (step["filename"], CONTENTS[step["content"]])}
    ),
    "generate": lambda client, step: client.post("/v1/images/generations", json=step["json"]),
    "poll": lambda client, step: client.get(f"/v1/tasks/{step['task']}"),
    "get": lambda client, step: client.get(step["url"]),
    "balance": lambda client, step: client.get("/v1/balance"),
}

DOES: Mapping[str, Callable[..., Any]] = {
    "fail": lambda world, **given: world.fail(**given),
    "check_rules": lambda world: world.check_rules(),
    "another": lambda world: world.another(),
    "reset": lambda world: world.reset(),
    "pace": lambda world, **given: world.pace(**given),
    "tasks_fail": lambda world, message: world.tasks_fail(message),
    "tasks_complete": lambda world: world.tasks_complete(),
    "balance": lambda world, amount: world.balance(amount),
    "rate_limit": lambda world, rate: world.rate_limit(rate),
    "dialect": lambda world, name: world.dialect(name),
    "size_limit": lambda world, size: world.size_limit(size),
    "url_lifetime": lambda world, **given: world.url_lifetime(**given),
    "clock.advance": lambda world, **given: world.clock.advance(**given),
    "clock.freeze": lambda world: world.clock.freeze(),
    "clock.reset": lambda world: world.clock.reset(),
    "uploads.add": lambda world, filename, content: world.uploads.add(CONTENTS[content], filename),
    "requests.matching": lambda world, **given: world.requests.matching(**given),
    "requests.wait_for": lambda world, **given: world.requests.wait_for(**given),
    "requests.clear": lambda world: world.requests.clear(),
    "rule.used": lambda rule: rule.used,
    "rule.remove": lambda rule: rule.remove(),
    "upload.read": lambda upload: _name_of(upload.read()),
    "upload.expire": lambda upload: upload.expire(),
    "task.complete": lambda task: task.complete(),
    "task.fail": lambda task, message: task.fail(message),
}
"""What a step can do, by the names in the table."""


def _name_of(content: bytes) -> str | None:
    return next((name for name, each in CONTENTS.items() if each == content), None)


class Run:
    """One scenario in a new world, and what its steps have given so far."""

    def __init__(self, world: FakeAPIMart) -> None:
        self._worlds = {"": world}
        self._kept: dict[str, Any] = {}

    def step(self, step: Mapping[str, Any]) -> None:
        """Take one step, and hold what it gives against the table."""
        world = self._worlds[step.get("world", "")]
        if "raises" in step:
            with pytest.raises((AssertionError, ControlError, ValueError), match=step["raises"]):
                self._taken(world, step)
            return
        given = self._taken(world, step)
        if "as" in step:
            self._keep(step["as"], given)
        if "gives" in step:
            check(given, self._filled(step["gives"]))

    def _keep(self, name: str, given: Any) -> None:
        if isinstance(given, FakeAPIMart):
            self._worlds[name] = given
        else:
            self._kept[name] = given

    def _taken(self, world: FakeAPIMart, step: Mapping[str, Any]) -> Any:
        if "send" in step:
            return self._sent(world, step)
        if "read" in step:
            return list(getattr(world, step["read"]))
        target = self._filled(step["on"]) if "on" in step else world
        return DOES[step["do"]](target, **self._filled(step.get("with", {})))

    def _sent(self, world: FakeAPIMart, step: Mapping[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {world.api_key}"}
        with httpx.Client(base_url=world.base_url, headers=headers) as client:
            if step.get("breaks"):
                with pytest.raises(httpx.TransportError):
                    SENDS[step["send"]](client, self._filled(step))
                return None
            answer = SENDS[step["send"]](client, self._filled(step))
        is_json = "json" in answer.headers.get("content-type", "")
        return {"status": answer.status_code, "json": answer.json() if is_json else None}

    def _filled(self, value: Any) -> Any:
        """Return a value of the table with what its references name."""
        if isinstance(value, Mapping):
            return {key: self._filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if isinstance(value, str) and (match := _REFERENCE.fullmatch(value)):
            return found(self._kept, match[1])
        return value


def found(value: Any, path: str) -> Any:
    """Return what a path of names and numbers leads to."""
    for name in path.split("."):
        if isinstance(value, list):
            value = value[int(name)]
        else:
            value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    return value


def check(given: Any, expected: Any) -> None:
    """Check that `given` has at least what is expected of it."""
    if isinstance(expected, Mapping):
        for name, each in expected.items():
            check(found(given, name), each)
    elif isinstance(expected, list):
        assert len(given) == len(expected), given
        for one, each in zip(given, expected, strict=True):
            check(one, each)
    else:
        assert given == expected
