"""Disturbances: kills and stops, full disks, stalls, and a store that fails."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from soak.load.scene import Scene
from soak.storages import StorageUnderTest

FAILURES = frozenset({500, 503})
"""What an operation may answer while the storage fails."""
STOPPING = frozenset({503})
_PAUSE_SECONDS = (0.3, 2.0)
_LASTS_SECONDS = (0.3, 2.5)
_FILLER_BYTES = 1 << 20

Disturbance = Callable[[Scene, StorageUnderTest], Awaitable[None]]


async def disturb(scene: Scene, storage: StorageUnderTest, until: asyncio.Event) -> None:
    """Disturb the server in one way after another, at random, until the event."""
    possible = [each for each, is_possible in _POSSIBLE.items() if is_possible(storage)]
    order = scene.rng.sample(possible, len(possible))
    if _kill in order:
        # First, for runs so short that not all have their turn.
        order.append(order.pop(order.index(_kill)))
    while not until.is_set():
        # Each once before any comes again: a short run sees them all.
        order = order or scene.rng.sample(possible, len(possible))
        await asyncio.sleep(scene.rng.uniform(*_PAUSE_SECONDS))
        await order.pop()(scene, storage)


async def _last(scene: Scene) -> None:
    await asyncio.sleep(scene.rng.uniform(*_LASTS_SECONDS))


async def _kill(scene: Scene, storage: StorageUnderTest) -> None:
    with scene.incidents.during("kill -9", breaks_connections=True):
        await scene.server.kill()
        await scene.server.start()


async def _stop(scene: Scene, storage: StorageUnderTest) -> None:
    with scene.incidents.during("stop", STOPPING, breaks_connections=True):
        status = await scene.server.stop()
        if status != 0:
            scene.findings.add("exit", f"the server stopped with status {status}")
        await scene.server.start()


async def _stall(scene: Scene, storage: StorageUnderTest) -> None:
    with scene.incidents.during("stalled server"), scene.server.suspended():
        await _last(scene)


async def _fill_disk(scene: Scene, storage: StorageUnderTest) -> None:
    filling = _full(storage.disk) if storage.disk else limited(scene.server.pid)
    with scene.incidents.during("full disk", FAILURES), filling:
        await _last(scene)


@contextlib.contextmanager
def _full(disk: Path) -> Iterator[None]:
    """Fill a file system; leave it as it was."""
    filler = disk / "filler"
    try:
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                _write(file.fileno())
        yield
    finally:
        filler.unlink(missing_ok=True)


def _write(descriptor: int) -> None:
    try:
        os.write(descriptor, bytes(_FILLER_BYTES))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            # The last bytes too, which a smaller write still finds.
            while os.write(descriptor, bytes(512)):
                pass
        raise


@contextlib.contextmanager
def limited(pid: int) -> Iterator[None]:
    """Let a process write nothing to files: what a user without mounts can do."""
    # Here, since Windows does not have it, and tests import this module everywhere.
    import resource

    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


async def _hang_store(scene: Scene, storage: StorageUnderTest) -> None:
    assert storage.proxy is not None
    with scene.incidents.during(
        "stalled store", FAILURES, breaks_connections=True, leaves_doubt=True
    ):
        storage.proxy.hang()
        await _last(scene)
        storage.proxy.pass_on()


async def _suspend_store(scene: Scene, storage: StorageUnderTest) -> None:
    assert storage.store is not None
    with scene.incidents.during(
        "suspended store", FAILURES, breaks_connections=True, leaves_doubt=True
    ):
        os.kill(storage.store.pid, signal.SIGSTOP)
        try:
            await _last(scene)
        finally:
            os.kill(storage.store.pid, signal.SIGCONT)


async def _fail_store(scene: Scene, storage: StorageUnderTest) -> None:
    assert storage.proxy is not None
    with scene.incidents.during(
        "failing store", FAILURES, breaks_connections=True, leaves_doubt=True
    ):
        storage.proxy.answer_errors()
        await _last(scene)
        storage.proxy.pass_on()


async def _cut_store(scene: Scene, storage: StorageUnderTest) -> None:
    assert storage.proxy is not None
    with scene.incidents.during("cut store", FAILURES, breaks_connections=True, leaves_doubt=True):
        storage.proxy.reset()


async def _kill_store(scene: Scene, storage: StorageUnderTest) -> None:
    assert storage.store is not None
    with scene.incidents.during(
        "killed store", FAILURES, breaks_connections=True, leaves_doubt=True
    ):
        storage.store.stop()
        await asyncio.to_thread(storage.store.start)


_POSSIBLE: dict[Disturbance, Callable[[StorageUnderTest], bool]] = {
    _kill: lambda storage: storage.keeps_at_restart,
    _stop: lambda storage: storage.keeps_at_restart,
    _stall: lambda storage: True,
    _fill_disk: lambda storage: storage.name == "dir",
    _hang_store: lambda storage: storage.proxy is not None,
    _suspend_store: lambda storage: storage.store is not None,
    _fail_store: lambda storage: storage.proxy is not None,
    _cut_store: lambda storage: storage.proxy is not None,
    _kill_store: lambda storage: storage.store_keeps,
}
"""The disturbances, and whether a storage allows them."""
