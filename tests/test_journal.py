"""The journal: requests are recorded completely, immediately, and without API keys."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable

import httpx
import pytest
from fake_apimart.common.held_bytes import held_bytes
from fake_apimart.go.json import marshal
from fake_apimart.state.memory.journal import Journal
from fake_apimart.worlds.entry import (
    MAX_ENTRIES,
    MAX_NAMES,
    NAME_BYTES,
    TEXT_LENGTH,
    Entry,
)
from fake_apimart.worlds.kept import BODY_BYTES, KeptAnswer
from fake_apimart_storage import ObjectInfo, StorageError
from fake_apimart_storage.memory import MemoryStorage, MemoryWriter
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.harness import (
    JPEG,
    PDF,
    ServerThread,
    connection,
    form,
    read_to_end,
    upload_request,
)
from tests.worlds import authorized, create, created, upload


def test_upload_is_recorded_in_full(world: FakeAPIMart) -> None:
    before = world.clock.now
    answer = httpx.post(
        f"{world.base_url}/v1/uploads/images?from=test",
        headers={**authorized(world), "X-Mine": "1"},
        files={"file": ("猫.jpg", JPEG, "image/png")},
        data={"purpose": "vision"},
    )
    (entry,) = world.requests
    assert (entry.operation, entry.method) == ("uploads.create", "POST")
    assert (entry.path, entry.status, entry.error) == ("/v1/uploads/images", 200, None)
    assert entry.file == answer.json()["url"].rpartition("/")[2]
    assert (entry.filename, entry.content_type) == ("猫.jpg", "image/jpeg")
    assert (entry.size, entry.sha256) == (len(JPEG), hashlib.sha256(JPEG).hexdigest())
    assert entry.part_headers["Content-Type"] == "image/png"
    assert entry.unread_fields == ["purpose", "?from"]
    assert entry.headers["x-mine"] == "1"
    assert before <= entry.time <= world.clock.now
    assert 0 <= entry.duration < 10


def test_key_is_redacted_wherever_it_stands(world: FakeAPIMart) -> None:
    upload(world)
    answer = httpx.get(f"{world.base_url}/_fake/requests", headers=authorized(world))
    assert world.api_key not in answer.text
    assert answer.json()["requests"][0]["headers"]["authorization"] == "Bearer ***"


@pytest.mark.parametrize(
    ("sent", "recorded"),
    [("Basic dXNlcjpwYXNz", "***"), ("s3cret", "***"), ("bearer  s3cret", "***")],
)
def test_other_credentials_are_redacted_too(
    sent: str, recorded: str, start_server: StartServer
) -> None:
    server = start_server()
    headers = {"Authorization": sent}
    httpx.get(f"{server.url}/v1/balance", headers=headers)
    (entry,) = httpx.get(f"{server.url}/_fake/requests").json()["requests"]
    assert entry["headers"]["authorization"] == recorded


def test_refused_file_is_recorded_with_its_hash(world: FakeAPIMart) -> None:
    content = PDF + bytes(100_000)
    upload(world, content)
    (entry,) = world.requests
    assert (entry.status, entry.file) == (400, None)
    assert entry.error == ("unsupported image type: application/pdf, allowed: jpeg, png, gif, webp")
    assert (entry.size, entry.sha256) == (len(content), hashlib.sha256(content).hexdigest())


PICTURE = JPEG + bytes(100_000)
"""Large enough that its type is known before its end."""


def upload_a_cut_form(world: FakeAPIMart) -> None:
    host, port = world.base_url.removeprefix("http://").split(":")
    request = upload_request(form(PICTURE, "a.jpg")[:-12], authorized(world))
    with connection((host, int(port))) as sock:
        sock.sendall(request)
        read_to_end(sock)


def upload_too_much(world: FakeAPIMart) -> None:
    upload(world, PICTURE + PICTURE)


def upload_against_a_rule(world: FakeAPIMart) -> None:
    world.fail("uploads.create", "upload_failed")
    upload(world, PICTURE)


@pytest.mark.parametrize(
    ("attempt", "status"),
    [(upload_a_cut_form, 400), (upload_too_much, 413), (upload_against_a_rule, 500)],
)
def test_picture_that_was_refused_is_recorded_without_a_file(
    attempt: Callable[[FakeAPIMart], None], status: int, start_server: StartServer
) -> None:
    with FakeAPIMart(start_server(max_file_bytes=len(PICTURE)).url) as world:
        attempt(world)
        (entry,) = world.requests
        assert (entry.status, entry.filename, entry.file) == (status, "a.jpg", None)


class FullStorage(MemoryStorage):
    """A storage that fails to commit."""

    def writer(self, info: ObjectInfo) -> MemoryWriter:
        return _FullWriter(self, info)


class _FullWriter(MemoryWriter):
    async def commit(self, *, durable: bool = False, replaces: bool = False) -> None:
        raise StorageError("the disk is full")


def test_picture_that_failed_to_commit_is_recorded_without_a_file(
    start_server: StartServer,
) -> None:
    with FakeAPIMart(start_server(on=FullStorage()).url) as world:
        assert upload(world, PICTURE).status_code == 500
        (entry,) = world.requests
        assert (entry.status, entry.filename, entry.file) == (500, "a.jpg", None)


def test_create_is_recorded_with_its_body_and_unread_fields(world: FakeAPIMart) -> None:
    task_id = created(world, negative_prompt="dogs", n=1)
    (entry,) = world.requests
    assert entry.task_id == task_id
    assert entry.json["negative_prompt"] == "dogs"
    assert entry.unread_fields == ["negative_prompt"]


def test_long_body_is_recorded_truncated(world: FakeAPIMart) -> None:
    create(world, prompt="x" * (2 * BODY_BYTES))
    (entry,) = world.requests
    assert isinstance(entry.json, str)
    assert len(entry.json) == BODY_BYTES


def test_poll_is_recorded_with_its_task(world: FakeAPIMart) -> None:
    task_id = created(world)
    httpx.get(f"{world.base_url}/v1/tasks/{task_id}?language=en&x=1", headers=authorized(world))
    entry = world.requests[-1]
    assert (entry.operation, entry.task_id) == ("tasks.get", task_id)
    assert (entry.query, entry.unread_fields) == ("language=en&x=1", ["?x"])


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ""),
        ("a=%41+b&a=%zz;", "a=%41+b&a=%zz;"),
        ("key=sk-mine&api%5Fkey=x&a=b", "key=***&api%5Fkey=***&a=b"),
        ("a=%FF", "a=%FF"),
        ("&".join(["x"] * 5_000), "***"),
    ],
    ids=["none", "escapes", "secrets", "no text", "too many"],
)
def test_query_is_recorded_as_it_was_sent(query: str, shown: str, world: FakeAPIMart) -> None:
    httpx.get(f"{world.base_url}/v1/models?{query}", headers=authorized(world))
    assert world.requests[-1].query == shown


def test_wrong_path_is_recorded_for_the_key_that_sent_it(world: FakeAPIMart) -> None:
    httpx.post(f"{world.base_url}/v1/upload/images", headers=authorized(world))
    (entry,) = world.requests
    assert (entry.operation, entry.status) == (None, 404)
    assert entry.path == "/v1/upload/images"


def test_client_that_disconnected_is_recorded(world: FakeAPIMart) -> None:
    host, port = world.base_url.removeprefix("http://").split(":")
    body = form(JPEG, "a.jpg")
    request = upload_request(body[:-100], {**authorized(world), "Content-Length": str(len(body))})
    with connection((host, int(port))) as sock:
        sock.sendall(request)
    entry = world.requests.wait_for("uploads.create")[0]
    # The server answers a truncated body, unless it already knows that the client is gone.
    assert (entry.status in (None, 400), entry.file) == (True, None)


def test_request_without_a_key_and_unknown_file_are_the_server_s(start_server: StartServer) -> None:
    server = start_server()
    httpx.post(f"{server.url}/v1/uploads/images", files={"file": ("a.jpg", JPEG)})
    httpx.get(f"{server.url}/f/image/0-0-nothing.png")
    with FakeAPIMart(server.url) as world:
        upload(world)
        assert len(world.requests) == 1
        everything = httpx.get(f"{server.url}/_fake/requests").json()["requests"]
    statuses = [(entry["operation"], entry["status"]) for entry in everything]
    assert statuses == [("uploads.create", 401), ("files.get", 403), ("uploads.create", 200)]
    assert [entry["id"] for entry in everything] == sorted(entry["id"] for entry in everything)


def test_refused_key_has_a_journal_of_its_own(start_server: StartServer) -> None:
    server = start_server(api_keys="good")
    world = FakeAPIMart(server.url, "bad")
    assert upload(world).status_code == 401
    assert [each.error for each in world.requests] == ["invalid API key"]


def test_entry_is_there_before_the_answer_is_sent(world: FakeAPIMart) -> None:
    for number in range(1, 50):
        httpx.get(f"{world.base_url}/v1/models", headers=authorized(world))
        assert len(world.requests) == number


LONG = "x" * 1_000_000


def record_long(entry: Entry, part: str) -> None:
    """Record something long as a part of an entry."""
    raw = LONG.encode()
    many = [b"%d" % number for number in range(100_000)]
    recorders: dict[str, Callable[[], None]] = {
        "answer's body": lambda: setattr(entry, "answer", KeptAnswer(200, [], raw, len(raw))),
        "answer's head": lambda: setattr(entry, "answer", KeptAnswer(200, [(b"x", raw)], None, 0)),
        "body": lambda: entry.record_body(raw),
        "headers": lambda: entry.record_headers([(b"x", raw)]),
        "many headers": lambda: entry.record_headers([(each, b"") for each in many]),
        "part headers": lambda: entry.record_part_headers({b"X": [raw]}),
        "many part headers": lambda: entry.record_part_headers({b"X": many}),
        "unread": lambda: entry.record_unread([LONG, "\U0001f408" * 100_000]),
        "many unread": lambda: entry.record_unread(each.decode() for each in many),
        "query": lambda: setattr(entry, "query", raw),
        "many queries": lambda: setattr(entry, "query", b"&".join(many)),
    }
    recorders.get(part, lambda: setattr(entry, part, LONG))()


PARTS = [
    "answer's body",
    "answer's head",
    "body",
    "content_type",
    "error",
    "file_key",
    "filename",
    "headers",
    "many headers",
    "many part headers",
    "many queries",
    "many unread",
    "method",
    "part headers",
    "path",
    "query",
    "task_id",
    "unread",
]


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_an_entry_is_bounded_and_counted(part: str) -> None:
    entry = Entry("uploads.create", "POST", "/v1/uploads/images")
    record_long(entry, part)
    journal = Journal()
    grown = journal.add(entry)
    assert grown >= held_bytes(entry)
    assert grown < 2 * TEXT_LENGTH
    assert len(marshal(entry.to_json())) < 4 * TEXT_LENGTH
    assert journal.drop_oldest() == grown
    assert journal.bytes == 0


def test_names_of_unread_fields_are_bounded_in_number_and_length(world: FakeAPIMart) -> None:
    fields = {f"{number}{LONG[:1000]}": 1 for number in range(1000)}
    create(world, **fields)
    query = {name[:300]: 1 for name in [*fields][:50]}
    httpx.get(f"{world.base_url}/v1/models", params=query, headers=authorized(world))
    for entry, prefix in zip(world.requests, ("", "?"), strict=False):
        assert len(entry.unread_fields) == MAX_NAMES
        assert all(len(each) <= NAME_BYTES + len(prefix) for each in entry.unread_fields)


def test_journal_says_what_memory_it_takes(world: FakeAPIMart) -> None:
    fields = {f"{number}{LONG[:1000]}": 1 for number in range(1000)}
    for _ in range(20):
        create(world, **fields)
    url = f"{world.base_url}/_fake/world"
    said = httpx.get(url, headers=authorized(world)).json()["journal"]
    assert said["entries"] == 20
    assert 20 * BODY_BYTES < said["bytes"] < 20 * 2 * BODY_BYTES


def test_latest_entries_are_kept(world: FakeAPIMart) -> None:
    with httpx.Client(base_url=world.base_url, headers=authorized(world)) as client:
        for number in range(MAX_ENTRIES + 5):
            client.get(f"/v1/models?number={number}")
        since = world.requests[-3].id
        page = client.get("/_fake/requests", params={"since": since, "limit": 1}).json()
    assert len(world.requests) == MAX_ENTRIES
    assert world.requests[0].unread_fields == ["?number"]
    assert [entry["id"] for entry in page["requests"]] == [world.requests[-1].id]


def test_matching_is_by_operation_and_status(world: FakeAPIMart) -> None:
    upload(world)
    upload(world, PDF)
    created(world)
    assert [each.status for each in world.requests.matching("uploads.create")] == [200, 400]
    assert [each.operation for each in world.requests.matching(status=200)] == [
        "uploads.create",
        "generations.create",
    ]
    assert len(world.requests.matching("uploads.create", status=400)) == 1


def test_waiting_ends_with_the_request(world: FakeAPIMart) -> None:
    timer = threading.Timer(0.2, upload, (world,))
    timer.start()
    started = time.monotonic()
    (entry,) = world.requests.wait_for("uploads.create", timeout=20)
    assert entry.status == 200
    assert time.monotonic() - started < 10
    timer.join()


def test_waiting_that_times_out_shows_the_nearest_requests(world: FakeAPIMart) -> None:
    upload(world, PDF)
    with pytest.raises(AssertionError) as caught:
        world.requests.wait_for("uploads.create", 2, timeout=0.05, status=200)
    assert str(caught.value) == (
        "waited 0.05 s for 2 request(s) uploads.create answered 200, 0 came. Nearest were:\n"
        "  <uploads.create: POST /v1/uploads/images -> 400 unsupported image type: "
        "application/pdf, allowed: jpeg, png, gif, webp>"
    )


def test_waiting_leaves_other_coroutines_running(world: FakeAPIMart) -> None:
    async def wait() -> int:
        waiting = asyncio.ensure_future(world.requests.wait_for_async("uploads.create", timeout=20))
        async with httpx.AsyncClient() as client:
            await client.post(
                f"{world.base_url}/v1/uploads/images",
                headers=authorized(world),
                files={"file": ("a.jpg", JPEG)},
            )
        return len(await waiting)

    assert asyncio.run(wait()) == 1


def test_waiting_ends_with_the_world(world: FakeAPIMart) -> None:
    other = world.another()
    timer = threading.Timer(0.2, other.reset)
    timer.start()
    started = time.monotonic()
    with pytest.raises(AssertionError, match=r"^waited 30 s for 1 request\(s\) uploads\.create"):
        other.requests.wait_for("uploads.create", timeout=30)
    assert time.monotonic() - started < 20
    timer.join()


def test_name_that_is_not_utf_8_is_recorded(world: FakeAPIMart, server: ServerThread) -> None:
    body = form(JPEG, "\udcff.jpg")
    request = upload_request(body, authorized(world))
    with connection(server.address) as sock:
        sock.sendall(request)
        assert b" 200 " in sock.recv(100)
    assert world.requests[0].filename == "\ufffd.jpg"
    assert world.uploads[0].filename == "\ufffd.jpg"


def test_secret_in_the_place_of_a_task_s_id_is_not_shown(world: FakeAPIMart) -> None:
    for task_id in ("http:%2F%2Fu:s3cret@h", ";token=s3cret", "%ff;token=s3cret", "sk-s3cret-key"):
        httpx.get(f"{world.base_url}/v1/tasks/{task_id}", headers=authorized(world))
    entries = httpx.get(f"{world.base_url}/_fake/requests", headers=authorized(world))
    assert len(entries.json()["requests"]) == 4
    assert "s3cret" not in entries.text


def test_password_of_a_url_is_nowhere_in_an_entry(world: FakeAPIMart) -> None:
    secret = "http://u:s3cret@h/"
    httpx.post(
        f"{world.base_url}/v1/{secret}?{secret}&next={secret}",
        headers={**authorized(world), "Referer": secret},
    )
    body = r'{"model": "m", "prompt": "p", "note": "http:\u002f\u002fu:s3cret\u0040h/"}'
    httpx.post(
        f"{world.base_url}/v1/images/generations", content=body, headers=authorized(world)
    ).raise_for_status()
    entries = httpx.get(f"{world.base_url}/_fake/requests", headers=authorized(world))
    assert len(entries.json()["requests"]) == 2
    assert "s3cret" not in entries.text
    assert entries.json()["requests"][1]["body"]["note"] == "http://***@h/"
