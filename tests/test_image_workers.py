"""Decoding within bounds: worker processes, which end when they are late, idle or not needed."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fake_apimart.image_workers import decoders, messages, pool, process
from fake_apimart.image_workers.budget import Budget
from fake_apimart.image_workers.decoders import SMALL_BYTES, Decoders
from fake_apimart.image_workers.messages import Head, Message
from fake_apimart.image_workers.pool import WorkerPool
from fake_apimart.image_workers.worker import work
from fake_apimart.images.decoding import TooManyPixels, decode
from fake_apimart.images.picture_file import BrokenPicture, Content
from fake_apimart.machine.shortage import Shortage
from fake_apimart.telemetry.telemetry import Telemetry

from tests.harness import JPEG, PNG, wait_until
from tests.pictures import huge_png, slow_jpeg, thumbnail, upright_size
from tests.test_images import BROKEN, WHOLE

SECONDS = 30.0
SHORT = 0.5
LARGE_PNG = huge_png(9000, 9000)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def exists(pid: int) -> bool:
    """Return whether a process runs, or has ended and was not waited for."""
    return Path(f"/proc/{pid}").exists()


def has_ended(pid: int) -> bool:
    """Return whether a process does nothing any more, even if its parent did not wait for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def pids(workers: WorkerPool) -> list[int]:
    return [each._process.pid for each in (*workers._idle, *workers._busy)]


@pytest.fixture
def workers() -> Iterator[WorkerPool]:
    opened = WorkerPool(SECONDS)
    yield opened
    opened.close()


# Messages, and what a worker answers to them.


def test_message_is_read_as_it_was_written() -> None:
    stream = io.BytesIO()
    messages.write(stream, {"side": 3}, JPEG)
    messages.write(stream, {"go": True})
    stream.seek(0)
    assert messages.read(stream) == ({"side": 3, "length": len(JPEG)}, JPEG)
    assert messages.read(stream) == ({"go": True, "length": 0}, b"")


def test_message_that_is_cut_anywhere_is_an_end() -> None:
    stream = io.BytesIO()
    messages.write(stream, {"side": 3}, b"0123456789")
    for length in range(len(stream.getvalue())):
        with pytest.raises(EOFError):
            messages.read(io.BytesIO(stream.getvalue()[:length]))


def answers_to(*asked: Message | None) -> list[Message]:
    """Return what a worker answers that is asked so and then reads the end."""
    waiting = [*asked, None]
    said: list[Message] = []

    def send(head: Head, content: Content) -> None:
        said.append((head, bytes(content)))

    work(lambda: waiting.pop(0), send)
    return said


GO: Message = ({"go": True}, b"")
READY: Message = ({"ready": True}, b"")


def test_worker_says_the_size_of_what_decodes() -> None:
    said = answers_to(({"side": 0, "mode": "RGB"}, JPEG), GO)
    assert said == [READY, ({"memory": 32 * 32}, b""), ({"size": (32, 32)}, b"")]


def test_worker_sends_the_pixels_of_a_thumbnail() -> None:
    small = thumbnail(JPEG, 16)
    assert answers_to(({"side": 16, "mode": "RGB"}, JPEG), GO)[-1] == (
        {"size": small.size},
        small.tobytes(),
    )


def test_worker_says_what_is_broken_and_decodes_the_next() -> None:
    said = answers_to(
        ({"side": 0, "mode": "RGB"}, JPEG[:200]), ({"side": 0, "mode": "RGB"}, PNG), GO
    )
    assert "broken" in said[1][0]
    assert said[-1][0]["size"] == upright_size(PNG)


def test_worker_says_how_many_pixels_are_too_many() -> None:
    header = huge_png(60_000, 60_000)
    assert answers_to(({"side": 0, "mode": "RGB"}, header))[1] == ({"pixels": 60_000 * 60_000}, b"")


def test_worker_without_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("fake_apimart.image_workers.worker.decode_file", fail)
    assert "memory" in answers_to(({"side": 0, "mode": "RGB"}, JPEG), GO)[-1][0]["broken"]


def test_worker_that_is_not_told_to_go_on_ends() -> None:
    assert len(answers_to(({"side": 0, "mode": "RGB"}, JPEG))) == 2


# The budget of memory.


def test_budget_lets_in_what_fits_and_lets_the_rest_wait() -> None:
    budget, is_in = Budget(10), threading.Event()

    def take() -> None:
        with budget.taking(5):
            is_in.set()

    with ThreadPoolExecutor(1) as threads:
        with budget.taking(4), budget.taking(2):
            waiting = threads.submit(take)
            assert not is_in.wait(0.1)
        waiting.result(5)
    assert is_in.is_set()


def test_what_needs_more_than_the_budget_is_alone() -> None:
    budget = Budget(10)
    with budget.taking(1000):
        assert budget._left == 0
    assert budget._left == 10


# Worker processes.


@pytest.mark.subprocess
def test_worker_processes_decode_as_this_process_does(workers: WorkerPool) -> None:
    for name, content in WHOLE.items():
        assert workers.decode(content, 24) == decode(content, 24), name
        assert workers.decode(content, 0) == decode(content), name
    for name, content in BROKEN.items():
        with pytest.raises(BrokenPicture):
            workers.decode(content, 0)
        assert name
    with pytest.raises(TooManyPixels, match=r"^3600000000 pixels"):
        workers.decode(huge_png(60_000, 60_000), 0)
    assert len(pids(workers)) == 1


@pytest.mark.subprocess
def test_picture_that_takes_too_long_is_broken_and_the_next_is_decoded() -> None:
    workers = WorkerPool(SHORT)
    try:
        began = time.monotonic()
        with pytest.raises(BrokenPicture, match="takes more than"):
            workers.decode(slow_jpeg(), 0)
        assert time.monotonic() - began < 10
        assert pids(workers) == []
        assert workers.decode(JPEG, 0).size == (32, 32)
    finally:
        workers.close()


@pytest.mark.subprocess
@on_linux
def test_worker_that_somebody_ends_is_replaced(workers: WorkerPool) -> None:
    workers.decode(JPEG, 0)
    (pid,) = pids(workers)
    os.kill(pid, signal.SIGKILL)
    assert workers.decode(JPEG, 0).size == (32, 32)
    assert not exists(pid)


@pytest.mark.subprocess
@on_linux
def test_picture_that_ends_each_worker_is_broken(
    workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = process.WorkerProcess.ask

    def end_first(worker: process.WorkerProcess, head: Head, content: Content = b"") -> Message:
        worker.kill()
        return ask(worker, head, content)

    monkeypatch.setattr(process.WorkerProcess, "ask", end_first)
    with pytest.raises(BrokenPicture, match="ends the process"):
        workers.decode(JPEG, 0)
    monkeypatch.undo()
    assert workers.decode(JPEG, 0).size == (32, 32)


@pytest.mark.subprocess
@pytest.mark.parametrize("program", ["/nowhere/python", "import sys; sys.exit(1)"])
def test_worker_that_does_not_start_is_a_shortage_and_is_started_by_the_next(
    workers: WorkerPool, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    if program.startswith("/"):
        monkeypatch.setattr(sys, "executable", program)
    else:
        monkeypatch.setattr(process, "_PROGRAM", program)
    with pytest.raises(Shortage):
        workers.decode(JPEG, 0)
    monkeypatch.undo()
    assert workers.decode(JPEG, 0).size == (32, 32)


@pytest.mark.subprocess
def test_closing_ends_what_is_being_decoded(workers: WorkerPool) -> None:
    with ThreadPoolExecutor(1) as threads:
        decoding = threads.submit(workers.decode, slow_jpeg(), 0)
        wait_until(lambda: bool(pids(workers)), "a worker is started")
        began = time.monotonic()
        workers.close()
        with pytest.raises(Shortage, match="the server stops"):
            decoding.result(10)
        assert time.monotonic() - began < 5
    assert pids(workers) == []
    with pytest.raises(Shortage, match="the server stops"):
        workers.decode(JPEG, 0)


@pytest.mark.subprocess
@on_linux
@pytest.mark.parametrize("is_busy", [True, False])
def test_worker_ends_with_the_process_that_started_it(is_busy: bool) -> None:
    program = (
        "import sys, threading, time\n"
        "from fake_apimart.image_workers.pool import WorkerPool\n"
        "workers = WorkerPool(60)\n"
        f"workers.decode({JPEG!r}, 0)\n"
        "print(workers._idle[0]._process.pid, flush=True)\n"
        "content = sys.stdin.buffer.read()\n"
        "threading.Thread(target=lambda: content and workers.decode(content, 0)).start()\n"
        "time.sleep(0.3)\n"
        "print('under way', flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.stdin.write(slow_jpeg() if is_busy else b"")
        parent.stdin.close()
        parent.stdout.readline()
        assert not has_ended(pid)
        parent.kill()
    wait_until(lambda: has_ended(pid), "the worker ends")


# What the event loop sees.


@pytest.mark.parametrize("content", [JPEG, PNG], ids=["JPEG", "PNG"])
@pytest.mark.asyncio
async def test_small_picture_starts_no_process(content: bytes) -> None:
    opened = Decoders(SECONDS, Telemetry())
    assert await opened.upright_size(content) == upright_size(content)
    assert (await opened.thumbnail(content, 20)).tobytes() == thumbnail(content, 20).tobytes()
    assert pids(opened._workers) == []
    opened.close()


@pytest.mark.asyncio
async def test_small_broken_picture_does_not_decode() -> None:
    opened = Decoders(SECONDS, Telemetry())
    assert not await opened.decodes(JPEG[:200])
    assert await opened.decodes(huge_png(60_000, 60_000))
    opened.close()


@pytest.mark.subprocess
@pytest.mark.parametrize("content", [LARGE_PNG, JPEG + bytes(SMALL_BYTES)], ids=["pixels", "bytes"])
@pytest.mark.asyncio
async def test_picture_that_is_not_small_is_decoded_in_a_process(content: bytes) -> None:
    opened = Decoders(SECONDS, Telemetry())
    assert await opened.upright_size(content) == upright_size(content)
    assert len(pids(opened._workers)) == 1
    opened.close()


@pytest.mark.subprocess
@on_linux
@pytest.mark.asyncio
async def test_idle_worker_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "IDLE_SECONDS", 0.1)
    opened = Decoders(SECONDS, Telemetry())
    assert await opened.decodes(LARGE_PNG)
    (pid,) = pids(opened._workers)
    await asyncio.sleep(1)
    assert not exists(pid)
    assert await opened.decodes(LARGE_PNG)
    opened.close()


@pytest.mark.subprocess
@pytest.mark.asyncio
async def test_small_picture_is_not_behind_slow_ones() -> None:
    opened = Decoders(SECONDS, Telemetry())
    slow = [asyncio.create_task(opened.decodes(slow_jpeg())) for _ in range(4)]
    await asyncio.sleep(0.3)
    began = time.monotonic()
    assert await opened.decodes(JPEG)
    assert time.monotonic() - began < 3
    opened.close()
    for each in await asyncio.gather(*slow, return_exceptions=True):
        assert isinstance(each, (Shortage, asyncio.CancelledError))


@pytest.mark.asyncio
async def test_closed_decoders_are_a_shortage() -> None:
    opened = Decoders(SECONDS, Telemetry())
    opened.close()
    with pytest.raises(Shortage):
        await opened.decodes(JPEG)


@pytest.mark.asyncio
async def test_too_little_memory_for_a_small_picture_is_a_shortage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(decoders, "decode_file", fail)
    opened = Decoders(SECONDS, Telemetry())
    with pytest.raises(Shortage):
        await opened.decodes(JPEG)
    opened.close()


@pytest.mark.subprocess
@on_linux
def test_memory_of_several_large_pictures_is_bounded(
    workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    left = pool.MEMORY_BYTES
    ask = process.WorkerProcess.ask

    def note(worker: process.WorkerProcess, head: Head, content: Content = b"") -> Message:
        if "go" in head:
            taken.append(left - workers._budget._left)
        return ask(worker, head, content)

    monkeypatch.setattr(process.WorkerProcess, "ask", note)
    with ThreadPoolExecutor(3) as threads:
        sizes = list(threads.map(lambda _: workers.decode(LARGE_PNG, 0).size, range(3)))
    assert sizes == [(9000, 9000)] * 3
    # 81 megapixels of 4 bytes: two of them exceed the budget.
    assert taken == [81_000_000 * 4] * 3
