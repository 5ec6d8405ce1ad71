"""`FakeAPIMart`: one world, and everything that a test can do with it."""

from __future__ import annotations

import os

from fake_apimart_testing.arguments import (
    body_fields,
    check_flag,
    check_headers,
    check_integer,
    check_number,
    check_object,
    check_text,
)
from fake_apimart_testing.clock import WorldClock
from fake_apimart_testing.control import Control, ControlError
from fake_apimart_testing.environment import Environment
from fake_apimart_testing.records import Rule, Task
from fake_apimart_testing.requests import Requests
from fake_apimart_testing.servers.server import Server
from fake_apimart_testing.world.label import check_label, numbered
from fake_apimart_testing.world.report import counts, described, title_of
from fake_apimart_testing.world.settings import SettableWorld
from fake_apimart_testing.world.uploads import Uploads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self, TypeAlias

    from fake_apimart_testing.names import Error, Operation, SocketFault
    from fake_apimart_testing.servers.in_process import ApplicationTransport, InProcessServer

    JSON: TypeAlias = dict[str, Any] | list[Any] | int | float


GLANCE_SECONDS = 0.5
"""How long each call may take that only shows what a world holds."""


class FakeAPIMart(SettableWorld):
    """The world of one API key on the server at `url`, or on a child process if that is None.

    Use it in a `with` or `async with` statement, or through the fixture `apimart`. Methods raise
    ControlError with the server's reason if it refuses a request.
    """

    label: str = ""
    """What the world is called in the server's log and in reports, once it is opened."""
    api_key: str = ""

    def __init__(self, url: str | None = None, api_key: str | None = None, label: str = "") -> None:
        check_text("url", url, optional=True)
        check_text("api_key", api_key, optional=True)
        check_label("label", label)
        self.label = label
        self._server: Server | InProcessServer = Server(url)
        # Not from `random` or `uuid`, which tests seed or mock: keys would not be unique.
        self.api_key = api_key or f"sk-fake-{os.urandom(16).hex()}"
        self.rules: list[Rule] = []
        """The rules added by `fail` since the last reset."""
        self._others: list[FakeAPIMart] = []
        self._open_control: Control | None = None

    @staticmethod
    def asgi(**settings: Any) -> FakeAPIMart:
        """Return a world in this process, without a socket, for clients of httpx.

        They get its `transport`. `settings` are those of the server, such as `dialect="live"`.
        Needs httpx, and the package `fake-apimart` in this environment. Raises ControlError.
        """
        try:
            from fake_apimart_testing.servers.in_process import ApplicationThread, InProcessServer
        except ImportError as error:
            needed = "FakeAPIMart.asgi() needs fake-apimart and httpx in this environment"
            raise ControlError(f"{needed}: {error}") from error
        return FakeAPIMart._on(InProcessServer(ApplicationThread(**settings)))

    @staticmethod
    def _on(server: Server | InProcessServer, label: str = "") -> FakeAPIMart:
        world = FakeAPIMart(label=label)
        world._server = server
        return world

    @property
    def transport(self) -> ApplicationTransport:
        """What clients of httpx take as `transport` to reach a world of `asgi`.

        Raises ControlError for all other worlds, which are reached by their address.
        """
        return self._server.transport

    @property
    def base_url(self) -> str:
        """The base URL to use instead of `https://api.apimart.ai`."""
        return self._server.url

    @property
    def env(self) -> Environment:
        """The variables by which programs find this world, and no proxy on the way."""
        return Environment(self.base_url, self.api_key)

    @property
    def _control(self) -> Control:
        if self._open_control is None:
            self._open_control = Control(self.base_url, self.api_key, connect=self._server.connect)
        return self._open_control

    def open(self) -> None:
        """Start the child process, if it is to be one, and tell the server the label.

        A `with` statement and the fixture do so. `close` must follow.
        """
        self._server.start()
        self._tell_label()

    def _tell_label(self) -> None:
        if self.label:
            check_label("label", self.label)
            self._control.call("PATCH", "world", {"label": self.label})

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self._server.stop()
            raise
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
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
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        import asyncio

        await asyncio.to_thread(self.__exit__, error_type, error, traceback)

    def close(self) -> None:
        """Remove this world and those made by `another`, and stop the child process, if any."""
        try:
            for other in self._others:
                other.close()
            self._control.call("DELETE", "world")
        finally:
            self._control.close()
            self._open_control = None
            self._server.stop()

    def another(self) -> FakeAPIMart:
        """Return a second tenant of the same server: a new world, which is closed with this one."""
        other = self._on(self._server.lent(), numbered(self.label, len(self._others) + 2))
        self._others.append(other)
        other.open()
        return other

    @property
    def uploads(self) -> Uploads:
        """The uploaded files, oldest first, regardless of clock and rules."""
        return Uploads(self._control, self.base_url)

    @property
    def tasks(self) -> list[Task]:
        """The generation tasks, oldest first."""
        tasks = self._control.call("GET", "tasks")["tasks"]
        return [Task(self._control, fields) for fields in tasks]

    @property
    def requests(self) -> Requests:
        """The requests that were sent with this key, newest last."""
        return Requests(self._control)

    @property
    def clock(self) -> WorldClock:
        """The clock of this world."""
        return WorldClock(self._control)

    def fail(
        self,
        operation: Operation | str,
        error: Error | str | None = None,
        *,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        body: str | bytes | JSON | None = None,
        socket: SocketFault | str | None = None,
        dribble: dict[str, float] | None = None,
        delay: float | None = None,
        where: dict[str, Any] | None = None,
        times: int | None = 1,
        after: int = 0,
        every: int = 1,
        optional: bool = False,
    ) -> Rule:
        """Add a rule that makes the next `times` requests to `operation` fail, or all if None.

        They fail with an `error` of the vendor's (and `headers` beside its own), with an answer of
        your own (`status`, `headers`, and a `body` of text, bytes or JSON), or with a fault of the
        `socket`, after a `delay` in seconds; a `delay` alone is possible too. `dribble` has the
        `bytes` and `seconds` of the socket fault of that name.

        Only requests that are as `where` says count, such as `{"filename": {"glob": "*.png"}}`. The
        first `after` of them pass, and of the others all but each `every`-th. If no request meets
        the rule, the test fails, unless the rule is `optional` or was removed. Raises TypeError and
        ValueError, which name the argument.
        """
        for name, text in {"error": error, "socket": socket}.items():
            check_text(name, text, optional=True)
        for name, value in {"dribble": dribble, "where": where}.items():
            check_object(name, value)
        check_text("operation", operation)
        check_integer("status", status, optional=True)
        check_headers("headers", headers)
        check_number("delay", delay, optional=True)
        check_integer("times", times, optional=True)
        check_integer("after", after)
        check_integer("every", every)
        check_flag("optional", optional)
        fields = {
            "operation": operation,
            "error": error,
            "status": status,
            "headers": headers,
            "socket": socket,
            "dribble": dribble,
            "delay": delay,
            "where": where,
            "after": after,
            "every": every,
        }
        set_fields = {name: value for name, value in fields.items() if value is not None}
        created = self._control.call(
            "POST", "faults", {**set_fields, **body_fields(body), "times": times}
        )
        rule = Rule(self._control, created, optional=optional)
        self.rules.append(rule)
        return rule

    def check_rules(self) -> None:
        """Raise AssertionError if no request has met a rule that is not optional."""
        for world in (self, *self._others):
            unused = [rule for rule in world.rules if rule.must_be_met and not rule.used]
            if unused:
                sent = repr(world.requests)
                raise AssertionError(f"never met: {unused}. Requests were: {sent}")

    def described_requests(self) -> str:
        """Return what was sent to this world and to those made by `another`, for people to read.

        Of each world the latest requests are shown, with the rules that answered and those that
        were never met.
        """
        return described([self, *self._others])

    def __repr__(self) -> str:
        """Return what the world holds, as far as its server says so at once."""
        try:
            url = self.base_url
        except (ControlError, AttributeError):
            return f"<FakeAPIMart {title_of(self)}, not started>"
        try:
            # A connection of its own: the other one may be in use, by this very thread.
            held = counts(
                Control(url, self.api_key, connect=self._server.connect, timeout=GLANCE_SECONDS)
            )
        except (ControlError, LookupError, TypeError):
            held = "no answer"
        return f"<FakeAPIMart {title_of(self)} at {url}: {held}>"

    def reset(self) -> None:
        """Remove uploads, tasks, rules and requests; reset clock and settings."""
        self._control.call("POST", "reset")
        self.rules.clear()
        self._tell_label()
