"""Temporary files of uploads in flight, in a folder per server, and the worker threads.

PATH/incoming has one folder for each server that uses PATH. A server holds a file lock in its
folder while it runs, and the operating system releases it however the server ends. A folder whose
lock is free is therefore left from a crash, and is swept at the next start of any server.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

WORKER_THREADS = 4
BATCH_BYTES = 1024 * 1024
"""Largest batch that a writer collects before it submits it to a thread."""
MIN_BATCH_BYTES = 64 * 1024
"""Smallest such batch, however many large writers there are."""
BUFFER_BYTES = 24 * 1024 * 1024
"""Memory for the batches of all large writers together."""
LOCK_SECONDS = 10
"""Timeout for a file lock at the start."""
SLOW_SECONDS = 0.03
"""A write that takes longer did not only copy to the page cache, and blocked the event loop."""
SLOW_COOLDOWN_SECONDS = 10
"""How long writes go to threads after a slow one."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Incoming:
    """This server's folder below `root`/incoming, and the threads that read and write files.

    `large_writers` counts the writers that use the threads.
    """

    def __init__(self, root: Path) -> None:
        self.large_writers = 0
        self.pool = ThreadPoolExecutor(WORKER_THREADS, thread_name_prefix="storage")
        self._root = root
        self._folder: Path | None = None
        self._lock: FileLock | None = None
        self._numbers = itertools.count()
        self._slow_until = 0.0

    @property
    def is_quick(self) -> bool:
        """Whether a write can be expected to take no longer than a copy to the page cache."""
        return time.monotonic() >= self._slow_until

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Time a write in the event loop; a slow one makes `is_quick` false for a while."""
        started = time.monotonic()
        yield
        ended = time.monotonic()
        if ended - started > SLOW_SECONDS:
            self._slow_until = ended + SLOW_COOLDOWN_SECONDS

    @property
    def batch_bytes(self) -> int:
        """Size of the batches that a writer collects: smaller, the more large writers there are."""
        share = BUFFER_BYTES // (2 * max(1, self.large_writers))
        return max(MIN_BATCH_BYTES, min(BATCH_BYTES, share))

    def open(self) -> None:
        """Sweep what crashes left, and claim a folder. Raises OSError, filelock.Timeout."""
        incoming = self._root / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        # Between creating its folder and locking it a server looks dead, so no other may sweep
        # then.
        with FileLock(self._root / "incoming.lock", timeout=LOCK_SECONDS):
            for folder in incoming.iterdir():
                _sweep(folder)
            numbers = (incoming / str(number) for number in itertools.count())
            self._folder = next(path for path in numbers if not path.exists())
            self._folder.mkdir()
            self._lock = FileLock(self._folder / "lock")
            self._lock.acquire(timeout=LOCK_SECONDS)

    def close(self) -> None:
        """Wait for the threads, and remove the folder."""
        self.pool.shutdown()
        if self._lock is not None and self._folder is not None:
            self._lock.release()
            with contextlib.suppress(OSError):
                shutil.rmtree(self._folder)
            self._lock = None

    def temporary_path(self) -> str:
        """Return a new path in this server's folder."""
        assert self._folder is not None, "open the storage first"
        return f"{self._folder}{os.sep}{next(self._numbers)}.part"

    def recreating_folder(self, action: Callable[[], T]) -> T:
        """Run `action`; if this server's folder was removed, recreate it and retry once.

        The root is never recreated: if it is gone, so are the user's files.
        """
        try:
            return action()
        except FileNotFoundError:
            if self._folder is None or not self._root.is_dir() or self._folder.is_dir():
                raise
            self._folder.mkdir(parents=True, exist_ok=True)
            return action()


def _sweep(folder: Path) -> None:
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return
    lock.release()
    left = [path.name for path in folder.iterdir() if path.name != "lock"]
    shutil.rmtree(folder)
    if left:
        logger.info("swept %d unfinished upload(s) that a crash left", len(left))
