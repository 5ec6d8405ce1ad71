"""`FakeAPIMart`: one world, and everything that a test does with it."""

from __future__ import annotations

import os

from fake_apimart.testing.clock import WorldClock
from fake_apimart.testing.control import Control
from fake_apimart.testing.records import Rule, Task, Upload
from fake_apimart.testing.requests import Requests
from fake_apimart.testing.server import Server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Protocol, Self

    class Monkeypatch(Protocol):
        """pytest's."""

        def setenv(self, name: str, value: str) -> None: ...


class Environment(dict[str, str]):
    """The variables by which programs find APIMart and its key."""

    def setenv(self, monkeypatch: Monkeypatch) -> None:
        """Set them for this test."""
        for name, value in self.items():
            monkeypatch.setenv(name, value)


class FakeAPIMart:
    """A world of one API key, on the server at `url`; without one, on a child of this process.

    Use it in a `with` or `async with` statement, or take the fixture `apimart`. Methods raise
    ControlError where the server refuses what they ask for, and say why.
    """

    def __init__(self, url: str | None = None, api_key: str | None = None) -> None:
        self._server = Server(url)
        # Not from `random` or `uuid`, which tests seed and freeze.
        self.api_key = api_key or f"sk-fake-{os.urandom(16).hex()}"
        self.rules: list[Rule] = []
        """Those that `fail` has written, since the last reset."""
        self._others: list[FakeAPIMart] = []
        self._opened: Control | None = None

    @property
    def base_url(self) -> str:
        """What to use in place of `https://api.apimart.ai`."""
        return self._server.url

    @property
    def env(self) -> Environment:
        """`APIMART_BASE_URL` and `APIMART_API_KEY`."""
        return Environment(APIMART_BASE_URL=self.base_url, APIMART_API_KEY=self.api_key)

    @property
    def _control(self) -> Control:
        if self._opened is None:
            self._opened = Control(self.base_url, self.api_key)
        return self._opened

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.check_rules()
        finally:
            self.close()

    async def __aenter__(self) -> Self:
        import asyncio

        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        import asyncio

        await asyncio.to_thread(self.__exit__, kind, error, traceback)

    def close(self) -> None:
        """The world, and those made by `another`, are gone; so is the child, if there is one."""
        try:
            for other in self._others:
                other.close()
            self._control.call("DELETE", "world")
        finally:
            self._control.close()
            self._opened = None
            self._server.stop()

    def another(self) -> FakeAPIMart:
        """A second tenant of the same server: a world of its own, which ends with this one."""
        other = FakeAPIMart(self.base_url)
        self._others.append(other)
        return other

    @property
    def uploads(self) -> list[Upload]:
        """The files that were uploaded, in their order, whatever clock and rules say."""
        found = self._control.call("GET", "uploads")["uploads"]
        return [Upload(self._control, self.base_url, fields) for fields in found]

    @property
    def tasks(self) -> list[Task]:
        """The generation tasks, oldest first."""
        return [Task(fields) for fields in self._control.call("GET", "tasks")["tasks"]]

    @property
    def requests(self) -> Requests:
        """What was sent with this key, newest last."""
        return Requests(self._control)

    @property
    def clock(self) -> WorldClock:
        """The time in this world."""
        return WorldClock(self._control)

    def fail(
        self,
        operation: str,
        error: str | None = None,
        *,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        body: str | None = None,
        socket: str | None = None,
        delay: float | None = None,
        times: int | None = 1,
        after: int = 0,
        optional: bool = False,
    ) -> Rule:
        """Let the next `times` requests to `operation` fail, all of them for None.

        By an `error` of the vendor's, by an answer of your own (`status`, `headers`, `body`), or by
        a fault of the `socket`; `delay` is in seconds. The first `after` requests are let through.
        A test that leaves the rule unused fails, unless it is `optional`.
        """
        fields = {
            "operation": operation,
            "error": error,
            "status": status,
            "headers": headers,
            "body": body,
            "socket": socket,
            "delay": delay,
            "after": after,
        }
        written = {name: value for name, value in fields.items() if value is not None}
        told = self._control.call("POST", "faults", {**written, "times": times})
        rule = Rule(self._control, told, optional=optional)
        self.rules.append(rule)
        return rule

    def check_rules(self) -> None:
        """Raises AssertionError if a rule was never met that is not optional."""
        for world in (self, *self._others):
            unused = [rule for rule in world.rules if not rule.optional and not rule.used]
            if unused:
                sent = repr(world.requests)
                raise AssertionError(f"never met: {unused}. Requests were: {sent}")

    def pace(self, *, seconds: float | None = None, polls: int | None = None) -> None:
        """How long tasks take: `seconds`, or until they have been polled so often, or both."""
        changes = {"task_seconds": seconds or 0, "task_polls": polls or 0}
        self._control.call("PATCH", "world", changes)

    def tasks_fail(self, message: str = "task failed on purpose") -> None:
        """Let tasks fail with this message."""
        self._control.call("PATCH", "world", {"task_failure": message})

    def tasks_complete(self) -> None:
        """Let tasks complete, which they do unless told otherwise."""
        self._control.call("PATCH", "world", {"task_failure": ""})

    def balance(self, amount: float) -> None:
        """What the key has to spend, from its beginning on."""
        self._control.call("PATCH", "world", {"balance": amount})

    def rate_limit(self, rate: str | None) -> None:
        """How often the key may call, such as `3/minute`; None for as often as it likes."""
        self._control.call("PATCH", "world", {"rate_limit": rate or ""})

    def reset(self) -> None:
        """Begin anew: no uploads, tasks, rules, requests; clock and settings as at first."""
        self._control.call("POST", "reset")
        self.rules.clear()
