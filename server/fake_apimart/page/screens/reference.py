"""The screen that says what there is, how that is known, and where it ends."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from fake_apimart.openapi.pages import CONTROL_DOCUMENT, CONTROL_PAGE
from fake_apimart.page.reference.book import ReferenceBook
from fake_apimart.page.rendering import answer
from fake_apimart.page.visit import PREFIX, Visit
from fake_apimart.service.service import Service

REFERENCE = f"{PREFIX}reference"
_BOOKS: WeakKeyDictionary[Service, ReferenceBook] = WeakKeyDictionary()
"""That of each server in this process."""


async def show(visit: Visit) -> Response:
    """Answer with the screen. Raises Shortage."""
    book = _BOOKS.setdefault(visit.service, ReferenceBook())
    found = await book.opened(visit.request.app, visit.service.settings)

    def rendered() -> Response:
        return answer(
            visit,
            "reference.html",
            screen="reference",
            reference=found,
            swagger=CONTROL_PAGE,
            document=CONTROL_DOCUMENT,
        )

    # In a thread: it is by far the largest screen.
    return await run_in_threadpool(rendered)
