"""The callbacks of one world: which are due by its clock, and how many run at the same time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from fake_apimart.callbacks.pending import MAX_WAITING, Pending
from fake_apimart.common.waits import pause
from fake_apimart.worlds.world import World

MAX_RUNNING = 4
"""How many callbacks of a world run at the same time; one that waits for a retry does not run."""
FIRST_NAP_SECONDS = 0.01
"""The least pause after the clock was not where it was expected; it doubles with each."""
LONGEST_NAP_SECONDS = 1.0
LONGEST_SLEEP_SECONDS = 86_400.0

_NANOSECONDS_PER_MILLISECOND = 1_000_000

Attempt = Callable[[Pending, World], Awaitable[bool]]
"""Attempts what is due, and returns whether that was the last time. Raises nothing."""


class WorldQueue:
    """Attempts the callbacks of `world` when they are due, while `run` runs."""

    def __init__(self, world: World, attempt: Attempt) -> None:
        self.world = world
        self._attempt = attempt
        self._pending: dict[str, Pending] = {}
        """By the ids of the tasks."""
        self._running: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._next_ms = math.inf
        """When the next callback is due by the world's clock, as far as was known at the last look.
        """

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, task_id: str) -> bool:
        return task_id in self._pending

    @property
    def is_full(self) -> bool:
        """Whether as many callbacks wait as may."""
        return len(self._pending) - len(self._running) >= MAX_WAITING

    def add(self, pending: Pending) -> None:
        """Attempt `pending` from now on."""
        self._pending[pending.task_id] = pending
        self._changed.set()

    def remove(self, pending: Pending) -> None:
        """Attempt `pending` no more."""
        self._pending.pop(pending.task_id, None)
        self._changed.set()

    def look_again(self, task_id: str | None = None) -> None:
        """Look at the callback of a task again, or at all: polls or the clock have changed."""
        for pending in self._pending.values():
            if task_id in (None, pending.task_id):
                pending.look_again()
        self._changed.set()

    def bring_forward(self, task_id: str, due_ms: int) -> None:
        """Have the callback of a task due by `due_ms`, in milliseconds of the world's clock."""
        pending = self._pending[task_id]
        pending.due_ms = min(pending.due_ms, due_ms)
        self.look_again(task_id)

    def notice_time(self) -> None:
        """Look again where the clock was moved ahead without a word."""
        if self._now_ms() >= self._next_ms:
            self._changed.set()

    def _now_ms(self) -> int:
        return self.world.clock.time_ns() // _NANOSECONDS_PER_MILLISECOND

    async def run(self) -> None:
        """Attempt what is due until nothing is pending. Cancelled, cancel what runs."""
        nap = 0.0
        try:
            while self._pending:
                self._changed.clear()
                sleep = self._start_due()
                await pause(max(nap, sleep), self._changed)
                # A clock that stands still would otherwise be looked at without end.
                is_too_early = not self._changed.is_set() and self._now_ms() < self._next_ms
                nap = min(max(2 * nap, FIRST_NAP_SECONDS), LONGEST_NAP_SECONDS)
                nap = nap if is_too_early else 0.0
        finally:
            for job in self._running.values():
                job.cancel()
            if self._running:
                await asyncio.wait(list(self._running.values()))

    def _start_due(self) -> float:
        """Start what is due as far as there is room; return the seconds until the next look."""
        now = asyncio.get_running_loop().time()
        now_ms = self._now_ms()
        waiting = [
            (pending.seconds_left(now_ms, now), pending)
            for pending in self._pending.values()
            if pending.task_id not in self._running
        ]
        # The one that is due for longest comes first, so that retries hold up nobody.
        waiting.sort(key=lambda each: each[0])
        later = (each.due_ms for _, each in waiting if each.due_ms > now_ms)
        self._next_ms = min(later, default=math.inf)
        sleep = LONGEST_SLEEP_SECONDS
        for seconds, pending in waiting:
            if seconds > 0:
                sleep = min(sleep, seconds)
                break
            if len(self._running) >= MAX_RUNNING:
                break
            self._start(pending)
        return sleep

    def _start(self, pending: Pending) -> None:
        pending.is_news = False
        self._running[pending.task_id] = asyncio.create_task(self._run_one(pending))

    async def _run_one(self, pending: Pending) -> None:
        try:
            if await self._attempt(pending, self.world):
                self._pending.pop(pending.task_id, None)
        finally:
            del self._running[pending.task_id]
            self._changed.set()
