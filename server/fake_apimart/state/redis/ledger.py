"""What worlds have spent and how often tasks were polled, counted by Redis for all servers."""

from __future__ import annotations

from fake_apimart.go.json import marshal
from fake_apimart.state.redis.connection import Connection
from fake_apimart.state.redis.world import RedisWorld, known
from fake_apimart.tasks.ledger import Ledger
from fake_apimart.tasks.state import Polls
from fake_apimart.tasks.store import TaskStore
from fake_apimart.tasks.task import Task
from fake_apimart.worlds.world import World

_NANOSECONDS_PER_MILLISECOND = 1_000_000

Charge = tuple[str, float, int, int]


class RedisLedger(Ledger):
    """The accounts of all worlds. Each begins with the tasks that the storage has of its world."""

    def __init__(self, tasks: TaskStore, connection: Connection) -> None:
        self._tasks = tasks
        self._run = connection.run

    async def store(self, task: Task, world: World) -> None:
        """Store a task; Redis is told of its cost with the entry of the request."""
        here = known(world)
        if here.committed is None:
            await self._sums(here)
        await self._tasks.put(task, world)
        if task.failure is None:
            here.changes.charged.append(_charge(task))

    async def replace(self, task: Task, ended: Task, world: World) -> None:
        here = known(world)
        await self._sums(here)
        await self._tasks.replace(ended, world)
        charge = marshal(_charge(ended)) if ended.failure is None else b""
        was_charged = int(task.failure is None)
        arguments = (task.id, task.cost, was_charged, charge)
        await self._run("replace_charge", here.name, here.token, *arguments)

    async def committed(self, world: World) -> float:
        """Return it; the tasks are added up where Redis has not done so, or has forgotten it."""
        here = known(world)
        if here.committed is None:
            _, here.committed = await self._sums(here)
        return here.committed + sum(cost for _, cost, _, _ in here.changes.charged)

    async def spent(self, world: World) -> float:
        spent, _ = await self._sums(known(world))
        return spent

    async def _sums(self, world: RedisWorld) -> tuple[float, float]:
        """Return what is spent and what is committed, by the storage where Redis does not know."""
        now_ms = _now_ms(world)
        sums = await self._run("spent", world.name, world.token, now_ms)
        if sums is None:
            charges = [
                _charge(task) async for task in self._tasks.all_of(world) if task.failure is None
            ]
            await self._run("load_account", world.name, world.token, marshal(charges))
            sums = await self._run("spent", world.name, world.token, now_ms)
        spent, committed = map(float, sums or (0, 0))
        return spent, committed

    async def polls(self, task: Task) -> Polls:
        return await self._polls(task, "", "", 0) if task.polls else Polls()

    async def count_poll(self, task: Task, world: World) -> Polls:
        if not task.polls:
            return Polls()
        return await self._polls(task, known(world).token, task.polls, _now_ms(world))

    async def _polls(self, task: Task, token: str, needed: int | str, now_ms: int) -> Polls:
        arguments = (task.world, token, task.id, needed, now_ms)
        so_far, reached = await self._run("count_poll", *arguments)
        return Polls(int(so_far), int(reached) if reached else None)


def _charge(task: Task) -> Charge:
    """Return what Redis is told of the cost of a task."""
    return task.id, task.cost, task.earliest_end_ms, int(task.polls > 0)


def _now_ms(world: World) -> int:
    return world.clock.time_ns() // _NANOSECONDS_PER_MILLISECOND
