"""Temporary files of uploads in flight, in a folder per server, and the worker threads.

PATH/incoming has one folder for each server that uses PATH. A server holds a file lock in its
folder while it runs, and the operating system releases it however the server ends. A folder whose
lock is free is therefore left from a crash, and is swept at the next start of any server. A server
whose folder or lock is removed while it runs claims another folder. Some network file systems have
no locks: nothing is swept there, and servers do not notice each other.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from fake_apimart_storage.folders import Folder, folder_at
from fake_apimart_storage.open_writers import OpenWriters

WORKER_THREADS = 4
BATCH_BYTES = 1024 * 1024
"""Largest batch that a writer collects before it submits it to a thread."""
MIN_BATCH_BYTES = 64 * 1024
"""Smallest such batch, however many large writers there are."""
BUFFER_BYTES = 24 * 1024 * 1024
"""Memory for the batches of all large writers together."""
LOCK_SECONDS = 10
"""Timeout for a file lock at the start."""
RECLAIM_SECONDS = 1
"""The same while the server runs, and other requests wait."""
SLOW_SECONDS = 0.03
"""A write that takes longer did not only copy to the page cache, and blocked the event loop."""
SLOW_COOLDOWN_SECONDS = 10
"""How long writes go to threads after a slow one."""

_FOLDER = "incoming"
_START_LOCK = "incoming.lock"
_LOCK = "lock"
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What file systems say that have no locks."""

logger = logging.getLogger(__name__)


class Part(NamedTuple):
    """A temporary file: its folder, which stays open as long as this refers to it, and its name."""

    folder: Folder
    name: str


class _Claim(NamedTuple):
    """A folder of this server's own, with the lock in it and what identifies that file."""

    folder: Folder
    lock: FileLock | None
    inode: int | None

    @property
    def is_lost(self) -> bool:
        """Whether the folder or the lock was removed, so that others may think it abandoned."""
        return self.folder.inode(_LOCK) != self.inode


class Incoming:
    """This server's folder below `root`/incoming, and the threads that read and write files.

    `large_writers` counts the writers that use the threads. `has_others` says whether other servers
    used the root when this one began.
    """

    def __init__(self, root: Path) -> None:
        self.large_writers = 0
        self.has_others = False
        self.pool = ThreadPoolExecutor(WORKER_THREADS, thread_name_prefix="storage")
        self.writers = OpenWriters()
        self._root = root
        self._claim: _Claim | None = None
        self._claiming = threading.Lock()
        self._numbers = itertools.count()
        self._slow_until = 0.0
        self._has_locks = True

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
        """Sweep what crashes left, and claim a folder. Raises OSError."""
        with self._starting(LOCK_SECONDS):
            if self._has_locks:
                for folder in (self._root / _FOLDER).iterdir():
                    self.has_others |= _is_used_after_sweep(folder)
            self._claim = self._new_claim()

    @contextlib.contextmanager
    def _starting(self, lock_seconds: float) -> Iterator[None]:
        """Let no other server start meanwhile. Raises OSError.

        Between creating its folder and locking it a server looks dead, so no other may sweep then.
        """
        # Not created by the lock: where the root is gone, so are the user's files.
        with folder_at(str(self._root), [_FOLDER], create=True):
            pass
        lock = self._locked(str(self._root / _START_LOCK), lock_seconds)
        try:
            yield
        finally:
            if lock is not None:
                lock.release()

    def _locked(self, path: str, seconds: float) -> FileLock | None:
        """Return a lock that is held, or None where there are no locks. Raises OSError."""
        # A thread may release what another has acquired.
        lock = FileLock(path, thread_local=False)
        try:
            lock.acquire(timeout=seconds)
        except (OSError, NotImplementedError) as error:
            if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
                raise
            if self._has_locks:
                self._has_locks = False
                logger.warning(
                    "%s has no file locks: what crashes leave in %s stays there, and servers that "
                    "share it do not notice each other",
                    self._root,
                    _FOLDER,
                )
            return None
        return lock

    def _new_claim(self) -> _Claim:
        with folder_at(str(self._root), [_FOLDER]) as incoming:
            for name in map(str, itertools.count()):
                # Without locks another server may come before.
                with contextlib.suppress(FileExistsError):
                    if not incoming.has(name):
                        incoming.create(name)
                        break
            folder = incoming.below(name)
        lock = self._locked(f"{folder.path}{os.sep}{_LOCK}", LOCK_SECONDS)
        if not folder.has(_LOCK):
            os.close(folder.create_file(_LOCK))
        return _Claim(folder, lock, folder.inode(_LOCK))

    def close(self) -> None:
        """Wait for the threads, and remove the folder."""
        self.pool.shutdown()
        claim, self._claim = self._claim, None
        if claim is not None:
            if claim.lock is not None:
                claim.lock.release(force=True)
            with contextlib.suppress(OSError):
                shutil.rmtree(claim.folder.path)
            claim.folder.close()

    def create_part(self) -> tuple[int, Part]:
        """Create a file and return a descriptor to write to it. Raises OSError."""
        part = Part(self._own_folder(), f"{next(self._numbers)}.part")
        return part.folder.create_file(part.name), part

    def _own_folder(self) -> Folder:
        """Return this server's folder; a new one if it, or its lock, was removed meanwhile.

        The root is never created again: if it is gone, so are the user's files.
        """
        with self._claiming:
            assert self._claim is not None, "open the storage first"
            if self._claim.is_lost:
                lost = self._claim
                with self._starting(RECLAIM_SECONDS):
                    self._claim = self._new_claim()
                if lost.lock is not None:
                    lost.lock.release(force=True)
                logger.warning("claimed another folder for uploads: the one before was removed")
            return self._claim.folder


def _is_used_after_sweep(folder: Path) -> bool:
    """Remove the folder of a server that no longer runs; return whether it does run.

    What is none of ours stays.
    """
    if not folder.name.isdecimal() or folder.is_symlink() or not folder.is_dir():
        return False
    try:
        lock = FileLock(folder / _LOCK, timeout=0)
        with lock:
            left = [path.name for path in folder.iterdir() if path.name != _LOCK]
        shutil.rmtree(folder)
    except Timeout:
        return True
    except OSError as error:
        logger.warning("cannot sweep %s: %s", folder, error.strerror or error)
        return False
    if left:
        logger.info("swept %d unfinished upload(s) that a crash left", len(left))
    return False
