"""Deletes files whose 72 hours have passed: in the background, by the server's own clock.

Where a storage is full, the clocks of worlds count too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from fake_apimart_storage import DamagedObject, Listed, Storage, StorageError
from fake_apimart_storage.batches import batches_of
from fake_apimart_storage.interface import SWEEP_BATCH

from fake_apimart.callbacks import pending
from fake_apimart.common.clock import Clock
from fake_apimart.contract import file_url
from fake_apimart.files.stored_file import StoredFile
from fake_apimart.generation import idempotency
from fake_apimart.observability.log import logger_of
from fake_apimart.service.own_keys import is_own
from fake_apimart.settings.settings import Settings
from fake_apimart.state.memory import saved_states
from fake_apimart.tasks import results
from fake_apimart.tasks import store as task_store
from fake_apimart.worlds.clock import WorldClock
from fake_apimart.worlds.world import World

LONGEST_PAUSE = 600
"""Seconds between two looks at the storage, where files live long."""

MAX_LOGGED = 20
"""How many kinds of failures are logged before a round succeeds."""

_NANOSECONDS = 1_000_000_000

logger = logger_of(__name__)


def lifetimes(ttl: int) -> dict[str, int]:
    """How many seconds what lies below each prefix of the storage lives at the most.

    `ttl` is how many seconds uploaded files live; results lie beside them.
    """
    return {
        file_url.KEY_PREFIX: max(ttl, results.LIFE_SECONDS),
        task_store.TASK_PREFIX: task_store.LIFE_SECONDS,
        task_store.POLLS_PREFIX: task_store.LIFE_SECONDS,
        idempotency.KEY_PREFIX: idempotency.LIFE_SECONDS,
        pending.KEY_PREFIX: pending.LIFE_SECONDS,
        saved_states.KEY_PREFIX: saved_states.LIFE_SECONDS,
    }


def longest_lifetime(settings: Settings) -> int:
    """Return for how many seconds an uploaded file stays in any storage."""
    return lifetimes(settings.url_ttl_seconds)[file_url.KEY_PREFIX]


async def expire_files(storage: Storage, ttl: int, clock: Clock) -> None:
    """Delete what has expired by `clock`, and what is damaged, every so often, until cancelled.

    `ttl` is how many seconds new files live. Whatever fails is logged once, until a round succeeds,
    and tried again.
    """
    pause = max(1, min(LONGEST_PAUSE, ttl // 2))
    logged: set[str] = set()
    while True:
        try:
            deleted = await storage.delete_expired(clock.time_ns() / _NANOSECONDS, is_own)
        except Exception as error:  # noqa: BLE001
            # Nobody awaits this job: without it the storage would fill up.
            _log_once(error, logged)
        else:
            logged.clear()
            if deleted:
                logger.info("deleted %d expired file(s)", deleted)
        await asyncio.sleep(pause)


async def make_room(storage: Storage, worlds: Iterable[World], clock: Clock) -> None:
    """Delete what has expired by `clock`, and files that have by the clock of their world.

    Raises StorageError.
    """
    await storage.delete_expired(clock.time_ns() / _NANOSECONDS, is_own)
    clocks = {world.name: world.clock for world in worlds}
    async for keys in batches_of(storage.keys(file_url.KEY_PREFIX), SWEEP_BATCH):
        dead = [
            listed.key
            async for listed in storage.described([*filter(is_own, keys)])
            if _is_dead(listed, clocks)
        ]
        await storage.delete_many(dead)


def _is_dead(listed: Listed, clocks: Mapping[str, WorldClock]) -> bool:
    """Return whether a file has expired by its world's clock, where that is known."""
    if listed.info is None:
        return False
    try:
        file = StoredFile.from_info(listed.info)
    except DamagedObject:
        return False
    clock = clocks.get(file.world)
    return clock is not None and not file.is_alive(clock.time_ns())


def _log_once(error: Exception, logged: set[str]) -> None:
    problem = str(error) if isinstance(error, StorageError) else f"{type(error).__name__}: {error}"
    if problem not in logged and len(logged) < MAX_LOGGED:
        logged.add(problem)
        logger.error("cannot delete expired files: %s", problem)
