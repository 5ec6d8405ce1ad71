"""The stream of what changes on the first screen, as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from fake_apimart_storage import StorageError
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from fake_apimart.common.waits import first_of, pause
from fake_apimart.gateway.exchange import Exchange, exchange_of
from fake_apimart.observability.log import logger_of
from fake_apimart.page.rendering import HEADERS, text_of
from fake_apimart.page.screens.live import Screen, wanted_in
from fake_apimart.page.visit import Visit
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.watches import Watch

PAUSE_SECONDS = 0.3
"""Between two messages, however much goes on."""
MOVING_SECONDS = 0.7
"""Between two looks while a task runs."""
STILL_SECONDS = 3.0
"""Between two looks while nobody sends anything: clocks and settings may have been changed."""
SILENT_LOOKS = 5
"""How many looks without news are followed by a line that shows that the stream is alive."""
RETRY_SECONDS = 2.0
"""The pause before the next look, after one that failed."""
FOREIGN_SECONDS = 5.0
"""How long a stream lasts under a foreign ASGI server, which waits for it before it says that it
stops. Browsers come again at once."""
PARTING_SECONDS = 0.3
"""How long the end of a stream waits for a browser that does not read."""

_STILL_HERE = ": still here\n\n"

logger = logger_of(__name__)


async def stream(visit: Visit) -> Response:
    """Answer with changes until the browser goes away, or the server stops."""
    return EventStream(visit)


class EventStream(StreamingResponse):
    """Sends what changes.

    It alone receives: of two that wait for the end of a connection some servers tell one.
    """

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._over = asyncio.Event()
        self._texts = _messages(visit, self._over)
        super().__init__(self._texts, 200, HEADERS, "text/event-stream")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        exchange = exchange_of(scope)
        await send(head)
        if exchange.method != "HEAD":
            leaving = asyncio.create_task(self._note_end(exchange))
            try:
                await self._send_messages(send)
            finally:
                leaving.cancel()
        await _end(exchange, send)

    async def _send_messages(self, send: Send) -> None:
        async with contextlib.aclosing(self._texts) as messages:
            async for message in messages:
                part = {"type": "http.response.body", "body": message.encode(), "more_body": True}
                # Who does not read holds up nobody's end.
                await first_of(send(part), self._over.wait())

    async def _note_end(self, exchange: Exchange) -> None:
        """Set `over` once the browser is gone, the server stops, or the stream has lasted."""
        seconds = FOREIGN_SECONDS if exchange.connection is None else None
        try:
            async with asyncio.timeout(seconds):
                await first_of(_gone(exchange), self._visit.service.stopping.wait())
        except TimeoutError:
            return
        finally:
            self._over.set()


async def _gone(exchange: Exchange) -> None:
    """Wait until the browser is gone."""
    if exchange.connection is not None:
        await exchange.connection.wait_for_end()
        return
    while (await exchange.receive())["type"] != "http.disconnect":
        continue


async def _end(exchange: Exchange, send: Send) -> None:
    """Send the end of the answer, or give up the connection where that cannot be sent."""
    try:
        async with asyncio.timeout(PARTING_SECONDS):
            await send({"type": "http.response.body", "body": b""})
    except TimeoutError:
        if exchange.connection is not None:
            exchange.connection.abandon(reset=True)


async def _messages(visit: Visit, over: asyncio.Event) -> AsyncGenerator[str]:
    """Yield what has changed, as long as somebody is there to see it."""
    journals = visit.service.worlds.state.journals
    async with journals.watching(visit.world, None, lambda entry: True) as watch:
        # At once, so that who waits for the head of the answer has it.
        yield _STILL_HERE
        async for message in _changes(Screen(visit, wanted_in(visit)), watch, over):
            yield message


async def _changes(screen: Screen, watch: Watch, over: asyncio.Event) -> AsyncIterator[str]:
    seen, silent = dict[str, int](), 0
    watch.expect(1)
    while not over.is_set():
        # Who is woken though nothing that was awaited came has lost what it had.
        has_lost = watch.changed.is_set() and watch.missing > 0
        watch.expect(1)
        regions = await _look(screen, over, afresh=has_lost)
        changed = {name: html for name, html in regions.items() if seen.get(name) != hash(html)}
        seen |= {name: hash(html) for name, html in changed.items()}
        silent = 0 if changed else silent + 1
        if changed:
            yield _message(text_of(screen.visit, "live/changes.html", {"regions": changed}))
        elif silent % SILENT_LOOKS == 0:
            yield _STILL_HERE
        await _wait(watch, screen, over)


async def _look(screen: Screen, over: asyncio.Event, *, afresh: bool) -> dict[str, str]:
    """Return the regions, or none where what they are made of cannot be read now."""
    try:
        return await screen.look(afresh=afresh)
    except (StorageError, StateError) as error:
        logger.warning("the page is not up to date: %s", error)
        await pause(RETRY_SECONDS, over)
        return {}


async def _wait(watch: Watch, screen: Screen, over: asyncio.Event) -> None:
    """Wait for news, or as long as what is shown stays true without any."""
    await pause(PAUSE_SECONDS, over)
    try:
        async with asyncio.timeout(MOVING_SECONDS if screen.is_moving else STILL_SECONDS):
            await first_of(watch.changed.wait(), over.wait())
    except TimeoutError:
        return


def _message(html: str) -> str:
    """Return a message without a name, which htmx swaps in."""
    lines = html.replace("\r", "\n").split("\n")
    return "".join(f"data: {line}\n" for line in lines) + "\n"
