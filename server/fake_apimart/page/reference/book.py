"""The reference of a server, made where it is first opened: nothing in it changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from fake_apimart.machine.shortage import loading
from fake_apimart.settings.settings import Settings

if TYPE_CHECKING:
    from fake_apimart.page.reference.reference import Reference


class ReferenceBook:
    """The reference of one application, which is made once; it does not keep the application."""

    def __init__(self) -> None:
        self._making = asyncio.Lock()
        self._made: Reference | None = None

    async def opened(self, app: FastAPI, settings: Settings) -> Reference:
        """Return the reference; the first time it takes about a second. Raises Shortage."""
        async with self._making:
            if self._made is None:
                self._made = await run_in_threadpool(_make, app, settings)
        return self._made


def _make(app: FastAPI, settings: Settings) -> Reference:
    # Imported here because the cases cost a twentieth of the start, and few open the reference.
    with loading("yaml"):
        from fake_apimart.page.reference.reference import reference_of
    return reference_of(app, settings)
