"""What does not read, after a power cut or by another's hand: passed over, never an error."""

from __future__ import annotations

import asyncio
import json
import logging
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from fake_apimart.files.stored_file import StoredFile
from fake_apimart.service.expiry import lifetimes
from fake_apimart.service.own_keys import is_own
from fake_apimart.settings.settings import Settings
from fake_apimart_storage import DamagedObject, ObjectInfo, ObjectNotFound
from fake_apimart_storage.directory import DirectoryStorage
from fake_apimart_storage.memory import MemoryObject, MemoryStorage
from fake_apimart_storage.s3.metadata import from_metadata
from fake_apimart_testing import FakeAPIMart
from hypothesis import given
from hypothesis import strategies as st

from tests.harness import JPEG, ServerThread
from tests.stores import Store, environment
from tests.test_storage import keys, opened
from tests.worlds import authorized, balance, create, created, poll, upload_url

KEY = "sk-damage"
IDEMPOTENT = {"headers": {"Idempotency-Key": "once"}}
AT_ONCE = {"metadata": {"fake_apimart": {"seconds": 0}}}
TRAILER = struct.Struct(">I8s")


def rewritten(content: bytes, **fields: Any) -> bytes:
    """Return an object file whose description says something else; None removes a field."""
    length, _ = TRAILER.unpack(content[-TRAILER.size :])
    start = len(content) - TRAILER.size - length
    described = {**json.loads(content[start : -TRAILER.size]), **fields}
    text = json.dumps({name: value for name, value in described.items() if value is not None})
    return content[:start] + text.encode() + TRAILER.pack(len(text), b"FAPIMART")


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
    "no end": lambda content: content[:-5],
    "no footer": lambda content: content[: -TRAILER.size],
    "another magic": lambda content: content[:-8] + b"fapimart",
    "length beyond the file": lambda content: (
        content[: -TRAILER.size] + b"\x7f\xff\xff\xffFAPIMART"
    ),
    "no JSON": lambda content: content + TRAILER.pack(1, b"FAPIMART"),
    "a list": lambda content: b"[1]" + TRAILER.pack(3, b"FAPIMART"),
    "deep JSON": lambda content: b"[" * 99_999 + TRAILER.pack(99_999, b"FAPIMART"),
    "no key": lambda content: rewritten(content, key=None),
    "no times": lambda content: rewritten(content, created_at=None, expires_at=None),
    "unknown field": lambda content: rewritten(content, more=1),
    "text for a time": lambda content: rewritten(content, expires_at="soon"),
    "true for a time": lambda content: rewritten(content, created_at=True),
    "fraction of a time": lambda content: rewritten(content, created_at=1.5),
    "huge time": lambda content: rewritten(content, created_at=10**30, expires_at=10**31),
    "digits without end": lambda content: rewritten(content, created_at=1).replace(
        b'"created_at": 1', b'"created_at": ' + b"9" * 5000
    ),
    "negative time": lambda content: rewritten(content, created_at=-5),
    "number for a type": lambda content: rewritten(content, content_type=7),
    "line end in a type": lambda content: rewritten(content, content_type="a/b\r\nX: y"),
    "number as metadata": lambda content: rewritten(content, metadata={"name": 1}),
    "list as metadata": lambda content: rewritten(content, metadata=[]),
    "another key": lambda content: rewritten(content, key="image/other"),
    "no such key": lambda content: rewritten(content, key="../x"),
    "another size": lambda content: content[1:],
}


class Kept(NamedTuple):
    """What a server was told before its storage was damaged."""

    file_path: str
    task_id: str


def fill(url: str) -> Kept:
    """Let a server store one record of each kind."""
    world = FakeAPIMart(url, KEY)
    task_id = created(world, metadata={"fake_apimart": {"polls": 5, "seconds": 0}}, **IDEMPOTENT)
    poll(world, task_id)
    # A callback that stays pending.
    metadata = {"fake_apimart": {"seconds": 3600}}
    created(world, webhook="http://127.0.0.1:1/hook", metadata=metadata)
    done = created(world, **AT_ONCE)
    poll(world, done)
    file_path = upload_url(world).removeprefix(url)
    call(url, "PATCH", "/_fake/world", json={"balance": 7})
    call(url, "POST", "/_fake/clock", json={"advance": 60})
    return Kept(file_path, task_id)


def call(url: str, method: str, path: str, **arguments: Any) -> httpx.Response:
    answer = httpx.request(
        method, url + path, headers={"Authorization": f"Bearer {KEY}"}, **arguments
    )
    assert answer.status_code < 300, answer.text
    return answer


def check_that_nothing_is_there(url: str, kept: Kept) -> None:
    """Check that a server takes what is damaged for absent, and goes on."""
    world = FakeAPIMart(url, KEY)
    gone = httpx.get(url + kept.file_path)
    assert (gone.status_code, gone.headers["content-type"]) == (403, "application/xml")
    answer = httpx.get(f"{url}/v1/tasks/{kept.task_id}", headers=authorized(world))
    assert answer.status_code == 400
    assert call(url, "GET", "/_fake/uploads").json() == {"uploads": []}
    assert call(url, "GET", "/_fake/tasks").json() == {"tasks": []}
    assert call(url, "GET", "/_fake/world").json()["own_settings"] == {}
    assert balance(world)["remain_balance"] == 100
    again = create(world, **IDEMPOTENT)
    assert (again.status_code, "idempotency-replayed" in again.headers) == (200, False)
    failed = created(world, image_urls=[url + kept.file_path], **AT_ONCE)
    assert poll(world, failed)["status"] == "failed"
    assert httpx.get(upload_url(world)).content == JPEG


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], Kept]:
    """Return the object files of a server that has stored one record of each kind."""
    root = tmp_path_factory.mktemp("original")
    with ServerThread(Settings(port=0, storage=f"dir:{root}")) as server:
        kept = fill(server.url)
    objects = root / "objects"
    files = [path for path in objects.rglob("*") if path.is_file()]
    return {str(path.relative_to(objects)): path.read_bytes() for path in files}, kept


@pytest.fixture
def warnings(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> pytest.LogCaptureFixture:
    """Return what storages log, by a logger that no server configures."""
    monkeypatch.setattr("fake_apimart_storage.interface.logger", logging.getLogger("storages"))
    return caplog


def test_each_kind_of_record_is_among_what_is_damaged(
    original: tuple[dict[str, bytes], Kept],
) -> None:
    stored, _ = original
    assert {f"{key.split('/')[0]}/" for key in stored} == set(lifetimes(1))


def test_every_key_that_a_server_makes_is_known_as_its_own(
    original: tuple[dict[str, bytes], Kept],
) -> None:
    stored, _ = original
    assert [key for key in stored if not is_own(key)] == []


FOREIGN = ("image/holiday.jpg", "image/.DS_Store", "notes.txt", "task/readme", "world/x", "a b")
BELOW_A_FILE = "image/8204542137718-c1f557db-example.jpg/thumb.png"


@pytest.mark.parametrize("key", [*FOREIGN, BELOW_A_FILE])
def test_key_of_another_program_is_known_as_foreign(key: str) -> None:
    assert not is_own(key)


@pytest.mark.parametrize("name", DAMAGES)
def test_server_starts_and_takes_what_is_damaged_for_absent(
    name: str,
    original: tuple[dict[str, bytes], Kept],
    tmp_path: Path,
    warnings: pytest.LogCaptureFixture,
) -> None:
    stored, kept = original
    objects = tmp_path / "objects"
    for key, content in stored.items():
        (objects / key).parent.mkdir(parents=True, exist_ok=True)
        (objects / key).write_bytes(DAMAGES[name](content))
    for key in FOREIGN:
        (objects / key).write_bytes(b"somebody else's")
    with ServerThread(Settings(port=0, storage=f"dir:{tmp_path}")) as server:
        check_that_nothing_is_there(server.url, kept)
        assert httpx.get(server.url + kept.file_path).status_code == 403
        httpx.post(f"{server.url}/_fake/reset", json={}).raise_for_status()
    assert sum(kept.file_path.removeprefix("/f/") in line for line in warnings.messages) == 1
    assert "Traceback" not in warnings.text
    left = {str(path.relative_to(objects)) for path in objects.rglob("*") if path.is_file()}
    assert left == set(FOREIGN)


@pytest.mark.parametrize("name", DAMAGES)
def test_expiry_deletes_what_is_damaged_and_nothing_foreign(
    name: str, original: tuple[dict[str, bytes], Kept], tmp_path: Path
) -> None:
    stored, _ = original
    objects = tmp_path / "objects"
    for number, (key, content) in enumerate(sorted(stored.items())):
        (objects / key).parent.mkdir(parents=True, exist_ok=True)
        (objects / key).write_bytes(DAMAGES[name](content) if number % 2 else content)
    for key in FOREIGN:
        (objects / key).write_bytes(b"somebody else's")

    async def body() -> None:
        async with opened(f"dir:{tmp_path}") as storage:
            assert await keys(storage) == sorted(stored)[::2]
            assert await storage.delete_expired(0, is_own) == len(stored) // 2
            assert await keys(storage) == sorted(stored)[::2]

    asyncio.run(body())
    assert all((objects / key).exists() for key in FOREIGN)


class Lasting(MemoryStorage):
    """A storage that one server after the other may use."""

    async def close(self) -> None:
        pass


SHAPES = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"7",
    b'"text"',
    b"[1, 2, 3, 4]",
    b'["a", "b", -1]',
    b'["a", "b", 1e400]',
    b'{"clock": [1e30], "settings": []}',
    b'{"settings": {"balance": "much"}}',
    b'{"settings": {"unknown": 1}}',
    b'{"clock": 5, "has_tasks": "perhaps"}',
    b'{"id": 1, "world": []}',
    b"[" * 100_000,
    b"9" * 5000,
    b"\xff\xfe",
    b"NaN",
)


@pytest.mark.parametrize("text", SHAPES, ids=lambda text: repr(text[:20]))
def test_record_of_another_shape_counts_as_absent(
    text: bytes, warnings: pytest.LogCaptureFixture
) -> None:
    storage = Lasting()
    with ServerThread(Settings(port=0, storage="memory://"), storage) as server:
        kept = fill(server.url)
    damaged = [key for key in storage.objects if not key.startswith("image/")]
    for key in damaged:
        storage.put(MemoryObject(storage.objects[key].info, bytearray(text)))
    with ServerThread(Settings(port=0, storage="memory://"), storage) as server:
        world = FakeAPIMart(server.url, KEY)
        for _ in range(2):
            assert (
                httpx.get(
                    f"{server.url}/v1/tasks/{kept.task_id}", headers=authorized(world)
                ).status_code
                == 400
            )
        assert call(server.url, "GET", "/_fake/tasks").json() == {"tasks": []}
        assert balance(world)["remain_balance"] == 100
        assert create(world, **IDEMPOTENT).headers.get("idempotency-replayed") is None
    assert sum(kept.task_id in line for line in warnings.messages) == 1


def test_count_of_polls_that_does_not_read_begins_anew() -> None:
    storage = Lasting()
    with ServerThread(Settings(port=0, storage="memory://"), storage) as server:
        world = FakeAPIMart(server.url, KEY)
        task_id = created(world, metadata={"fake_apimart": {"polls": 2, "seconds": 0}})
        assert [poll(world, task_id)["status"] for _ in range(3)][-1] == "completed"
        (key,) = [key for key in storage.objects if key.startswith("polls/")]
        storage.put(MemoryObject(storage.objects[key].info, bytearray(b'["x"]')))
        assert poll(world, task_id)["progress"] == 0


def test_world_whose_state_is_lost_knows_what_it_has_spent() -> None:
    storage = Lasting()
    with ServerThread(Settings(port=0, storage="memory://"), storage) as server:
        world = FakeAPIMart(server.url, KEY)
        world.balance(7)
        for _ in range(2):
            poll(world, created(world, **AT_ONCE))
        spent = balance(world)["used_balance"]
        assert spent > 0
    (key,) = [key for key in storage.objects if key.startswith("world/")]
    storage.objects.pop(key)
    with ServerThread(Settings(port=0, storage="memory://"), storage) as server:
        assert balance(FakeAPIMart(server.url, KEY))["used_balance"] == spent


DESCRIPTIONS: tuple[tuple[str, str], ...] = (
    *(("expires-at", text) for text in ("", "x", "-1", "1e9", "9" * 30, "1.5", " 1", "\u0661")),
    *(("world", name) for name in ("", "server", "x", "../x", "a b", "A" * 32, "0" * 31)),
)


@pytest.mark.parametrize(("field", "value"), DESCRIPTIONS)
@pytest.mark.parametrize("is_listed", [False, True], ids=["unlisted", "listed"])
def test_file_whose_description_does_not_read_is_refused_as_gone(
    is_listed: bool, field: str, value: str, warnings: pytest.LogCaptureFixture
) -> None:
    storage = Lasting()
    with ServerThread(Settings(port=0, storage="memory://"), storage) as server:
        world = FakeAPIMart(server.url, KEY)
        url = upload_url(world)
        if is_listed:
            assert len(world.uploads) == 1
        key = url.partition("/f/")[2]
        info = storage.objects[key].info
        broken = info._replace(metadata={**info.metadata, field: value})
        storage.put(MemoryObject(broken, bytearray(JPEG)))
        for _ in range(2):
            assert httpx.get(url).status_code == 403
        assert sum(key in line for line in warnings.messages) == 1
        name = key.removeprefix("image/")
        answer = httpx.get(f"{server.url}/_fake/uploads/{name}", headers=authorized(world))
        assert answer.status_code == 404
        assert poll(world, created(world, image_urls=[url], **AT_ONCE))["status"] == "failed"
        assert call(server.url, "GET", "/_fake/uploads").json() == {"uploads": []}


@given(
    metadata=st.dictionaries(
        st.sampled_from(["name", "world", "created-at", "expires-at"]),
        st.text(max_size=40) | st.sampled_from(["0" * 32, "12"]),
    )
)
def test_metadata_of_a_file_is_read_or_is_damaged(metadata: dict[str, str]) -> None:
    try:
        file = StoredFile.from_info(ObjectInfo("image/a", "image/png", 1, 2, metadata))
    except DamagedObject:
        return
    assert len(file.world) == 32
    assert file.expires_at >= 0
    assert file.is_alive(0) is (file.expires_at > 0)


S3_METADATA: tuple[dict[str, str], ...] = (
    {},
    {"created-at": "1"},
    {"created-at": "x", "expires-at": "2"},
    {"created-at": "1", "expires-at": "-2"},
    {"created-at": "1", "expires-at": "9" * 40},
    {"created-at": "9" * 5000, "expires-at": "2"},
)


@pytest.mark.parametrize("metadata", S3_METADATA, ids=lambda each: repr(each)[:30])
def test_object_of_s3_whose_metadata_do_not_read_is_damaged(metadata: dict[str, str]) -> None:
    with pytest.raises(DamagedObject):
        from_metadata("image/a", "image/png", metadata)


@pytest.fixture
def s3_location(moto_store: Store, bucket: str) -> Iterator[str]:
    with environment(moto_store.env):
        yield f"s3://{bucket}/."


def test_objects_of_s3_that_are_damaged_count_as_absent_and_go_with_a_reset(
    s3_location: str, moto_store: Store, bucket: str
) -> None:
    with ServerThread(Settings(port=0, storage=s3_location)) as server:
        kept = fill(server.url)
    client = moto_store.client()
    for key in moto_store.keys(bucket):
        client.put_object(Bucket=bucket, Key=key, Body=b"")
    client.put_object(Bucket=bucket, Key="image/hello world.png", Body=b"x")
    client.put_object(Bucket=bucket, Key="image/holiday.png", Body=b"x")
    with ServerThread(Settings(port=0, storage=s3_location)) as server:
        check_that_nothing_is_there(server.url, kept)
        httpx.post(f"{server.url}/_fake/reset", json={}).raise_for_status()
    assert sorted(moto_store.keys(bucket)) == ["image/hello world.png", "image/holiday.png"]


def test_damaged_result_is_drawn_again(tmp_path: Path) -> None:
    with ServerThread(Settings(port=0, storage=f"dir:{tmp_path}", task_seconds=0)) as server:
        world = FakeAPIMart(server.url, KEY)
        task_id = created(world)
        url = poll(world, task_id)["result"]["images"][0]["url"][0]
        drawn = httpx.get(url).content
    (path,) = (tmp_path / "objects" / "image").iterdir()
    path.write_bytes(b"")
    with ServerThread(Settings(port=0, storage=f"dir:{tmp_path}", task_seconds=0)) as server:
        world = FakeAPIMart(server.url, KEY)
        again = poll(world, task_id)["result"]["images"][0]["url"][0]
        assert httpx.get(again).content == drawn


@given(
    content=st.binary(max_size=300), end=st.sampled_from([b"", b"FAPIMART", b"\0\0\0\x02FAPIMART"])
)
def test_file_of_any_content_is_no_error(
    content: bytes, end: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("any")

    async def body() -> None:
        storage = DirectoryStorage(root)
        await storage.open()
        (root / "objects" / "a").write_bytes(content + end)
        with pytest.raises(ObjectNotFound):
            await storage.get("a")
        assert await keys(storage) == []
        assert await storage.delete_expired(0, lambda key: key == "a") == 1
        await storage.close()

    asyncio.run(body())
