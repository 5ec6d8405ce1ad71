"""The callbacks of a server: booked with their tasks, attempted when due, found after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator

from fake_apimart_storage import Storage, StorageError

from fake_apimart.callbacks.attempts import Attempts, FinishedData, pause_after
from fake_apimart.callbacks.pending import MAX_WAITING, Pending, PendingRecords
from fake_apimart.callbacks.world_queue import WorldQueue
from fake_apimart.common.clock import Clock
from fake_apimart.observability.log import logger_of
from fake_apimart.tasks.store import TaskStore
from fake_apimart.tasks.task import Task
from fake_apimart.telemetry.telemetry import Telemetry
from fake_apimart.worlds.registry import Worlds
from fake_apimart.worlds.state.failure import StateError
from fake_apimart.worlds.state.locks import Locks
from fake_apimart.worlds.world import World

MAX_PENDING = 5000
"""How many callbacks a server keeps, of all worlds. Each takes less than 1 KB of memory."""
TICK_SECONDS = 1.0
"""How often clocks are looked at, which whoever made the application may move without a word."""
RESTORE_PAUSE_SECONDS = 10.0
"""The pause before the records are read once more, for those of servers that have died."""

logger = logger_of(__name__)


class Callbacks:
    """Delivers the end of each task that was booked, from `start` until `close`.

    At least once: a server that was killed while it delivered one delivers it again. Where servers
    share a state, several may have the same one in their queues: whoever attempts it is alone.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        worlds: Worlds,
        locks: Locks,
        tasks: TaskStore,
        finished_data: FinishedData,
        telemetry: Telemetry,
    ) -> None:
        self._telemetry = telemetry
        telemetry.sample("callbacks_pending", lambda: len(self))
        self._records = PendingRecords(storage, clock, worlds.state, locks)
        self._worlds = worlds
        self._state = worlds.state
        self._locks = locks
        self._attempts = Attempts(self._records, locks, tasks, finished_data, telemetry)
        self._queues: dict[str, WorldQueue] = {}
        """By the names of their worlds, as long as anything is pending."""
        self._jobs: dict[WorldQueue, asyncio.Task[None]] = {}
        self._restoring: asyncio.Task[None] | None = None
        self._ticking: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def start(self) -> None:
        """Read in the background what earlier servers left in the storage."""
        self._restoring = asyncio.create_task(self._restore())
        self._ticking = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            for queue in list(self._queues.values()):
                # Another server may have moved the clock; where the state is away it is as it was.
                with contextlib.suppress(StateError):
                    await self._state.refresh(queue.world)
                queue.notice_time()

    async def close(self) -> None:
        """Cancel what runs. The records stay, for the next server on the storage."""
        if len(self):
            logger.info("%d callback(s) still pending at the end", len(self))
        jobs = (self._restoring, self._ticking, *self._jobs.values())
        ending = [job for job in jobs if job is not None]
        for job in ending:
            job.cancel()
        if ending:
            await asyncio.wait(ending)

    @contextlib.asynccontextmanager
    async def booked(self, task: Task, world: World) -> AsyncIterator[None]:
        """Deliver the end of `task`, if it has a webhook, once the block has stored it.

        The record is written first, so that no stored task lacks one. Raises StorageError.
        """
        pending = await self._hold(task, world) if task.webhook else None
        if pending is None:
            yield
            return
        queue = self._queues[world.name]
        try:
            await self._records.write(pending)
            yield
        except BaseException:
            queue.remove(pending)
            await self._records.delete(pending)
            raise
        if world.gone:
            await self._records.delete(pending)
        pending.is_held = False
        queue.look_again(task.id)

    async def _hold(self, task: Task, world: World) -> Pending | None:
        """Reserve a place for a callback; return None where there is none, or the world is gone.

        Raises StateError.
        """
        if world.gone:
            return None
        if not await self._records.occupy(task.id, world.name):
            logger.warning("no callback of %s: %d of its key wait", task.id, MAX_WAITING)
            return None
        pending = self._records.new(world.name, task.id, task.planned_end_ms)
        pending.is_held = True
        pending.place = self._telemetry.place()
        if self._add(pending, world):
            return pending
        await self._records.vacate(pending)
        return None

    def _add(self, pending: Pending, world: World, longest_pause: float = math.inf) -> bool:
        """Add a callback to its world's queue, unless too many wait.

        It is looked at within `longest_pause` seconds, and when its time is over.
        """
        queue = self._queues.get(world.name)
        if len(self) >= MAX_PENDING or (queue is not None and queue.is_full):
            limit = f"{MAX_WAITING} of its key, or {MAX_PENDING} in all,"
            logger.warning("no callback of %s: %s are waiting already", pending.task_id, limit)
            return False
        if queue is None or queue.world is not world:
            queue = self._open_queue(world)
        longest = min(longest_pause, self._records.seconds_to_live(pending))
        pending.at_latest = asyncio.get_running_loop().time() + longest
        queue.add(pending)
        return True

    def _open_queue(self, world: World) -> WorldQueue:
        """Begin a queue, and end that of a world which this one has replaced."""
        self._cancel(self._queues.get(world.name))
        queue = self._queues[world.name] = WorldQueue(world, self._attempts.attempt)
        # As a request does: a world that is evicted would come back as another object.
        world.running += 1
        job = self._jobs[queue] = asyncio.create_task(self._run(queue))
        job.add_done_callback(lambda _: self._leave(queue))
        return queue

    async def _run(self, queue: WorldQueue) -> None:
        await queue.run()
        # In the same step in which it has become empty, so that nothing is added to it any more.
        if self._queues.get(queue.world.name) is queue:
            del self._queues[queue.world.name]

    def _leave(self, queue: WorldQueue) -> None:
        queue.world.running -= 1
        del self._jobs[queue]

    def _cancel(self, queue: WorldQueue | None) -> None:
        if queue is not None:
            self._jobs[queue].cancel()
            self._queues.pop(queue.world.name, None)

    def note_poll(self, task: Task, world: World) -> None:
        """Look at a task again, which a poll may have ended."""
        queue = self._queues.get(task.world)
        if queue is not None and task.id in queue:
            queue.look_again(task.id)
        elif self._state.is_shared:
            # Another server has booked it, and does not hear of polls of this one.
            self._add(self._records.new(task.world, task.id, task.planned_end_ms), world)

    def note_end(self, task: Task, world: World) -> None:
        """Look at a task that was ended before its time."""
        queue = self._queues.get(task.world)
        if queue is not None and task.id in queue:
            queue.bring_forward(task.id, task.planned_end_ms)
        else:
            self.note_poll(task, world)

    def note_clock(self, world: World) -> None:
        """Look at all tasks again that go by a clock which was moved, the server's included."""
        for queue in self._queues.values():
            if world in (queue.world, self._worlds.server):
                queue.look_again()

    async def forget(self, world: World) -> None:
        """Delete what is stored of the callbacks of a world. Raises StorageError, StateError."""
        await self._records.forget(world.name)

    def cancel_gone(self) -> None:
        """Stop attempting the callbacks of worlds that are gone, and leave the storage alone."""
        for queue in list(self._queues.values()):
            if queue.world.gone:
                self._cancel(queue)

    async def _restore(self) -> None:
        """Take over the callbacks of earlier servers, and of those that die meanwhile."""
        is_first = True
        while True:
            try:
                # A server that starts does so at once; later one does it for all.
                if is_first or await self._locks.claim("callbacks", RESTORE_PAUSE_SECONDS):
                    await self._take_over_all()
                is_first = False
            except (StorageError, StateError) as error:
                logger.error("cannot read the callbacks of other servers: %s", error)
            if not is_first and not self._state.is_shared:
                return
            await asyncio.sleep(RESTORE_PAUSE_SECONDS)

    async def _take_over_all(self) -> None:
        found = 0
        async for each in self._records.all():
            if len(self) >= MAX_PENDING:
                break
            found += await self._take_over(each)
        if found:
            logger.info("%d callback(s) of other servers are pending", found)

    async def _take_over(self, pending: Pending) -> bool:
        """Attempt a callback of another server; return False where it is one of this server.

        Raises StorageError, StateError.
        """
        world = await self._worlds.by_name(pending.world)
        queue = self._queues.get(world.name)
        if queue is not None and pending.task_id in queue:
            return False
        return self._add(pending, world, pause_after(pending.tries))
