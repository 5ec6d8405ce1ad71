"""A folder that others change, a disk that fails, and a storage that closes."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
import stat
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_apimart.settings.settings import Settings
from fake_apimart_storage import ObjectNotFound, Storage, StorageError
from fake_apimart_storage.directory import DirectoryStorage
from fake_apimart_storage.folders import Folder
from fake_apimart_storage.memory import MemoryStorage
from fake_apimart_storage.object_file import read_at
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.harness import JPEG, ServerThread, connection, parse_head, read_to_end, upload_request
from tests.test_directory_storage import only_part_in, parts_in
from tests.test_storage import info, keys, opened, put, read
from tests.worlds import created, poll, upload, upload_url

LARGE = 1_000_000
Made = Callable[[Path], Any]


def run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(body)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        # The path of a socket may have hardly more than 100 characters.
        before = Path.cwd()
        os.chdir(path.parent)
        try:
            sock.bind(path.name)
        finally:
            os.chdir(before)


def make_device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("only root may make a device")


def make_link_to(target: str) -> Made:
    return lambda path: path.symlink_to(target)


ODD: dict[str, Made] = {
    "FIFO": os.mkfifo,
    "socket": make_socket,
    "device": make_device,
    "folder": lambda path: path.mkdir(),
    "link to a file": make_link_to("/etc/passwd"),
    "link to an object": make_link_to("good"),
    "link to nothing": make_link_to("/nowhere"),
    "link to itself": make_link_to("a"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_ordinary_file_is_neither_opened_nor_listed(name: str, tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info("image/good"), b"x")
            ODD[name](tmp_path / "objects" / "image" / "a")
            with pytest.raises(ObjectNotFound):
                await asyncio.wait_for(storage.get("image/a"), 5)
            assert await keys(storage) == ["image/good"]
            assert await storage.delete_expired(0, lambda key: True) == 0
            assert (tmp_path / "objects" / "image" / "a").lstat()

    run(body())


def test_writer_of_a_fifo_is_not_woken_by_a_reader(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            path = tmp_path / "objects" / "a"
            os.mkfifo(path)
            with pytest.raises(ObjectNotFound):
                await storage.get("a")
            with pytest.raises(OSError, match=os.strerror(errno.ENXIO)):
                os.open(path, os.O_WRONLY | os.O_NONBLOCK)

    run(body())


@pytest.mark.parametrize("folder", ["objects/image", "objects"])
def test_folder_that_is_a_link_is_not_followed(folder: str, tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"

    async def body() -> None:
        async with opened(f"dir:{root}") as storage:
            await put(storage, info(), b"secret")
            (root / folder).rename(outside)
            (root / folder).symlink_to(outside)
            before = sorted(outside.rglob("*"))
            with pytest.raises(ObjectNotFound):
                await storage.get("image/a")
            assert await keys(storage) == []
            assert await keys(storage, "image/") == []
            await storage.delete("image/a")
            for size in (1, LARGE):
                with pytest.raises(StorageError):
                    await put(storage, info("image/b"), bytes(size))
            assert sorted(outside.rglob("*")) == before
            assert list(root.glob("incoming/*/*.part")) == []

    run(body())


def test_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "root").symlink_to("real")

    async def body() -> None:
        async with opened(f"dir:{tmp_path / 'root'}") as storage:
            await put(storage, info(), bytes(LARGE))
            assert await read(storage) == bytes(LARGE)

    run(body())
    assert (tmp_path / "real" / "objects" / "image" / "a").is_file()


@pytest.mark.parametrize("folder", ["objects", "incoming"])
def test_start_is_refused_where_a_folder_of_ours_is_a_link(folder: str, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / folder).symlink_to("outside")

    async def body() -> None:
        storage = DirectoryStorage(tmp_path)
        with pytest.raises(StorageError, match="cannot use"):
            await storage.open()
        await storage.close()

    run(body())
    assert list((tmp_path / "outside").iterdir()) == []


def test_odd_things_among_unfinished_uploads_hinder_no_start(tmp_path: Path) -> None:
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    for number, make in enumerate(ODD.values()):
        make(incoming / str(number))
    (incoming / "notes").mkdir()
    (incoming / "8").mkdir()
    os.mkfifo(incoming / "8" / "0.part")

    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info(), bytes(LARGE))

    run(body())
    assert (incoming / "notes").is_dir()
    assert not (incoming / "8").exists()


def test_link_among_files_of_a_server_answers_403(
    start_server: StartServer, tmp_path: Path
) -> None:
    server = start_server(storage=f"dir:{tmp_path}")
    with FakeAPIMart(server.url) as world:
        url = upload_url(world)
        stored = tmp_path / "objects" / "image" / url.rpartition("/")[2]
        stored.rename(tmp_path / "moved")
        stored.symlink_to(tmp_path / "moved")
        assert httpx.get(url).status_code == 403


# Folders and locks that vanish


@pytest.mark.parametrize("what", ["lock", "folder", "incoming"])
def test_lock_that_vanishes_is_made_anew_before_the_next_upload(what: str, tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as one:
            own = tmp_path / "incoming" / "0"
            shutil.rmtree({"folder": own, "incoming": own.parent}.get(what, own / "nothing"), True)
            (own / "lock").unlink(missing_ok=True)
            writer = one.writer(info())
            for _ in range(3):
                await writer.write([bytes(LARGE)])
            async with opened(f"dir:{tmp_path}") as other:
                await writer.commit()
                assert await read(other) == bytes(3 * LARGE)

    run(body())
    assert list((tmp_path / "incoming").rglob("*.part")) == []


def test_two_servers_whose_locks_vanish_do_not_share_a_folder(tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as one, opened(f"dir:{tmp_path}") as two:
            shutil.rmtree(tmp_path / "incoming")
            writers = [one.writer(info("image/1")), two.writer(info("image/2"))]
            for writer in writers:
                await writer.write([bytes(LARGE)])
                await writer.write([bytes(LARGE)])
            parts = list((tmp_path / "incoming").rglob("*.part"))
            assert len({part.parent for part in parts}) == 2
            for writer in writers:
                await writer.commit()
            assert await keys(one) == ["image/1", "image/2"]

    run(body())


@pytest.mark.parametrize("is_moved", [True, False])
def test_root_that_goes_during_a_large_upload_is_the_vendor_s_500(
    is_moved: bool, start_server: StartServer, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    server = start_server(storage=f"dir:{root}")
    body = upload_request(
        b'--bbb\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        + JPEG
        + bytes(8_000_000)
        + b"\r\n--bbb--\r\n"
    )
    with connection(server.address) as sock:
        sock.sendall(body[:6_000_000])
        while not list(root.glob("incoming/*/*.part")):
            pass
        if is_moved:
            root.rename(tmp_path / "elsewhere")
        else:
            shutil.rmtree(root)
        sock.sendall(body[6_000_000:])
        status, _, answer = parse_head(read_to_end(sock))
    assert status == 500
    assert b"failed to upload image" in answer
    assert not root.exists()
    assert list(tmp_path.glob("elsewhere/incoming/*/*.part")) == []
    assert list(tmp_path.glob("elsewhere/objects/*/*")) == []


# A disk that fails


FAILURES = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE, errno.EROFS, errno.EDQUOT)
STEPS = {
    "write": "fake_apimart_storage.directory_writer.write_all",
    "trailer": "fake_apimart_storage.directory_writer.trailer",
    "create": "fake_apimart_storage.folders.Folder.create_file",
    "mkdir": "fake_apimart_storage.folders.Folder.create",
    "move": "fake_apimart_storage.folders.Folder.move",
    "fsync": "os.fsync",
    "folder fsync": "fake_apimart_storage.folders.Folder.sync",
}


async def put_durably(storage: Storage, size: int) -> None:
    writer = storage.writer(info())
    try:
        await writer.write([bytes(size)])
        await writer.commit(durable=True)
    finally:
        await writer.abort()


@pytest.mark.parametrize("size", [10, LARGE])
@pytest.mark.parametrize("code", FAILURES, ids=errno.errorcode.__getitem__)
@pytest.mark.parametrize("step", STEPS)
def test_step_that_fails_leaves_nothing(
    step: str, code: int, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            with monkeypatch.context() as patch:
                patch.setattr(STEPS[step], fail)
                with pytest.raises(StorageError, match=os.strerror(code)):
                    await put_durably(storage, size)
            assert parts_in(tmp_path) == []
            assert await keys(storage) == []
            await put(storage, info(), bytes(size))
            assert await read(storage) == bytes(size)

    run(body())


def test_close_that_fails_is_a_failure_of_the_upload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = os.close

    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            writer = storage.writer(info())
            await writer.write([bytes(200_000)])
            part = only_part_in(tmp_path)

            def fail(fd: int) -> None:
                is_part = os.path.samestat(os.fstat(fd), part)
                close(fd)
                if is_part:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))

            with monkeypatch.context() as patch:
                patch.setattr(os, "close", fail)
                with pytest.raises(StorageError, match="Input/output"):
                    await writer.commit()
            assert await keys(storage) == []
            assert parts_in(tmp_path) == []

    run(body())


def test_listing_that_lacks_descriptors_is_an_error_and_not_shorter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info(), b"x")
            with monkeypatch.context() as patch:
                patch.setattr(Folder, "open_file", fail)
                with pytest.raises(StorageError, match="Too many open files"):
                    await keys(storage)
                with pytest.raises(StorageError, match="Too many open files"):
                    await storage.delete_expired(0, lambda key: True)
            assert await keys(storage) == ["image/a"]

    run(body())


def test_file_that_cannot_be_read_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info(), b"x")
            with monkeypatch.context() as patch:
                patch.setattr("fake_apimart_storage.object_file.read_at", fail)
                with pytest.raises(StorageError, match="Input/output"):
                    await storage.get("image/a")
                assert await keys(storage) == []
                assert await storage.delete_expired(0, lambda key: True) == 0
            assert await read(storage) == b"x"

    run(body())


def test_system_that_returns_less_than_was_asked_for_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_once = os.read
    path = tmp_path / "file"
    path.write_bytes(bytes(range(200)))
    monkeypatch.setattr(os, "read", lambda fd, length: read_once(fd, min(length, 7)))
    with path.open("rb", buffering=0) as file:
        assert read_at(file.fileno(), 10, 100) == bytes(range(10, 110))
        assert read_at(file.fileno(), 150, 100) == bytes(range(150, 200))


@pytest.mark.parametrize("size", [1000, LARGE])
def test_object_of_any_size_that_ends_early_is_an_error(size: int, tmp_path: Path) -> None:
    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            await put(storage, info(), bytes(size))
            async with await storage.get("image/a") as stored:
                os.truncate(tmp_path / "objects" / "image" / "a", size // 3)
                with pytest.raises(StorageError, match="ends before its size"):
                    assert [chunk async for chunk in stored.chunks(0, size)]

    run(body())


# What is written to the disk itself


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the paths, or what they were, that are synced."""
    found: list[str] = []
    fsync = os.fsync

    def note(fd: int) -> None:
        found.append(os.readlink(f"/proc/self/fd/{fd}"))
        fsync(fd)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("only Linux tells the path of a descriptor")
    monkeypatch.setattr(os, "fsync", note)
    return found


@pytest.mark.parametrize("size", [10, LARGE])
@pytest.mark.parametrize(("sync", "durable"), [(True, False), (False, True), (False, False)])
def test_object_that_is_to_last_is_synced_with_its_folders(
    sync: bool, durable: bool, size: int, tmp_path: Path, synced: list[str]
) -> None:
    async def body() -> None:
        storage = DirectoryStorage(tmp_path, sync=sync)
        await storage.open()
        synced.clear()
        for key in ("image/a", "image/b"):
            writer = storage.writer(info(key))
            await writer.write([bytes(size)])
            await writer.commit(durable=durable)
        await storage.close()

    run(body())
    objects = tmp_path / "objects"
    parts = [str(tmp_path / "incoming" / "0" / f"{number}.part") for number in range(2)]
    first = [parts[0], str(objects), str(objects / "image")]
    second = [parts[1], str(objects / "image")]
    assert synced == ([*first, *second] if sync or durable else [])


def test_settings_and_clocks_of_worlds_are_synced_and_uploads_by_a_setting(
    start_server: StartServer, tmp_path: Path, synced: list[str]
) -> None:
    for fsync in (False, True):
        root = tmp_path / str(fsync)
        server = start_server(storage=f"dir:{root}", fsync=fsync)
        with FakeAPIMart(server.url) as world:
            synced.clear()
            upload(world)
            poll(world, created(world, metadata={"fake_apimart": {"polls": 2}}))
            names = {path.removeprefix(f"{root}/objects/") for path in synced}
            assert ("image" in names) is fsync
            assert any(name.startswith("task/") for name in names) is fsync
            synced.clear()
            world.clock.advance(seconds=5)
            assert f"{root}/objects/world" in synced
            synced.clear()
            world.reset()
            assert f"{root}/objects/world" in synced
            world.clock.advance(seconds=5)
            synced.clear()
            httpx.post(f"{server.url}/_fake/reset", json={}).raise_for_status()
            assert f"{root}/objects/world" in synced


# A storage that closes


@pytest.mark.parametrize("end", ["commit", "abort"])
def test_storage_closes_after_a_writer_that_ends_in_time(end: str, tmp_path: Path) -> None:
    async def body() -> None:
        storage = DirectoryStorage(tmp_path)
        await storage.open()
        writer = storage.writer(info())
        await writer.write([bytes(LARGE)])
        closing = asyncio.create_task(storage.close())
        await asyncio.sleep(0.1)
        assert not closing.done()
        await getattr(writer, end)()
        await closing

    run(body())
    assert (tmp_path / "objects" / "image" / "a").exists() is (end == "commit")
    assert list((tmp_path / "incoming").iterdir()) == []


def test_writer_that_does_not_end_in_time_is_aborted_by_the_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fake_apimart_storage.open_writers.GRACE_SECONDS", 0.1)

    async def body() -> None:
        storage = DirectoryStorage(tmp_path)
        await storage.open()
        writers = [storage.writer(info("image/1")), storage.writer(info("image/2"))]
        for writer, size in zip(writers, (10, LARGE), strict=True):
            await writer.write([bytes(size)])
        await storage.close()
        for writer in [*writers, storage.writer(info("image/3"))]:
            with pytest.raises(StorageError):
                await writer.write([b"x"])
            with pytest.raises(StorageError):
                await writer.commit()
            await writer.abort()

    run(body())
    assert list((tmp_path / "incoming").iterdir()) == []
    assert list((tmp_path / "objects").rglob("a*")) == []


def test_commit_that_a_close_overtakes_publishes_nothing_by_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fake_apimart_storage.open_writers.GRACE_SECONDS", 0.05)
    release = threading.Event()

    async def body() -> None:
        storage = DirectoryStorage(tmp_path)
        await storage.open()
        for _ in range(4):
            storage.incoming.pool.submit(release.wait)
        writer = storage.writer(info())
        await writer.write([bytes(3 * LARGE)])
        await writer.write([b"end"])
        committing = asyncio.create_task(writer.commit())
        await asyncio.sleep(0)
        closing = asyncio.create_task(storage.close())
        await asyncio.sleep(0.2)
        release.set()
        await closing
        with pytest.raises(StorageError):
            await committing

    run(body())
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []
    assert list((tmp_path / "incoming").iterdir()) == []


def test_memory_lists_many_objects_in_turns_with_others() -> None:
    async def body(storage: Storage) -> None:
        assert isinstance(storage, MemoryStorage)
        for number in range(2000):
            await put(storage, info(f"image/{number}"), b"")
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        assert len(await keys(storage)) == 2000
        counting.cancel()
        assert turns > 5

    run(body(MemoryStorage()))


def test_stop_during_uploads_leaves_no_unfinished_files(tmp_path: Path) -> None:
    head = b'--bbb\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    body = upload_request(head + JPEG + bytes(3_000_000) + b"\r\n--bbb--\r\n")
    server = ServerThread(Settings(port=0, storage=f"dir:{tmp_path}")).start()
    with connection(server.address) as sock:
        sock.sendall(body[:2_000_000])
        while not list(tmp_path.glob("incoming/*/*.part")):
            pass
        server.stop()
    assert list((tmp_path / "incoming").iterdir()) == []
