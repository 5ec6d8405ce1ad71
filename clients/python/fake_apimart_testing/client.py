"""`FakeAPIMart`: one world, and everything that a test can do with it."""

from __future__ import annotations

import os

from fake_apimart_testing.arguments import check_text
from fake_apimart_testing.clock import WorldClock
from fake_apimart_testing.control import Control, ControlError
from fake_apimart_testing.environment import Environment
from fake_apimart_testing.records import Rule, Task
from fake_apimart_testing.requests import Requests
from fake_apimart_testing.servers.age import check_age
from fake_apimart_testing.servers.server import Server
from fake_apimart_testing.world.label import check_label, numbered
from fake_apimart_testing.world.report import counts, described, title_of
from fake_apimart_testing.world.rules import RuledWorld
from fake_apimart_testing.world.settings import SettableWorld
from fake_apimart_testing.world.uploads import Uploads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

    from fake_apimart_testing.servers.in_process import ApplicationTransport, InProcessServer

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True

GLANCE_SECONDS = 0.5
"""How long each call may take that only shows what a world holds."""


class FakeAPIMart(RuledWorld, SettableWorld):
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
        check_age(self._control, self.base_url)
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
        from fake_apimart_testing.threads import in_thread

        try:
            return await in_thread(self.__enter__, to_the_end=True)
        except BaseException:
            # Whoever is cancelled here gets no world, and will not leave it.
            self._server.stop()
            raise

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        from fake_apimart_testing.threads import in_thread

        await in_thread(lambda: self.__exit__(error_type, error, traceback), to_the_end=True)

    def close(self) -> None:
        """Remove this world and those made by `another`, and stop the child process, if any."""
        try:
            for other in self._others:
                other.close()
            self._control.call("DELETE", "world")
        finally:
            if self._open_control is not None:
                self._open_control.close()
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

    def check_rules(self) -> None:
        """Raise AssertionError if a rule was not met, of this world or of one by `another`."""
        super().check_rules()
        for other in self._others:
            other.check_rules()

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
            return f"<FakeAPIMart {title_of(self)}, not running>"
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
