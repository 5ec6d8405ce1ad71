"""One attempt of a callback that is due: what is sent, and what becomes of the callback then."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

from fake_apimart_storage import StorageError

from fake_apimart.callbacks.delivery import Delivery, Undelivered
from fake_apimart.callbacks.pending import Pending, PendingRecords
from fake_apimart.callbacks.target import Target, target_of
from fake_apimart.go.json import marshal
from fake_apimart.observability.log import logger_of
from fake_apimart.tasks.store import TaskStore
from fake_apimart.tasks.task import Task
from fake_apimart.telemetry.telemetry import Telemetry
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.state.locks import Locks
from fake_apimart.worlds.world import World

MAX_SENDING = 64
"""How many callbacks a server sends at the same time."""
RETRY_SECONDS = (10.0, 30.0, 60.0)
"""The pause before each retry (docs)."""

_NANOSECONDS_PER_MILLISECOND = 1_000_000
_CLIENT_ERRORS = range(400, 500)
_SERVER_ERRORS = range(500, 600)

logger = logger_of(__name__)

FinishedData = Callable[[Task, World], Awaitable[dict[str, Any] | None]]
"""Returns the `data` of a task that has ended, or None before its end. Raises StorageError."""


class Attempts:
    """Attempts callbacks, each on one server at a time."""

    def __init__(
        self,
        records: PendingRecords,
        locks: Locks,
        tasks: TaskStore,
        finished_data: FinishedData,
        telemetry: Telemetry,
    ) -> None:
        self._records = records
        self._locks = locks
        self._tasks = tasks
        self._finished_data = finished_data
        self._telemetry = telemetry
        self._delivery = Delivery()
        self._sending = asyncio.Semaphore(MAX_SENDING)

    async def attempt(self, pending: Pending, world: World) -> bool:
        """Attempt a callback that is due; return whether that was the last time."""
        try:
            if self._records.seconds_to_live(pending) <= 0:
                logger.error("callback of %s given up: its task has not ended", pending.task_id)
                await self._records.delete(pending)
                return True
            async with self._locks.holding(f"callback/{pending.task_id}"):
                return await self._deliver(pending, world)
        except (StorageError, StateError) as error:
            logger.warning("callback of %s put off: %s", pending.task_id, error)
            pending.look_later(asyncio.get_running_loop().time())
            return False
        except Exception as error:  # noqa: BLE001
            # Nobody awaits this: whatever fails, log it here and keep the server running.
            return await self._try_again(pending, world, "its webhook", type(error).__name__)

    async def _deliver(self, pending: Pending, world: World) -> bool:
        """Send what is to be sent, if the task has ended. Raises StorageError, StateError."""
        record = await self._records.read(pending)
        if record is None:
            # Another server has delivered it, a reset has deleted it, or its time is over.
            await self._records.delete(pending)
            return True
        now = asyncio.get_running_loop().time()
        if record.tries > pending.tries:
            # Another server has tried it.
            pause = pause_after(record.tries)
            pending.put_off(record.tries, record.due_ms, pause, now)
            return False
        task = await self._tasks.get(world, pending.task_id)
        if task is None and self._records.is_new(pending):
            # It is stored next.
            pending.look_later(now)
            return False
        if task is None or not task.webhook:
            await self._records.delete(pending)
            return True
        data = await self._finished_data(task, world)
        if data is None:
            pending.look_later(now)
            return False
        target = target_of(task.webhook)
        problem = await self._send(target, pending, data)
        if problem is not None:
            return await self._try_again(pending, world, target.shown, problem)
        await self._records.delete(pending)
        return True

    async def _send(self, target: Target, pending: Pending, data: dict[str, Any]) -> str | None:
        """Return what was wrong where another try may help, else None."""
        async with self._sending:
            try:
                with self._telemetry.sending(pending.place) as headers:
                    body = marshal(data)
                    status = await self._delivery.post(target, pending.task_id, body, headers)
            except Undelivered as problem:
                return str(problem)
        if status in _SERVER_ERRORS:
            return f"status {status}"
        self._telemetry.callback_ended("refused" if status in _CLIENT_ERRORS else "delivered")
        logger.info("callback of %s to %s: status %d", pending.task_id, target.shown, status)
        return None

    async def _try_again(self, pending: Pending, world: World, where: str, problem: str) -> bool:
        """Put off the next try, or give up after the last; return whether it was the last."""
        logger.warning("callback of %s to %s: %s", pending.task_id, where, problem)
        is_last = pending.tries >= len(RETRY_SECONDS)
        self._telemetry.callback_ended("failed" if is_last else "retried")
        if is_last:
            logger.error("callback of %s to %s given up", pending.task_id, where)
            await self._records.delete(pending)
            return True
        now_ms = world.clock.time_ns() // _NANOSECONDS_PER_MILLISECOND
        now = asyncio.get_running_loop().time()
        pending.try_again(RETRY_SECONDS[pending.tries], now_ms, now)
        try:
            await self._records.write(pending)
        except StorageError as error:
            logger.warning("a try of the callback of %s is not kept: %s", pending.task_id, error)
        return False


def pause_after(tries: int) -> float:
    """Return the seconds between a try that was the last of so many, and the next."""
    return RETRY_SECONDS[min(tries, len(RETRY_SECONDS)) - 1] if tries else math.inf
