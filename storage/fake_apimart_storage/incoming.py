"""Where uploads lie while they are written: a folder of this server's own, and its threads.

PATH/incoming has one folder for each server that uses PATH. A server holds a lock in its folder
for as long as it lives, and the operating system drops it however the server ends: what lies in a
folder without a holder is left from a crash, and swept at the next start.
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
SMALLEST_BATCH_BYTES = 64 * 1024
BUFFER_BYTES = 24 * 1024 * 1024
LOCK_SECONDS = 10
SLOW_SECONDS = 0.03
"""A write that takes longer was not to memory alone, and has held up all that the server does."""
SLOW_FOR_SECONDS = 10
"""For so long writes are then left to threads."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Incoming:
    """Temporary names below `root`/incoming, and the worker threads that read and write."""

    def __init__(self, root: Path) -> None:
        self.large_writers = 0
        self.pool = ThreadPoolExecutor(WORKER_THREADS, thread_name_prefix="storage")
        self._root = root
        self._own: Path | None = None
        self._lock: FileLock | None = None
        self._numbers = itertools.count()
        self._slow_until = 0.0

    @property
    def is_quick(self) -> bool:
        """Whether a write may be expected to take no longer than copying its bytes."""
        return time.monotonic() >= self._slow_until

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """Around a write in the event loop: one that is slow is the last for a while."""
        begun = time.monotonic()
        yield
        ended = time.monotonic()
        if ended - begun > SLOW_SECONDS:
            self._slow_until = ended + SLOW_FOR_SECONDS

    @property
    def batch_bytes(self) -> int:
        """How much a writer collects before it hands over: less, the more writers there are."""
        share = BUFFER_BYTES // (2 * max(1, self.large_writers))
        return max(SMALLEST_BATCH_BYTES, min(BATCH_BYTES, share))

    def open(self) -> None:
        """Sweep what crashes left, and take a folder. Raises OSError, filelock.Timeout."""
        incoming = self._root / "incoming"
        incoming.mkdir(parents=True, exist_ok=True)
        # Between making a folder and locking it a server looks dead: nobody may sweep just then.
        with FileLock(self._root / "incoming.lock", timeout=LOCK_SECONDS):
            for folder in incoming.iterdir():
                _sweep(folder)
            numbers = (incoming / str(number) for number in itertools.count())
            self._own = next(path for path in numbers if not path.exists())
            self._own.mkdir()
            self._lock = FileLock(self._own / "lock")
            self._lock.acquire(timeout=LOCK_SECONDS)

    def close(self) -> None:
        """Wait for the threads, and give the folder back."""
        self.pool.shutdown()
        if self._lock is not None and self._own is not None:
            self._lock.release()
            with contextlib.suppress(OSError):
                shutil.rmtree(self._own)
            self._lock = None

    def temporary_path(self) -> str:
        """A name in this server's own folder that no other upload has."""
        assert self._own is not None, "open the storage first"
        return f"{self._own}{os.sep}{next(self._numbers)}.part"

    def healing(self, action: Callable[[], T]) -> T:
        """Run `action`; if the own folder was removed meanwhile, make it anew and try again.

        The root itself is never made anew: where it is gone, so are the user's files.
        """
        try:
            return action()
        except FileNotFoundError:
            if self._own is None or not self._root.is_dir() or self._own.is_dir():
                raise
            self._own.mkdir(parents=True, exist_ok=True)
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
