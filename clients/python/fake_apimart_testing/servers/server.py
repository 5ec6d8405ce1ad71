"""A server for tests: one that is already running, or a child process."""

from __future__ import annotations

import os

from fake_apimart_testing.arguments import check_text
from fake_apimart_testing.control import ControlError
from fake_apimart_testing.servers.child import ChildServer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import NoReturn, Self

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True

URL_VARIABLE = "FAKE_APIMART_URL"


class Server:
    """The fake APIMart at `url` or at FAKE_APIMART_URL, or else a child process.

    Use it in a `with` statement. Only a child is started and stopped: by the command that
    FAKE_APIMART_COMMAND names, by the package `fake-apimart` of this environment, or by a
    `fake-apimart` on PATH.
    """

    def __init__(self, url: str | None = None) -> None:
        check_text("url", url, optional=True)
        named = url or os.environ.get(URL_VARIABLE)
        self._url = named.rstrip("/") if named else None
        self._child: ChildServer | None = None

    @property
    def url(self) -> str:
        """The base URL to use instead of `https://api.apimart.ai`.

        Raises ControlError before `start`.
        """
        if self._child is not None:
            return self._child.url
        if self._url is None:
            raise ControlError("the server has not been started: use it in a `with` statement")
        return self._url

    def start(self) -> Self:
        """Start the child, unless a server is running already. Raises ControlError."""
        if self._url is None and self._child is None:
            self._child = ChildServer().start()
        return self

    def stop(self) -> str:
        """Stop the child, if there is one, and return its log."""
        child, self._child = self._child, None
        return child.stop() if child is not None else ""

    def lent(self) -> Server:
        """Return the same server for a further world, which does not stop it."""
        return Server(self.url)

    @property
    def connect(self) -> None:
        """Nothing but its address is needed for a connection."""
        return None

    @property
    def transport(self) -> NoReturn:
        """Raise ControlError: a transport is for servers without a socket."""
        raise ControlError("only a world of FakeAPIMart.asgi() has a transport: use base_url")

    def __repr__(self) -> str:
        try:
            return f"<Server at {self.url}>"
        except ControlError:
            return "<Server, not running>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
