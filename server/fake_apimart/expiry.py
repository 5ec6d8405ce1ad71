"""Deleting files whose 72 hours have passed, in the background and by the machine's own time."""

from __future__ import annotations

import asyncio
import logging

from fake_apimart_storage import Storage, StorageError, delete_expired

from fake_apimart.clock import SystemClock

LONGEST_PAUSE = 600
"""Seconds between two looks at the storage, where files live long."""

_NANOSECONDS = 1_000_000_000

logger = logging.getLogger("fake_apimart.expiry")


async def expire_files(storage: Storage, ttl: int) -> None:
    """Delete what has expired now, and again every so often, until cancelled.

    `ttl` is how many seconds new files live.
    """
    pause = max(1, min(LONGEST_PAUSE, ttl // 2))
    clock = SystemClock()
    while True:
        try:
            deleted = await delete_expired(storage, clock.time_ns() / _NANOSECONDS)
        except StorageError as error:
            logger.error("cannot delete expired files: %s", error)
        else:
            if deleted:
                logger.info("deleted %d expired file(s)", deleted)
        await asyncio.sleep(pause)
