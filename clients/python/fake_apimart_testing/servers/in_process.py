"""A fake APIMart in this process, without a socket: what `FakeAPIMart.asgi` is about.

It alone needs more than the standard library: httpx, whose transport it offers, and the package
`fake-apimart` in the same environment.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import Any, Self

import anyio.to_thread
import fake_apimart
import httpx
from fake_apimart.settings.reading import InvalidSettings, settings_of

from fake_apimart_testing.control import ControlError

# Tracebacks of pytest end where a test called us: the message says what was wrong.
__tracebackhide__ = True

# Of a name that is never looked up: whoever forgets the transport reaches nobody.
BASE_URL = "http://fake-apimart.test"
_NOT_STARTED = "the application did not start"


class InProcessServer:
    """A server that is an ASGI application in a thread; it has the verbs of `Server`."""

    url = BASE_URL

    def __init__(self, application: ApplicationThread, *, is_lent: bool = False) -> None:
        self._application = application
        self._is_lent = is_lent

    @property
    def transport(self) -> ApplicationTransport:
        """What httpx's clients take as `transport`, synchronous ones and asynchronous ones."""
        return ApplicationTransport(self._application)

    def start(self) -> Self:
        """Start the application, unless it runs. Raises ControlError."""
        self._application.open()
        return self

    def stop(self) -> str:
        """End the application, unless it is lent; there is no log of its own to return."""
        if not self._is_lent:
            self._application.close()
        return ""

    def lent(self) -> InProcessServer:
        """Return the same server for a further world, which does not end it."""
        return InProcessServer(self._application, is_lent=True)

    def connect(self, seconds: float) -> Any:
        """Return a connection for the control API, with a timeout in seconds."""
        return _ControlConnection(self._application, seconds)


class ApplicationTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Passes the requests of a client to the application. Its read timeout is obeyed."""

    def __init__(self, application: ApplicationThread) -> None:
        self._application = application

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        return self._application.answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return await anyio.to_thread.run_sync(
            self._application.answer, request, abandon_on_cancel=True
        )


class ApplicationThread:
    """An application with its own event loop, whose clock no test's loop or clock affects.

    Threads of any kind may ask for an answer.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._thread: threading.Thread | None = None
        self._opened: concurrent.futures.Future[None] = concurrent.futures.Future()

    def open(self) -> None:
        """Start the application. Raises ControlError, for instance for an invalid setting."""
        if self._thread is not None:
            return
        self._opened = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="fake-apimart-asgi", daemon=True)
        self._thread.start()
        try:
            self._opened.result()
        except InvalidSettings as error:
            self.close()
            raise ControlError(f"{_NOT_STARTED}: {error}") from None
        except Exception as error:
            self.close()
            raise ControlError(f"{_NOT_STARTED}: {error}") from error

    def close(self) -> None:
        """End the application, after the answers under way."""
        thread, self._thread = self._thread, None
        if thread is not None:
            if self._opened.exception() is None:
                self._loop.call_soon_threadsafe(self._closing.set)
            thread.join()

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Return the whole answer to a request that has been read. Raises httpx.ReadTimeout."""
        if self._thread is None:
            raise ControlError("the application has not been started: use it in a `with` statement")
        seconds = request.extensions.get("timeout", {}).get("read")
        answering = asyncio.run_coroutine_threadsafe(self._answer(request), self._loop)
        try:
            return answering.result(seconds)
        except TimeoutError as error:
            answering.cancel()
            raise httpx.ReadTimeout(f"no answer in {seconds} s", request=request) from error

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        return httpx.Response(
            answer.status_code,
            headers=answer.headers,
            stream=httpx.ByteStream(await answer.aread()),
            request=request,
        )

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:
            if self._opened.done():
                raise
            self._opened.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        settings = settings_of({"storage": "memory://", "state": "memory://", **self._settings})
        app = fake_apimart.create_app(settings)
        self._transport = httpx.ASGITransport(app)
        async with app.router.lifespan_context(app):
            self._opened.set_result(None)
            await self._closing.wait()


class _ControlConnection:
    """As much of `http.client.HTTPConnection` as `Control` uses."""

    sock = None

    def __init__(self, application: ApplicationThread, seconds: float) -> None:
        self._application = application
        self._extensions = {"timeout": {"read": seconds}}

    def request(self, method: str, url: str, body: str | None, headers: dict[str, str]) -> None:
        asked = httpx.Request(
            method, BASE_URL + url, headers=headers, content=body, extensions=self._extensions
        )
        asked.read()
        try:
            self._answer = self._application.answer(asked)
        except httpx.TransportError as error:
            raise OSError(str(error)) from error

    def getresponse(self) -> Any:
        return _ControlAnswer(self._answer)

    def close(self) -> None:
        """Do nothing: there is no connection."""


class _ControlAnswer:
    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self._answer = answer

    def read(self) -> bytes:
        return self._answer.read()
