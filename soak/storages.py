"""The storages that a run can be on, each with what it needs, and what can be done to it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fake_apimart.settings.names import variable_of

from soak.proxy import Proxy
from tests.stores import Store, StoreProcess, minio, moto

NAMES = ("memory", "dir", "s3")
DISK_BYTES = 1_500_000_000
_BUCKET = "soak"


@dataclass(frozen=True)
class StorageUnderTest:
    """A storage: its location, the environment that reaches it, and its means of disturbance.

    `disk` is a file system of its own that can be filled. `store` is the process of the S3 store,
    `proxy` what lies before it.
    """

    name: str
    location: str
    keeps_at_restart: bool
    env: Mapping[str, str] = field(default_factory=dict)
    disk: Path | None = None
    store: StoreProcess | None = None
    store_keeps: bool = False
    """Whether the S3 store itself may be killed."""
    proxy: Proxy | None = None


@contextlib.asynccontextmanager
async def storage(name: str, folder: Path, rng: random.Random) -> AsyncIterator[StorageUnderTest]:
    """Yield the storage called `name`, with its data in `folder`; end its processes afterwards."""
    if name == "memory":
        # What is soaked is no full storage: the files of a long run stay for 72 hours.
        env = {variable_of("max_memory_bytes"): str(2**40)}
        yield StorageUnderTest(name, "memory://", keeps_at_restart=False, env=env)
    elif name == "dir":
        data = folder / "data"
        data.mkdir()
        with _file_system(data) as disk:
            yield StorageUnderTest(name, f"dir:{data}", keeps_at_restart=True, disk=disk)
    else:
        async with _s3(folder, rng) as on_s3:
            yield on_s3


@contextlib.contextmanager
def _file_system(folder: Path) -> Iterator[Path | None]:
    """Mount a small file system in memory where root may; yield the folder, or None."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "soak", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield folder
    finally:
        # Lazily: a process that was killed may hold it for a moment.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.asynccontextmanager
async def _s3(folder: Path, rng: random.Random) -> AsyncIterator[StorageUnderTest]:
    try:
        store, keeps = minio(folder / "store"), True
    except pytest.skip.Exception:
        store, keeps = moto(), False
    await asyncio.to_thread(store.start)
    try:
        parts = urlsplit(store.store.endpoint)
        async with Proxy((str(parts.hostname), parts.port or 0), rng) as proxy:
            host, port = proxy.address
            env = Store(f"http://{host}:{port}").env
            yield StorageUnderTest(
                "s3",
                f"s3://{_BUCKET}/run",
                keeps_at_restart=True,
                env=env,
                store=store,
                store_keeps=keeps,
                proxy=proxy,
            )
    finally:
        store.stop()
