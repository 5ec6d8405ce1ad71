"""`GET /_fake/health` and `GET /_fake/ready`: whether the server lives, and whether it can work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from fake_apimart_storage import Storage, StorageError
from fake_apimart_testing.version import __version__
from starlette.responses import Response

from fake_apimart.common.redaction import redacted_text
from fake_apimart.common.texts import one_line
from fake_apimart.contract.json_response import JSONResponse
from fake_apimart.gateway.exchange import Exchange
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.state.state import State

PATH = "/_fake/health"
READY_PATH = "/_fake/ready"
READY = "ready"
UNAVAILABLE = "unavailable"
"""What `status` says where something is missing."""
CHECK_SECONDS = 2.0
"""How long the storage and the state may each take to answer."""
STOPPING = "it is about to end"


class Health:
    """The operations `health` and `ready`. `stopping` is set once the server takes no more."""

    def __init__(self, storage: Storage, state: State, stopping: asyncio.Event) -> None:
        self._answer = {"status": "ok", "version": __version__, "storage": storage.location}
        self._checks = {"storage": storage.check, "state": state.check}
        self._stopping = stopping

    async def get(self, exchange: Exchange) -> Response:
        """Answer with version and storage; it needs no key, and asks nobody else."""
        return JSONResponse(self._answer)

    async def ready(self, exchange: Exchange) -> Response:
        """Answer 200, or 503 with what is missing; it needs no key."""
        found = await asyncio.gather(*map(_problem_of, self._checks.values()))
        named = zip(self._checks, found, strict=True)
        missing = {name: problem for name, problem in named if problem}
        if self._stopping.is_set():
            missing["server"] = STOPPING
        if missing:
            exchange.record.reason = in_words(missing)
        return JSONResponse(
            {
                "status": UNAVAILABLE if missing else READY,
                "version": __version__,
                "missing": missing,
            },
            HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK,
        )


def in_words(missing: Mapping[str, str]) -> str:
    """Return in a line what is missing, by name."""
    return "; ".join(f"{name}: {problem}" for name, problem in missing.items())


async def _problem_of(check: Callable[[], Awaitable[None]]) -> str:
    """Return in a line why something cannot be used, or nothing where it can."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except (StorageError, StateError) as error:
        return one_line(redacted_text(str(error)))
    return ""
