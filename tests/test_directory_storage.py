"""Storage in a folder: crashes, full disks, several servers, unusual names, damaged files."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_apimart_storage import Chunk, DamagedObject, ObjectInfo, ObjectNotFound, StorageError
from fake_apimart_storage.directory import DirectoryStorage
from fake_apimart_storage.directory_writer import INLINE_BYTES, MAX_INLINE_WRITE_BYTES
from fake_apimart_storage.incoming import WORKER_THREADS, Incoming
from fake_apimart_storage.keys import portable_key
from fake_apimart_storage.object_file import read_trailer, trailer, write_all
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness import JPEG
from tests.profiles import examples
from tests.test_storage import info, keys, opened, put, read

LARGE = 1_000_000
MOST_DESCRIPTORS = 4096
"""More descriptors than this process opens: the system always hands out the lowest free one."""

UNFINISHED = """
import asyncio, sys
from fake_apimart_storage import ObjectInfo, storage_at

async def main():
    storage = storage_at(sys.argv[1])
    await storage.open()
    writer = storage.writer(ObjectInfo("image/a", "image/png", 1, 2))
    for _ in range(4):
        await writer.write([bytes(300_000)])
    await writer._wait_for_job()
    print("writing", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""

FULL = """
import asyncio, pathlib, resource, signal, sys
from fake_apimart_storage import ObjectInfo, StorageError, storage_at

async def put(storage, size):
    writer = storage.writer(ObjectInfo("image/a", "image/png", 1, 2))
    try:
        for _ in range(size // 100_000):
            await writer.write([bytes(100_000)])
        await writer.commit()
    except StorageError as error:
        await writer.abort()
        return str(error)
    return "stored"

async def main():
    storage = storage_at(sys.argv[1])
    await storage.open()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (50_000, 400_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        for size in (100_000, 3_000_000):
            print(limit, size, await put(storage, size))
    print(list(pathlib.Path(sys.argv[1].removeprefix("dir:")).rglob("*.part")))
    await storage.close()

asyncio.run(main())
"""


def run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(body)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def python(script: str, folder: Path) -> list[str]:
    return [sys.executable, "-c", script, f"dir:{folder}"]


def kill_within_an_upload(folder: Path) -> None:
    with subprocess.Popen(python(UNFINISHED, folder), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)


def test_objects_are_there_after_a_restart(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info("image/small"), b"small")
            await put(storage, info("image/large"), bytes(LARGE))
            etag = (await storage.get("image/small")).etag
        async with opened(f"dir:{tmp_path}") as storage:
            assert await keys(storage) == ["image/large", "image/small"]
            assert await read(storage, "image/small") == b"small"
            assert await read(storage, "image/large") == bytes(LARGE)
            async with await storage.get("image/small") as stored:
                assert (stored.etag, stored.info) == (etag, info("image/small"))

    run(body())


@pytest.mark.subprocess
def test_unfinished_upload_of_a_crash_is_swept_at_the_next_start(tmp_path: Path) -> None:
    kill_within_an_upload(tmp_path)
    assert "0.part" in files_in(tmp_path / "incoming")

    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            assert "0.part" not in files_in(tmp_path / "incoming")
            assert await keys(storage) == []

    run(body())


def test_upload_of_a_running_server_is_not_swept(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as one:
            writer = one.writer(info())
            for _ in range(3):
                await writer.write([bytes(LARGE)])
            async with opened(f"dir:{tmp_path}") as other:
                await writer.commit()
                assert await read(other) == bytes(3 * LARGE)

    run(body())


def test_closed_storage_leaves_only_objects(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info(), bytes(LARGE))

    run(body())
    assert files_in(tmp_path / "objects") == ["a"]
    assert list((tmp_path / "incoming").iterdir()) == []


def test_picture_in_the_folder_begins_with_its_own_bytes(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info("image/x.jpg"), JPEG)

    run(body())
    assert (tmp_path / "objects" / "image" / "x.jpg").read_bytes().startswith(JPEG)


@pytest.mark.subprocess
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_full_disk_fails_only_what_does_not_fit(tmp_path: Path) -> None:
    result = subprocess.run(
        python(FULL, tmp_path), capture_output=True, text=True, check=True, timeout=20
    )
    *lines, left = result.stdout.splitlines()
    outcomes = [line.split(" ", 2) for line in lines]
    assert [(limit, size) for limit, size, outcome in outcomes if outcome != "stored"] == [
        ("50000", "100000"),
        ("50000", "3000000"),
        ("400000", "3000000"),
    ]
    assert all("File too large" in outcome for _, _, outcome in outcomes if outcome != "stored")
    assert files_in(tmp_path / "objects") == ["a"]
    assert left == "[]"


@pytest.mark.parametrize("size", [10, LARGE])
@pytest.mark.parametrize("folder", ["objects", "incoming", "objects/image"])
def test_removed_subfolder_is_created_again(size: int, folder: str, tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info("image/before"), b"x")
            shutil.rmtree(tmp_path / folder)
            await put(storage, info(), bytes(size))
            assert await read(storage) == bytes(size)

    run(body())


@pytest.mark.parametrize("size", [10, LARGE])
def test_removed_root_is_a_storage_error(size: int, tmp_path: Path) -> None:
    root = tmp_path / "root"

    async def body() -> None:
        async with opened(f"dir:{root}") as storage:
            shutil.rmtree(root)
            with pytest.raises(StorageError):
                await put(storage, info(), bytes(size))
            with pytest.raises(ObjectNotFound):
                await storage.get("image/a")
            await storage.delete("image/a")
            assert await keys(storage) == []

    run(body())


def test_folder_in_the_way_is_a_storage_error(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            (tmp_path / "objects" / "image" / "a").mkdir(parents=True)
            for size in (10, LARGE):
                with pytest.raises(StorageError):
                    await put(storage, info(), bytes(size))
            with pytest.raises(ObjectNotFound):
                await storage.get("image/a")
            with pytest.raises(StorageError):
                await storage.delete("image/a")
            assert parts_in(tmp_path) == []

    run(body())


def test_file_where_the_folder_should_be_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")

    async def body(root: Path) -> None:
        storage = DirectoryStorage(root)
        with pytest.raises(StorageError, match=f"cannot use {root}: "):
            await storage.open()
        await storage.close()

    run(body(path))
    run(body(path / "below"))


DAMAGED = [
    b"",
    b"x",
    b"a foreign file, longer than any footer",
    b"\xff\xff\xff\xffFAPIMART",
    b"not json" + b"\x00\x00\x00\x08FAPIMART",
    b'{"a":1}' + b"\x00\x00\x00\x07FAPIMART",
    b"[1]" + b"\x00\x00\x00\x03FAPIMART",
]


@pytest.mark.parametrize("content", DAMAGED)
def test_damaged_file_is_an_error_to_read_and_is_not_listed(content: bytes, tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info("image/good"), b"x")
            (tmp_path / "objects" / "image" / "a").write_bytes(content)
            with pytest.raises(DamagedObject, match="damaged"):
                await storage.get("image/a")
            assert await keys(storage) == ["image/good"]

    run(body())


def test_object_that_ends_early_is_an_error(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info(), bytes(LARGE))
            async with await storage.get("image/a") as stored:
                os.truncate(tmp_path / "objects" / "image" / "a", 300_000)
                with pytest.raises(StorageError, match="ends before its size"):
                    assert [chunk async for chunk in stored.chunks(0, LARGE)]

    run(body())


ODD_KEYS = [
    f"image/{'x' * 5000}.png",
    f"image/{'x' * 200}",
    "image/trailing.",
    "image/a:b",
    'image/a"b<c>|?*',
    "image/.hidden",
    "image/~",
    "image/%E7%85%A7.png",
]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_key_need_not_be_a_valid_file_name(key: str, tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info(key), b"x")
            assert await read(storage, key) == b"x"
            assert await keys(storage) == [key]

    run(body())
    assert all(len(name) < 200 for name in files_in(tmp_path / "objects"))


def test_file_that_holds_another_key_is_not_found(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info("image/a"), b"x")
            # On a case-insensitive file system, the keys A and a lead to the same file.
            os.rename(tmp_path / "objects" / "image" / "a", tmp_path / "objects" / "image" / "A")
            with pytest.raises(ObjectNotFound):
                await storage.get("image/A")

    run(body())


def test_key_below_an_object_is_not_found(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info("image/a"), b"x")
            with pytest.raises(ObjectNotFound):
                await storage.get("image/a/b")

    run(body())


@given(
    metadata=st.dictionaries(st.text(max_size=9), st.text(max_size=40), max_size=3),
    content=st.binary(max_size=200),
)
@settings(max_examples=examples(50))
def test_trailer_round_trips(
    metadata: dict[str, str], content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    described = ObjectInfo("image/a", "image/png", 1, 2, metadata)
    path = tmp_path_factory.mktemp("trailer") / "file"
    with path.open("w+b", buffering=0) as file:
        write_all(file.fileno(), [content, trailer(described, len(content))])
        assert read_trailer(file.fileno()) == (described, len(content))


def test_trailer_may_be_longer_than_what_is_read_at_first(tmp_path: Path) -> None:
    described = ObjectInfo("image/a", "image/png", 1, 2, {"name": "x" * 9000})
    path = tmp_path / "file"
    path.write_bytes(b"content" + trailer(described, 7))
    with path.open("rb", buffering=0) as file:
        assert read_trailer(file.fileno()) == (described, 7)


def test_thousands_of_chunks_are_written_in_order(tmp_path: Path) -> None:
    chunks = [b"%d," % number for number in range(5000)]
    with (tmp_path / "file").open("wb", buffering=0) as file:
        write_all(file.fileno(), chunks)
    assert (tmp_path / "file").read_bytes() == b"".join(chunks)


def test_similar_keys_have_different_files() -> None:
    paths = {portable_key(f"image/{'x' * 300}{number}") for number in range(100)}
    assert len(paths) == 100


@pytest.mark.usefixtures("patient")
def test_batches_shrink_when_many_large_objects_arrive(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            assert isinstance(storage, DirectoryStorage)
            write_for(SLOW * 1.1, storage.incoming)
            alone = storage.incoming.batch_bytes
            writers = [storage.writer(info(f"image/{number}")) for number in range(64)]
            for writer in writers:
                await writer.write([bytes(200_000)])
            assert storage.incoming.batch_bytes * 2 * 64 <= 24 * 1024 * 1024 < alone * 2 * 64
            for writer in writers:
                await writer.abort()
            assert storage.incoming.batch_bytes == alone

    run(body())


SLOW = 0.3
"""In seconds: longer than a short write takes on a busy machine."""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fake_apimart_storage.incoming.SLOW_SECONDS", SLOW)


def write_for(seconds: float, incoming: Incoming) -> None:
    """Simulate a write that takes `seconds`."""
    with incoming.measured():
        time.sleep(seconds)


def fill_up(fd: int, chunks: Sequence[Chunk]) -> None:
    """Fail as a write to a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def cancel(commit: Coroutine[Any, Any, None], started: threading.Event) -> None:
    """Cancel a commit after a thread has started on it."""
    committing = asyncio.create_task(commit)
    assert await asyncio.to_thread(started.wait, 10)
    committing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await committing


def parts_in(folder: Path) -> list[int]:
    """List the sizes in bytes of the files that are being written."""
    return [path.stat().st_size for path in folder.glob("incoming/*/*.part")]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("seconds", "is_quick"), [(0.0, True), (SLOW * 1.1, False)])
def test_disk_is_quick_until_a_write_took_long(
    seconds: float, is_quick: bool, tmp_path: Path
) -> None:
    incoming = Incoming(tmp_path)
    write_for(seconds, incoming)
    assert incoming.is_quick is is_quick


@pytest.mark.usefixtures("patient")
def test_slow_disk_is_given_another_try_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fake_apimart_storage.incoming.SLOW_COOLDOWN_SECONDS", 0.5)
    incoming = Incoming(tmp_path)
    write_for(SLOW * 1.1, incoming)
    assert not incoming.is_quick
    time.sleep(0.6)
    assert incoming.is_quick


def test_quick_disk_is_written_to_as_bytes_come(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            assert isinstance(storage, DirectoryStorage)
            writer = storage.writer(info("image/1"))
            await writer.write([b"a" * INLINE_BYTES])
            assert parts_in(tmp_path) == []
            await writer.write([b"b" * 100_000, b"c" * 100_000])
            assert parts_in(tmp_path) == [INLINE_BYTES + 200_000]
            assert storage.incoming.large_writers == 0
            await writer.abort()
            assert parts_in(tmp_path) == []

    run(body())


def test_much_at_once_is_left_to_a_thread_on_any_disk(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            assert isinstance(storage, DirectoryStorage)
            writer = storage.writer(info("image/1"))
            await writer.write([bytes(MAX_INLINE_WRITE_BYTES + 1)])
            assert storage.incoming.large_writers == 1
            await writer.commit()
            assert storage.incoming.large_writers == 0
            assert await read(storage, "image/1") == bytes(MAX_INLINE_WRITE_BYTES + 1)

    run(body())


@pytest.mark.usefixtures("patient")
def test_disk_that_becomes_slow_within_an_object_is_left_to_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            assert isinstance(storage, DirectoryStorage)
            writer = storage.writer(info("image/1"))
            await writer.write([b"a" * 200_000])
            monkeypatch.setattr("fake_apimart_storage.directory_writer.write_all", slowly)
            await writer.write([b"b" * 200_000])
            assert not storage.incoming.is_quick
            assert storage.incoming.large_writers == 0
            await writer.write([b"c" * 200_000])
            assert storage.incoming.large_writers == 1
            await writer.write([b"d" * 2_000_000])
            await writer.commit()
            stored = await read(storage, "image/1")
            assert stored == b"a" * 200_000 + b"b" * 200_000 + b"c" * 200_000 + b"d" * 2_000_000

    def slowly(fd: int, chunks: Sequence[Chunk]) -> None:
        time.sleep(SLOW * 1.1)
        write_all(fd, chunks)

    run(body())


def test_disk_that_fills_up_within_a_large_object_is_a_storage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            writer = storage.writer(info("image/1"))
            await writer.write([bytes(200_000)])
            monkeypatch.setattr("fake_apimart_storage.directory_writer.write_all", fill_up)
            with pytest.raises(StorageError, match="No space left"):
                await writer.write([bytes(200_000)])
            await writer.abort()
            assert parts_in(tmp_path) == []

    run(body())


def test_commit_that_is_cancelled_halfway_ends_before_the_abort(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = threading.Event()

    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            writer = storage.writer(info("image/1"))
            await writer.write([b"a" * 200_000])
            monkeypatch.setattr("fake_apimart_storage.directory_writer.trailer", slowly)
            await cancel(writer.commit(), started)
            await writer.abort()
            assert parts_in(tmp_path) == []
            assert await read(storage, "image/1") == b"a" * 200_000

    def slowly(described: ObjectInfo, size: int) -> bytes:
        started.set()
        time.sleep(0.2)
        return trailer(described, size)

    run(body())


def test_commit_that_is_cancelled_at_its_start_writes_what_was_queued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = threading.Event()

    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            assert isinstance(storage, DirectoryStorage)
            writer = storage.writer(info("image/1"))
            await writer.write([b"a" * 200_000])
            await writer.write([b"b" * 1000])
            finish = writer._finish

            def late() -> None:
                started.set()
                time.sleep(0.2)
                finish()

            monkeypatch.setattr(writer, "_finish", late)
            await cancel(writer.commit(), started)
            await writer.abort()
            assert await read(storage, "image/1") == b"a" * 200_000 + b"b" * 1000

    run(body())


def test_commit_that_is_cancelled_in_the_queue_leaves_nothing(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            assert isinstance(storage, DirectoryStorage)
            writer = storage.writer(info("image/1"))
            await writer.write([b"a" * 200_000])
            for _ in range(WORKER_THREADS):
                storage.incoming.pool.submit(time.sleep, 0.2)
            committing = asyncio.create_task(writer.commit())
            await asyncio.sleep(0.05)
            committing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await committing
            await writer.abort()
            assert parts_in(tmp_path) == []
            assert await keys(storage) == []

    run(body())


def test_commit_waits_for_the_batch_that_is_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overtaken = threading.Event()

    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            writer = storage.writer(info("image/1"))
            await writer.write([b"a" * 3_000_000])
            await writer.write([b"b" * 1000])
            await writer.commit()
            assert await read(storage, "image/1") == b"a" * 3_000_000 + b"b" * 1000

    def write_late(fd: int, chunks: Sequence[Chunk]) -> None:
        """Delay a large batch until another has been written, for at most 0.3 s."""
        if sum(map(len, chunks)) > MAX_INLINE_WRITE_BYTES:
            overtaken.wait(0.3)
        write_all(fd, chunks)
        overtaken.set()

    monkeypatch.setattr("fake_apimart_storage.directory_writer.write_all", write_late)
    run(body())


def only_part_in(folder: Path) -> os.stat_result:
    """Return the status of the one file that is being written."""
    (part,) = folder.glob("incoming/*/*.part")
    return part.stat()


def descriptors_of(file: os.stat_result) -> int:
    """Count the descriptors of this process that a file is open on."""
    found = 0
    for fd in range(MOST_DESCRIPTORS):
        with contextlib.suppress(OSError):
            found += os.path.samestat(os.fstat(fd), file)
    return found


@pytest.mark.parametrize("end", ["commit", "abort"])
def test_file_that_was_written_to_is_closed_at_the_end(end: str, tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            writer = storage.writer(info())
            await writer.write([bytes(200_000)])
            file = only_part_in(tmp_path)
            assert descriptors_of(file) == 1
            await getattr(writer, end)()
            assert descriptors_of(file) == 0

    run(body())


@pytest.mark.parametrize("size", [10, LARGE])
def test_file_of_an_object_is_closed(size: int, tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info(), bytes(size))
            file = (tmp_path / "objects" / "image" / "a").stat()
            async with await storage.get("image/a"):
                assert descriptors_of(file) == 1
            assert descriptors_of(file) == 0

    run(body())


def test_file_that_is_no_object_is_closed(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            path = tmp_path / "objects" / "a"
            path.write_bytes(b"somebody else's")
            with pytest.raises(DamagedObject, match="damaged"):
                await storage.get("a")
            assert descriptors_of(path.stat()) == 0

    run(body())


def test_commit_after_a_write_that_failed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            writer = storage.writer(info("image/1"))
            await writer.write([bytes(200_000)])
            monkeypatch.setattr("fake_apimart_storage.directory_writer.write_all", fill_up)
            await writer.write([bytes(MAX_INLINE_WRITE_BYTES + 1)])
            with pytest.raises(StorageError, match="No space left"):
                await writer.commit()
            assert parts_in(tmp_path) == []

    run(body())
