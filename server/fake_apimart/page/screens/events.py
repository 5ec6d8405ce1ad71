"""The stream of what changes on the first screen, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fake_apimart_storage import StorageError
from starlette.responses import Response, StreamingResponse

from fake_apimart.common.waits import first_of, pause
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

logger = logger_of(__name__)


async def stream(visit: Visit) -> Response:
    """Answer with changes until the browser goes away, or the server stops."""
    return StreamingResponse(_messages(visit), 200, HEADERS, "text/event-stream")


async def _messages(visit: Visit) -> AsyncIterator[str]:
    service, screen = visit.service, Screen(visit, wanted_in(visit))
    journals, seen, silent = service.worlds.state.journals, dict[str, int](), 0
    async with journals.watching(visit.world, None, lambda entry: True) as watch:
        # At once, so that who waits for the head of the answer has it.
        yield ": here\n\n"
        while not service.stopping.is_set():
            has_news = watch.changed.is_set()
            watch.expect(1)
            regions = await _look(screen, afresh=not has_news)
            changed = {name: html for name, html in regions.items() if seen.get(name) != hash(html)}
            seen |= {name: hash(html) for name, html in changed.items()}
            silent = 0 if changed else silent + 1
            if changed:
                yield _event(text_of(visit, "live/changes.html", {"regions": changed}))
            elif silent % SILENT_LOOKS == 0:
                yield ": still here\n\n"
            await _wait(watch, screen, service.stopping)


async def _look(screen: Screen, *, afresh: bool) -> dict[str, str]:
    """Return the regions, or none where what they are made of cannot be read now."""
    try:
        return await screen.look(afresh=afresh)
    except (StorageError, StateError) as error:
        logger.warning("the page is not up to date: %s", error)
        await pause(RETRY_SECONDS, screen.visit.service.stopping)
        return {}


async def _wait(watch: Watch, screen: Screen, stopping: asyncio.Event) -> None:
    """Wait for news, or as long as what is shown stays true without any."""
    await pause(PAUSE_SECONDS, stopping)
    try:
        async with asyncio.timeout(MOVING_SECONDS if screen.is_moving else STILL_SECONDS):
            await first_of(watch.changed.wait(), stopping.wait())
    except TimeoutError:
        return


def _event(html: str) -> str:
    """Return a message without a name, which htmx swaps in."""
    return "".join(f"data: {line}\n" for line in html.splitlines()) + "\n"
