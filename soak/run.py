"""A run on one storage: a storm of disturbances, a calm time, and the verification at the end.

The load goes on through storm and calm. Growth is measured in the calm time, in which no
disturbance starts the server anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from soak.disturbances import disturb
from soak.load.fuzzer import fuzz
from soak.load.receiver import Receiver
from soak.load.scene import Scene
from soak.load.warm_up import warm_up
from soak.load.worker import work
from soak.proxy import Proxy
from soak.record import gauges
from soak.record.growth import MIN_SAMPLES, growth_of
from soak.record.outcome import Outcome, Plan
from soak.server_process import ServerProcess
from soak.storages import StorageUnderTest, storage

WORKERS = 8
FUZZERS = 2
ROOM_BYTES = {"memory": 25_000_000, "dir": 60_000_000, "s3": 40_000_000}
"""What each worker may have stored at a time, by storage."""
STORM_ENDS = 0.35
CALM_ENDS = 0.8
"""Shares of the time of a run; what is left is for the verification at its end."""
MIN_CALM_SECONDS = 6.0
SAMPLE_SECONDS = 0.25
MEMORY_NOISE_BYTES = 6_000_000
HELD_NOISE_BYTES = 150_000_000
"""On `memory://`, by the root of the seconds of a third: uploads that come and go leave holes."""
MAX_HELD_NOISE_BYTES = 60_000_000
DESCRIPTORS_NOISE = 6
_REST_SECONDS = 1.5
_END_SECONDS = 180.0


async def run(name: str, plan: Plan) -> Outcome:
    """Run on the storage called `name`."""
    started = time.monotonic()
    outcome = Outcome(name, plan)
    rng = random.Random(f"{plan.seed}-{name}")
    with tempfile.TemporaryDirectory(prefix="soak-", dir=plan.folder) as folder:
        async with storage(name, Path(folder), rng) as under_test:
            server = ServerProcess(under_test.location, under_test.env, outcome.findings)
            try:
                await server.start()
                await _run_or_end(_run_on(under_test, server, rng, outcome), outcome)
            finally:
                await server.end_quietly()
            outcome.starts = server.incarnation
            outcome.log_levels = dict(server.log.levels)
    outcome.seconds = time.monotonic() - started
    return outcome


async def _run_or_end(running: Coroutine[Any, Any, None], outcome: Outcome) -> None:
    """Run to the end, or to the first finding where the plan says so."""
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(running)]
    if outcome.plan.ends_at_finding:
        tasks.append(asyncio.create_task(outcome.findings.made.wait()))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in tasks:
            each.cancel()
        run_, *_ = await asyncio.gather(*tasks, return_exceptions=True)
    if isinstance(run_, Exception):
        raise run_


async def _run_on(
    under_test: StorageUnderTest, server: ServerProcess, rng: random.Random, outcome: Outcome
) -> None:
    started = time.monotonic()
    outcome.start = gauges.read(server.pid)
    plan = outcome.plan
    async with Proxy(server.address, rng, cuts=True) as cutting, Receiver(rng) as receiver:
        scene = Scene(
            server=server,
            cutting=cutting,
            incidents=outcome.incidents,
            findings=outcome.findings,
            tally=outcome.tally,
            rng=rng,
            seed=f"{plan.seed}-{under_test.name}",
        )
        room = ROOM_BYTES[under_test.name]
        workers = [work(scene, number, receiver, room) for number in range(WORKERS)]
        workers += [fuzz(scene, number) for number in range(FUZZERS)]
        async with _running(workers, scene):
            await _storm(scene, under_test, plan.seconds * STORM_ENDS)
            # From here on, so that the end of the run need not wait for the pause before a retry.
            receiver.is_refusing = False
            await warm_up(scene)
            left = plan.seconds * CALM_ENDS - (time.monotonic() - started)
            outcome.samples = await _calm(scene, under_test, max(left, MIN_CALM_SECONDS))
        outcome.callbacks = receiver.count
    _judge_growth(outcome)
    await asyncio.sleep(_REST_SECONDS)
    outcome.end = gauges.read(server.pid)
    status = await server.stop()
    if status != 0:
        outcome.findings.add("exit", f"the server stopped with status {status} at the end")


@contextlib.asynccontextmanager
async def _running(workers: list[Coroutine[Any, Any, None]], scene: Scene) -> Any:
    """Run workers beside the block; then let them end, which verifies all that is left."""
    tasks = [asyncio.create_task(each) for each in workers]
    try:
        yield
        scene.ending.set()
        _, late = await asyncio.wait(tasks, timeout=_END_SECONDS)
        if late:
            scene.findings.add("hang", f"{len(late)} workers do not come to an end")
    finally:
        scene.ending.set()
        for each in tasks:
            each.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for failure in ended:
        if isinstance(failure, Exception):
            raise failure


async def _storm(scene: Scene, under_test: StorageUnderTest, seconds: float) -> None:
    is_over = asyncio.Event()
    disturbing = asyncio.create_task(disturb(scene, under_test, is_over))
    try:
        await asyncio.wait([disturbing], timeout=seconds)
    finally:
        # To its end, also where the run ends early: it may be about to start a process.
        is_over.set()
        await asyncio.wait([disturbing])
    disturbing.result()


async def _calm(
    scene: Scene, under_test: StorageUnderTest, seconds: float
) -> list[tuple[float, int]]:
    """Return samples of memory (without uploads held there, in bytes) and of descriptors."""
    samples = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        read = await asyncio.to_thread(gauges.read, scene.server.pid)
        if read is not None:
            held = sum(each.stored_bytes for each in scene.worlds.values())
            beside = read.memory - (held if under_test.name == "memory" else 0)
            samples.append((float(beside), read.descriptors))
        await asyncio.sleep(SAMPLE_SECONDS)
    return samples


def _judge_growth(outcome: Outcome) -> None:
    if len(outcome.samples) < MIN_SAMPLES:
        return
    memory, descriptors = zip(*outcome.samples, strict=True)
    outcome.growth = [
        growth_of("memory", memory, _memory_noise(outcome)),
        growth_of("descriptors", descriptors, DESCRIPTORS_NOISE),
    ]
    for each in outcome.growth:
        if each.is_too_much:
            outcome.findings.add("growth", f"{each.name}: medians of thirds {each.thirds}")


def _memory_noise(outcome: Outcome) -> float:
    """Return by how much the median of a third of the samples moves without growth, in bytes."""
    if outcome.storage != "memory":
        return MEMORY_NOISE_BYTES
    seconds = len(outcome.samples) * SAMPLE_SECONDS / 3
    return min(MAX_HELD_NOISE_BYTES, HELD_NOISE_BYTES / math.sqrt(seconds))
