"""Many objects of a bucket at once, and whose they are: lists, searches and deletions on S3."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from fake_apimart_storage import KeyTest, Storage, StorageError, any_key, storage_at
from fake_apimart_storage.batches import MAX_FAILURES
from fake_apimart_storage.s3.batches.deletion import MAX_KEYS
from fake_apimart_storage.s3.batches.store import BATCH_THREADS
from fake_apimart_storage.s3.lifecycle.document import Document
from fake_apimart_storage.s3.lifecycle.rule import Rule, fields_of, prefix_of
from fake_apimart_storage.s3.storage import SWEEP_THREADS

from tests.keeping_store import Asked, KeepingStore, Kept
from tests.stores import environment
from tests.test_storage import info, keys, put

PREFIX = "fake-apimart/"
FOREIGN = [
    "photos/",
    "My file.pdf",
    "image/照片.png",
    "image\\a.png",
    "image//a",
    "/image/a",
    "image/./a",
    "image/" + "n" * 300,
    "image/a;b",
    "é",
]
"""What other programs may have put below our prefix."""


@pytest.fixture
def keeping(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeepingStore]:
    monkeypatch.setattr("fake_apimart_storage.s3.storage.SWEEP_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("fake_apimart_storage.s3.storage.S3Storage.sweep_pause", 0.0)
    monkeypatch.setattr("fake_apimart_storage.s3.connection.client.ATTEMPTS", 1)
    with KeepingStore() as running, environment(running.store.env):
        yield running


@contextlib.asynccontextmanager
async def opened(location: str = "s3://bucket") -> AsyncIterator[Storage]:
    storage = storage_at(location)
    await storage.open()
    try:
        yield storage
    finally:
        await storage.close()


def described(written: float | None = None, expires_at: int = 2) -> Kept:
    """Return an object as the storage writes it."""
    headers = {"x-amz-meta-created-at": "1", "x-amz-meta-expires-at": str(expires_at)}
    return Kept(b"x", headers, time.time() if written is None else written)


def fill(keeping: KeepingStore, count: int) -> list[str]:
    """Store so many objects that have expired, and return their keys."""
    names = [f"image/{number:05}" for number in range(count)]
    keeping.objects.update({PREFIX + name: described() for name in names})
    return names


def test_foreign_keys_are_neither_listed_nor_read_nor_deleted(keeping: KeepingStore) -> None:
    keeping.objects.update({PREFIX + key: described() for key in FOREIGN})
    keeping.objects["image/at-the-root"] = described()
    fill(keeping, 1)

    async def main() -> None:
        async with opened() as storage:
            assert [key async for key in storage.keys("")] == ["image/00000"]
            assert await keys(storage) == ["image/00000"]
            assert await storage.delete_expired(5) == 1

    asyncio.run(main())
    assert set(keeping.objects) == {"image/at-the-root", *(PREFIX + key for key in FOREIGN)}
    assert {each.key for each in keeping.asked} == {"", PREFIX + "image/00000"}


def test_foreign_keys_do_not_end_the_search_for_expired_objects(keeping: KeepingStore) -> None:
    keeping.objects.update({PREFIX + key: described() for key in FOREIGN})

    async def main() -> None:
        async with opened() as storage:
            for _ in range(2):
                fill(keeping, 3)
                assert await storage.delete_expired(5) == 3

    asyncio.run(main())


def test_key_that_the_store_lists_without_the_prefix_is_another_program_s(
    keeping: KeepingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping.objects["image/1"] = described()
    monkeypatch.setattr(keeping, "is_prefix_known", False)

    async def main() -> None:
        async with opened() as storage:
            assert [key async for key in storage.keys("")] == []
            assert await storage.delete_expired(5) == 0

    asyncio.run(main())
    assert "image/1" in keeping.objects


def test_keys_cost_a_request_for_each_page_and_nothing_else(keeping: KeepingStore) -> None:
    names = fill(keeping, 2500)

    async def main() -> None:
        async with opened() as storage:
            keeping.asked.clear()
            assert [key async for key in storage.keys("image/")] == names

    asyncio.run(main())
    assert len(keeping.asked) == keeping.counted("GET", "list-type") == 3


def test_deletion_of_many_costs_a_request_for_each_batch(keeping: KeepingStore) -> None:
    names = fill(keeping, 4 * MAX_KEYS + 50)

    async def main() -> None:
        async with opened() as storage:
            keeping.asked.clear()
            await storage.delete_many([*names, "image/none"])

    asyncio.run(main())
    assert keeping.objects == {}
    assert [each.method for each in keeping.asked] == ["POST"] * 5
    assert all(each.headers["content-md5"] for each in keeping.asked)


REFUSED = [(501, "NotImplemented"), (400, "MissingContentMD5"), (405, "MethodNotAllowed")]


@pytest.mark.parametrize("refusal", REFUSED, ids=str)
def test_store_that_does_not_delete_many_is_asked_for_each(
    refusal: tuple[int, str], keeping: KeepingStore
) -> None:
    keeping.refuses = lambda asked: refusal if asked.method == "POST" else None

    async def main() -> None:
        async with opened() as storage:
            for _ in range(2):
                await storage.delete_many(fill(keeping, 50))

    asyncio.run(main())
    assert keeping.objects == {}
    assert (keeping.counted("POST"), keeping.counted("DELETE")) == (1, 100)


@pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (503, "SlowDown")])
def test_failure_to_delete_many_is_not_answered_by_more_requests(
    status: int, code: str, keeping: KeepingStore
) -> None:
    keeping.refuses = lambda asked: (status, code) if asked.method == "POST" else None

    async def main() -> None:
        async with opened() as storage:
            with pytest.raises(StorageError, match=code):
                await storage.delete_many(fill(keeping, 50))

    asyncio.run(main())
    assert (keeping.counted("POST"), keeping.counted("DELETE")) == (1, 0)


def test_object_that_the_store_refuses_to_delete_is_a_failure_and_keeps_no_other(
    keeping: KeepingStore,
) -> None:
    keeping.undeletable = {PREFIX + "image/00003"}

    async def main() -> None:
        async with opened() as storage:
            with pytest.raises(StorageError, match=r"cannot delete .*image/00003: access denied"):
                await storage.delete_many(fill(keeping, 3 * MAX_KEYS))

    asyncio.run(main())
    assert set(keeping.objects) == keeping.undeletable


def test_object_that_an_answer_does_not_name_is_deleted_by_itself(keeping: KeepingStore) -> None:
    keeping.says_what_is_deleted = False

    async def main() -> None:
        async with opened() as storage:
            await storage.delete_many(fill(keeping, 3))

    asyncio.run(main())
    assert keeping.counted("DELETE") == 3


def test_expired_objects_are_described_once_and_deleted_together(keeping: KeepingStore) -> None:
    fill(keeping, 300)

    async def main() -> None:
        async with opened() as storage:
            keeping.asked.clear()
            assert await storage.delete_expired(5) == 300

    asyncio.run(main())
    assert (keeping.counted("HEAD"), keeping.counted("POST")) == (300, 2)
    assert len(keeping.asked) == 303


def test_young_objects_are_not_read_in_the_search_for_expired_ones(keeping: KeepingStore) -> None:
    now = 1_800_000_000
    ages = {"image/old": 101, "image/young": 99, "task/young": 101}
    for key, age in ages.items():
        keeping.objects[PREFIX + key] = described(now - age)

    async def main() -> None:
        storage = storage_at("s3://bucket")
        await storage.open({"image/": 100, "task/": 1000})
        keeping.asked.clear()
        assert await storage.delete_expired(now) == 1
        await storage.close()

    asyncio.run(main())
    assert sorted(keeping.objects) == [PREFIX + "image/young", PREFIX + "task/young"]
    assert keeping.counted("HEAD") == 1


def test_search_at_the_root_lists_nothing_but_what_lies_below_our_prefixes(
    keeping: KeepingStore,
) -> None:
    keeping.objects |= {f"photos/{number}": Kept(b"x", {}) for number in range(5000)}
    keeping.objects["image/old"] = described(0.0)

    async def main() -> None:
        storage = storage_at("s3://bucket/.")
        await storage.open({"image/": 100, "task/": 100})
        keeping.asked.clear()
        assert await storage.delete_expired(1000) == 1
        await storage.close()

    asyncio.run(main())
    prefixes = [each.query["prefix"] for each in keeping.asked if "list-type" in each.query]
    assert prefixes == ["image/", "task/"]


def test_object_that_cannot_be_read_keeps_no_other_from_being_deleted(
    keeping: KeepingStore,
) -> None:
    bad = PREFIX + "image/00100"
    keeping.refuses = lambda asked: (400, "") if asked.key == bad else None
    fill(keeping, 600)

    async def main() -> None:
        async with opened() as storage:
            with pytest.raises(StorageError):
                await storage.delete_expired(5)

    asyncio.run(main())
    assert list(keeping.objects) == [bad]


def test_store_that_fails_is_not_asked_for_every_object(keeping: KeepingStore) -> None:
    keeping.refuses = lambda asked: (403, "") if asked.method == "HEAD" else None
    names = fill(keeping, 500)

    async def main() -> None:
        async with opened() as storage:
            with pytest.raises(StorageError):
                _ = [listed async for listed in storage.described(names)]

    asyncio.run(main())
    assert keeping.counted("HEAD") <= MAX_FAILURES + 2 * BATCH_THREADS


class Crowd:
    """Holds requests of one kind until it is told to let them go, and counts them."""

    def __init__(self, holds: Callable[[Asked], bool]) -> None:
        self.most = 0
        self.may_go = threading.Event()
        self._holds = holds
        self._held = 0
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> None:
        if self._holds(asked):
            with self._lock:
                self._held += 1
                self.most = max(self.most, self._held)
            self.may_go.wait(10)
            with self._lock:
                self._held -= 1


def held(crowd: Crowd, number: int) -> Callable[[], bool]:
    return lambda: crowd.most >= number


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("work", "at_once"),
    [
        (lambda storage, names: storage.delete_expired(5), SWEEP_THREADS),
        (lambda storage, names: keys(storage), BATCH_THREADS),
    ],
    ids=["search", "list"],
)
def test_uploads_and_reads_go_on_beside_work_on_many_objects(
    work: Callable[[Storage, list[str]], object], at_once: int, keeping: KeepingStore
) -> None:
    names = fill(keeping, 300)
    crowd = Crowd(lambda asked: asked.method == "HEAD" and bool(asked.key))
    keeping.refuses = crowd

    async def main() -> None:
        async with opened() as storage:
            working = asyncio.ensure_future(work(storage, names))  # type: ignore[call-overload]
            await until(held(crowd, at_once))
            # More than there are threads for requests, were they shared.
            uploads = (put(storage, info(f"image/new{number}"), b"x") for number in range(64))
            await asyncio.gather(*uploads)
            async with await storage.get("image/new0") as stored:
                assert stored.size == 1
            assert not working.done()
            crowd.may_go.set()
            await working

    asyncio.run(main())
    assert crowd.most == at_once


def test_deletions_of_single_objects_run_at_the_same_time(keeping: KeepingStore) -> None:
    crowd = Crowd(lambda asked: asked.method == "DELETE")

    def refuse(asked: Asked) -> tuple[int, str] | None:
        crowd(asked)
        return (501, "NotImplemented") if asked.method == "POST" else None

    keeping.refuses = refuse
    names = fill(keeping, 100)

    async def main() -> None:
        async with opened() as storage:
            deleting = asyncio.create_task(storage.delete_many(names))
            await until(held(crowd, BATCH_THREADS))
            crowd.may_go.set()
            await deleting

    asyncio.run(main())
    assert keeping.objects == {}


# Whose a bucket is


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(logging.getLogger("fake_apimart"), "propagate", True)
    return caplog


LIFETIMES = {"image/": 100, "world/": 100}
EARLIER_RULE = Rule("fake-apimart:image/", "image/", 4).to_xml("")


def rules_of(*rules: str) -> bytes:
    return f"<LifecycleConfiguration>{''.join(rules)}</LifecycleConfiguration>".encode()


def start(location: str, is_own: KeyTest = any_key) -> None:
    """Open and close a storage, as a server does that is started and stopped."""

    async def main() -> None:
        storage = storage_at(location)
        await storage.open(LIFETIMES, is_own)
        await storage.close()

    asyncio.run(main())


def warnings_of(log: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in log.records if each.levelname == "WARNING"]


LOCATIONS = {
    "s3://bucket": "fake-apimart/image/a",
    "s3://bucket/": "fake-apimart/image/a",
    "s3://bucket/.": "image/a",
    "s3://bucket/x/y": "x/y/image/a",
}


@pytest.mark.parametrize("location", LOCATIONS)
def test_objects_and_rules_lie_below_the_prefix_alone(location: str, keeping: KeepingStore) -> None:
    async def main() -> None:
        storage = storage_at(location)
        await storage.open({"image/": 100})
        await put(storage, info(), b"x")
        await storage.close()

    asyncio.run(main())
    key = LOCATIONS[location]
    assert list(keeping.objects) == [key]
    (rule,) = Document(keeping.rules or b"").rules
    assert prefix_of(fields_of(rule.element) or {}) == key.removesuffix("a")


def test_start_says_how_to_keep_files_that_an_earlier_version_put_at_the_root(
    keeping: KeepingStore, log: pytest.LogCaptureFixture
) -> None:
    keeping.objects["world/server"] = described()
    start("s3://bucket")
    (line,) = warnings_of(log)
    assert "s3://bucket/. " in line
    assert "\n" not in line
    assert list(keeping.objects) == ["world/server"]


def test_start_finds_files_of_an_earlier_version_behind_pictures_of_others(
    keeping: KeepingStore, log: pytest.LogCaptureFixture
) -> None:
    keeping.objects |= {f"image/0{number}-photo": Kept(b"x", {}) for number in range(20)}
    keeping.objects["image/8204542137718-c1f557db-a.jpg"] = described()
    start("s3://bucket", lambda key: "photo" not in key)
    (line,) = warnings_of(log)
    assert "s3://bucket/. " in line


def test_start_takes_away_the_rules_of_an_earlier_version_at_the_root(
    keeping: KeepingStore, log: pytest.LogCaptureFixture
) -> None:
    foreign = "<Rule><ID>photos</ID><Filter><Prefix>image/</Prefix></Filter></Rule>"
    keeping.rules = rules_of(EARLIER_RULE, foreign)
    start("s3://bucket")
    assert EARLIER_RULE.encode() not in keeping.rules
    assert foreign.encode() in keeping.rules
    (line,) = warnings_of(log)
    assert "s3://bucket/. " in line
    start("s3://bucket")
    assert len(warnings_of(log)) == 1


@pytest.mark.parametrize("location", ["s3://bucket/.", "s3://bucket/x"])
def test_prefix_that_was_asked_for_leaves_the_root_alone(
    location: str, keeping: KeepingStore, log: pytest.LogCaptureFixture
) -> None:
    keeping.objects["image/a"] = described()
    keeping.rules = rules_of(EARLIER_RULE)
    start(location)
    assert warnings_of(log) == []
    assert (EARLIER_RULE.encode() in keeping.rules) == (location == "s3://bucket/x")


OTHER_ROOTS: dict[str, Callable[[KeepingStore], None]] = {
    "empty": lambda keeping: None,
    "pictures of others": lambda keeping: keeping.objects.update(
        {"image/a": Kept(b"x", {}), "image/photo.png": Kept(b"x", {})}
    ),
    "a page of them": lambda keeping: keeping.objects.update(
        {f"image/{number}": Kept(b"x", {}) for number in range(1200)}
    ),
    "other names": lambda keeping: keeping.objects.update({"image/photo": described()}),
    "in use already": lambda keeping: keeping.objects.update(
        {"image/a": described(), PREFIX + "image/a": described()}
    ),
}


@pytest.mark.parametrize("name", OTHER_ROOTS)
def test_start_says_nothing_of_what_is_not_ours_at_the_root(
    name: str, keeping: KeepingStore, log: pytest.LogCaptureFixture
) -> None:
    OTHER_ROOTS[name](keeping)
    start("s3://bucket", lambda key: "photo" not in key)
    assert warnings_of(log) == []


def test_start_goes_on_where_the_root_may_not_be_listed(
    keeping: KeepingStore, log: pytest.LogCaptureFixture
) -> None:
    def refuse(asked: Asked) -> tuple[int, str] | None:
        is_ours = asked.query.get("prefix", PREFIX).startswith(PREFIX)
        return None if is_ours else (403, "AccessDenied")

    keeping.refuses = refuse
    start("s3://bucket")
    assert warnings_of(log) == []


@pytest.mark.parametrize("location", ["s3://bucket/.", "s3://bucket"])
def test_unfinished_uploads_of_others_are_not_swept(location: str, keeping: KeepingStore) -> None:
    prefix = PREFIX if location == "s3://bucket" else ""
    keeping.unfinished = [prefix + "image/own", prefix + "image/photo", "video"]
    start(location, lambda key: key == "image/own")
    aborted = [each.key for each in keeping.asked if "uploadId" in each.query]
    assert aborted == [prefix + "image/own"]
