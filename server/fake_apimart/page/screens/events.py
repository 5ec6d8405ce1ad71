"""The stream of what changes on the first screen, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fake_apimart_storage import StorageError
from starlette.responses import Response, StreamingResponse

from fake_apimart.common.waits import first_of, pause
from fake_apimart.gateway.exchange import exchange_of
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

_STILL_HERE = ": still here\n\n"

logger = logger_of(__name__)


async def stream(visit: Visit) -> Response:
    """Answer with changes until the browser goes away, or the server stops."""
    return StreamingResponse(_messages(visit), 200, HEADERS, "text/event-stream")


async def _messages(visit: Visit) -> AsyncIterator[str]:
    """Yield what has changed, as long as somebody is there to see it."""
    journals, over = visit.service.worlds.state.journals, asyncio.Event()
    leaving = asyncio.create_task(_note_end(visit, over))
    try:
        async with journals.watching(visit.world, None, lambda entry: True) as watch:
            # At once, so that who waits for the head of the answer has it.
            yield _STILL_HERE
            async for message in _changes(Screen(visit, wanted_in(visit)), watch, over):
                yield message
    finally:
        leaving.cancel()


async def _note_end(visit: Visit, over: asyncio.Event) -> None:
    """Set `over` once the browser is gone, or the server stops."""
    exchange = exchange_of(visit.request.scope)
    connection = exchange.connection
    gone = exchange.receive() if connection is None else connection.wait_for_end()
    try:
        await first_of(gone, visit.service.stopping.wait())
    finally:
        over.set()


async def _changes(screen: Screen, watch: Watch, over: asyncio.Event) -> AsyncIterator[str]:
    seen, silent = dict[str, int](), 0
    while not over.is_set():
        # Who is woken though nothing that was awaited came has lost what it had.
        is_told = watch.missing <= 0
        watch.expect(1)
        regions = await _look(screen, over, afresh=not is_told)
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
