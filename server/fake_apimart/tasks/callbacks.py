"""Callbacks: a task's end told to the client's own server (docs).

This is the one thing that happens without being asked for. Each callback waits for its task's end
by the server's clock, and is then delivered; how many wait, and for how long, is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fake_apimart.tasks.task import Task
from fake_apimart.worlds.world import World

if TYPE_CHECKING:
    import httpx

MOST_WAITING = 1000
MOST_AT_ONCE = 16
TIMEOUT_SECONDS = 10.0
RETRY_SECONDS = (10.0, 30.0, 60.0)
LOOK_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 86_400.0

logger = logging.getLogger(__name__)

Look = Callable[[Task, World], Awaitable[dict[str, Any] | None]]
"""Gives a task's `data` once it has ended, None before."""


class Callbacks:
    """Delivers the end of each expected task, until `close`."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._waiting: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)

    def expect(self, task: Task, world: World) -> None:
        """Deliver the end of `task` to its webhook, when it comes."""
        if len(self._waiting) >= MOST_WAITING:
            logger.warning("no callback for %s: %d are waiting already", task.id, MOST_WAITING)
            return
        waiting = asyncio.create_task(self._wait_and_deliver(task, world))
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)

    async def close(self) -> None:
        """Give up what still waits."""
        for waiting in self._waiting:
            waiting.cancel()
        if self._waiting:
            logger.info("%d callback(s) given up at the end", len(self._waiting))
            await asyncio.wait(self._waiting)

    async def _wait_and_deliver(self, task: Task, world: World) -> None:
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                data = await self._look(task, world)
                while data is None and not world.gone:
                    await asyncio.sleep(LOOK_SECONDS)
                    data = await self._look(task, world)
            if world.gone or data is None:
                return
            async with self._slots:
                await self._deliver(f"{str(task.webhook).rstrip('/')}/callback", data)
        except Exception as error:  # noqa: BLE001
            # One callback that goes wrong, in whatever way, is no reason to end the server.
            logger.error("callback of %s given up: %s", task.id, error or type(error).__name__)

    async def _deliver(self, url: str, data: dict[str, Any]) -> None:
        """POST, and again after each of RETRY_SECONDS on a 5xx or where nobody answers."""
        # Imported in a thread, because it takes a tenth of a second.
        client_class = await asyncio.to_thread(_import_client)
        async with client_class(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
            for pause in (*RETRY_SECONDS, None):
                problem = await _post(client, url, data)
                if problem is None:
                    return
                logger.warning("callback of %s to %s: %s", data["id"], url, problem)
                if pause is not None:
                    await asyncio.sleep(pause)
        logger.error("callback of %s to %s given up", data["id"], url)


def _import_client() -> type[httpx.AsyncClient]:
    import httpx

    return httpx.AsyncClient


async def _post(client: httpx.AsyncClient, url: str, data: dict[str, Any]) -> str | None:
    """One try; what went wrong and is worth another, or None."""
    import httpx

    try:
        answer = await client.post(url, json=data)
    except httpx.TransportError as error:
        return str(error) or type(error).__name__
    if answer.is_server_error:
        return f"status {answer.status_code}"
    logger.info("callback of %s to %s: status %d", data["id"], url, answer.status_code)
    return None
