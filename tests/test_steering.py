"""What a test does to the contents of a world: adds uploads, lets them expire, ends tasks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from fake_apimart.state.memory.account import Account
from fake_apimart.tasks.state import Polls, state_of
from fake_apimart.testing import ControlError, FakeAPIMart
from fake_apimart_testing.records import Task
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Places, StartServer
from tests.harness import JPEG, PDF, PNG, wait_until
from tests.receivers import Receiver, answers
from tests.redis_server import RedisServer
from tests.test_account import CREATED_MS, task_of
from tests.worlds import authorized, balance, create, created, poll, upload, upload_url

OCTETS = {"Content-Type": "application/octet-stream"}


# Uploads that are added


def test_file_that_was_added_is_an_upload_like_any_other(places: Places, tmp_path: Path) -> None:
    one, other = places
    (tmp_path / "a b.jpg").write_bytes(JPEG)
    added = one.uploads.add(tmp_path / "a b.jpg")
    assert httpx.get(added.url).content == JPEG
    assert (added.filename, added.content_type, added.bytes) == ("a b.jpg", "image/jpeg", len(JPEG))
    assert other.uploads == [added]
    assert other.uploads[0].read() == JPEG
    form = upload(one, name="a b.jpg").json()
    pattern = r"/f/image/\d{13}-[0-9a-f]{8}-a%20b\.jpg$"
    assert re.search(pattern, form["url"])
    assert re.search(pattern, added.url)
    task = poll(other, created(other, image_urls=[added.url]))
    assert task["status"] == "completed"


def test_file_that_was_added_is_no_request_and_meets_no_rule(places: Places) -> None:
    one, other = places
    one.rate_limit("1/day")
    one.balance(0)
    rule = one.fail("uploads.create", "upload_failed", optional=True)
    for _ in range(3):
        one.uploads.add(PNG, filename="x.png")
    assert (rule.used, len(other.requests), len(other.uploads)) == (0, 0, 3)


def test_file_lives_by_the_settings_of_its_world(places: Places) -> None:
    one, other = places
    one.dialect("live")
    one.url_lifetime(hours=1)
    one.clock.freeze()
    added = other.uploads.add(PNG, "x.png")
    assert re.search(r"/f/image/\d{16}-", added.url)
    assert added.expires_at == added.created_at + 3600


def test_files_are_added_by_path_or_by_name_and_bytes(world: FakeAPIMart, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(PNG)
    names = [
        world.uploads.add(path).filename,
        world.uploads.add(str(path)).filename,
        world.uploads.add(path, filename="other.png").filename,
        world.uploads.add(bytearray(PNG), filename="../../x.png").filename,
        world.uploads.add(PNG, filename="照片 &?#.png").filename,
    ]
    assert names == ["photo.png", "photo.png", "other.png", "x.png", "照片 &?#.png"]
    assert [each.filename for each in world.uploads] == names


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda uploads: uploads.add(PNG), ValueError, "filename must be given with bytes"),
        (lambda uploads: uploads.add(PNG, ""), ValueError, "filename must be given with bytes"),
        (lambda uploads: uploads.add(PNG, 1), TypeError, "filename must be a str or None"),
        (lambda uploads: uploads.add(None), TypeError, "content must be a path or bytes, not None"),
        (lambda uploads: uploads.add("/no/such/file"), FileNotFoundError, "/no/such/file"),
        (
            lambda uploads: uploads.add(PDF, "a.png"),
            ControlError,
            "unsupported image type: application/pdf, allowed: jpeg, png, gif, webp",
        ),
        (lambda uploads: uploads.add(b"", "a.png"), ControlError, "unsupported image type"),
        (
            lambda uploads: uploads.add(PNG + bytes(20 * 1024 * 1024), "a.png"),
            ControlError,
            "exceeds maximum 20971520 bytes",
        ),
    ],
)
def test_file_that_cannot_be_added_is_refused(
    call: Callable[[Any], Any], error: type[Exception], message: str, world: FakeAPIMart
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call(world.uploads)
    assert len(world.uploads) == 0


@pytest.mark.parametrize("content", [PNG, PDF, b"", b"GIF8", JPEG * 40])
def test_file_that_is_added_is_refused_as_an_upload_is(content: bytes, world: FakeAPIMart) -> None:
    world.size_limit(30 * len(JPEG))
    form = upload(world, content, "a.png")
    url = f"{world.base_url}/_fake/uploads?filename=a.png"
    added = httpx.post(url, headers={**authorized(world), **OCTETS}, content=content)
    assert added.status_code == form.status_code
    if added.is_error:
        assert added.content == form.content


CALLS: list[tuple[dict[str, str], str, int, str]] = [
    ({"Content-Type": "application/json"}, "?filename=a", 415, "must be application/octet-stream"),
    ({"Content-Type": "image/png"}, "?filename=a", 415, "must be application/octet-stream"),
    ({"Content-Type": "text/plain"}, "?filename=a", 415, "must be application/octet-stream"),
    ({**OCTETS, "Origin": "https://evil.example"}, "?filename=a", 403, "https://evil.example"),
    ({**OCTETS, "X-Fake-Callback": "1"}, "?filename=a", 403, "are callbacks, and refused"),
    (OCTETS, "", 400, "filename: Field required"),
    (OCTETS, "?filename=", 400, "filename: String should have at least 1 character"),
]


@pytest.mark.parametrize(("headers", "query", "status", "message"), CALLS)
def test_call_that_adds_a_file_is_checked(
    headers: dict[str, str], query: str, status: int, message: str, world: FakeAPIMart
) -> None:
    url = f"{world.base_url}/_fake/uploads{query}"
    answer = httpx.post(url, headers={**authorized(world), **headers}, content=PNG)
    assert (answer.status_code, message in answer.text) == (status, True), answer.text
    assert len(world.uploads) == 0


def test_uploads_read_like_a_list(world: FakeAPIMart) -> None:
    uploads = world.uploads
    assert uploads == []
    assert not uploads
    first, second = uploads.add(PNG, "1.png"), uploads.add(PNG, "2.png")
    assert uploads == [first, second]
    assert uploads == world.uploads
    assert uploads != [first]
    assert uploads != "uploads"
    assert (uploads[0], uploads[-1], uploads[1:]) == (first, second, [second])
    assert (len(uploads), first in uploads, uploads.index(second)) == (2, True, 1)
    assert [*reversed(uploads)] == [second, first]
    assert len({first, second, uploads[0]}) == 2
    assert repr(uploads) == repr([first, second])
    with pytest.raises(IndexError):
        _ = uploads[2]


# Uploads that expire


def test_url_is_dead_at_once_without_a_change_of_the_clock(places: Places) -> None:
    one, other = places
    url, kept = upload_url(one), upload_url(other)
    before = other.uploads[0]
    dead = httpx.get(f"{one.base_url}/f/image/0000000000000-00000000-x")
    one.uploads[0].expire()
    for base_url in (one.base_url, other.base_url):
        answer = httpx.get(url.replace(one.base_url, base_url))
        assert (answer.status_code, "<Code>AccessDenied</Code>" in answer.text) == (403, True)
        assert answer.headers["content-type"] == dead.headers["content-type"]
    assert httpx.get(kept).status_code == 200
    expired, alive = other.uploads
    assert (expired.alive, alive.alive, expired.created_at) == (False, True, before.created_at)
    assert expired.read() == JPEG
    assert abs(one.clock.now - expired.expires_at) < 10
    task = poll(other, created(other, image_urls=[url]))
    assert task["status"] == "failed"


def test_upload_that_has_expired_is_refused(places: Places) -> None:
    one, other = places
    one.uploads.add(PNG, "a.png")
    here, there = one.uploads[0], other.uploads[0]
    here.expire()
    assert here.alive is False
    for each in (here, there):
        with pytest.raises(ControlError, match=r"upload .*-a\.png has expired already"):
            each.expire()
    one.uploads.add(PNG, "b.png")
    one.clock.advance(hours=72)
    with pytest.raises(ControlError, match=r"upload .*-b\.png has expired already"):
        other.uploads[1].expire()


def test_result_of_a_task_can_expire(world: FakeAPIMart) -> None:
    world.pace(seconds=0)
    (image,) = poll(world, created(world))["result"]["images"]
    (url,) = image["url"]
    name = url.rpartition("/")[2]
    path = f"{world.base_url}/_fake/uploads/{name}/expire"
    assert httpx.post(path, headers=authorized(world), json={}).status_code == 200
    assert httpx.get(url).status_code == 403


def test_large_file_is_expired_whole(world: FakeAPIMart) -> None:
    content = PNG + bytes(5 * 1024 * 1024)
    added = world.uploads.add(content, "large.png")
    added.expire()
    assert added.read() == content


UNKNOWN = [
    ("uploads/x/expire", "there is no upload x"),
    ("uploads/%2e%2e/expire", "there is no upload .."),
    ("tasks/x/complete", "there is no task x"),
    ("tasks/x/fail", "there is no task x"),
    ("tasks/task_01KT48E134GCG3W870HKHPVMNA/fail", "there is no task task_01KT48E134GCG3W870HKHPV"),
]


@pytest.mark.parametrize(("path", "message"), UNKNOWN)
def test_what_is_not_there_is_unknown(path: str, message: str, world: FakeAPIMart) -> None:
    answer = httpx.post(f"{world.base_url}/_fake/{path}", headers=authorized(world), json={})
    assert (answer.status_code, message in answer.text) == (404, True), answer.text


def test_contents_of_another_world_are_unknown(world: FakeAPIMart) -> None:
    other = world.another()
    mine, task_id = world.uploads.add(PNG, "a.png"), created(world)
    paths = (f"uploads/{mine.name}/expire", f"tasks/{task_id}/complete", f"tasks/{task_id}/fail")
    for path in paths:
        url = f"{world.base_url}/_fake/{path}"
        assert httpx.post(url, headers=authorized(other), json={}).status_code == 404
        assert httpx.post(url, json={}).status_code == 401


# Tasks that are ended


PLANS: list[dict[str, Any]] = [
    {},
    {"prompt": "[fake: seconds=0; polls=3]"},
    {"prompt": "[fake: seconds=500; polls=3]"},
    {"prompt": "[fake: fail=planned; seconds=500]"},
    {"image_urls": ["{base}/f/image/9990000123456-a1b2c3d4-photo.jpg"]},
]


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_task_completes_now_whatever_was_planned(plan: dict[str, Any], places: Places) -> None:
    one, other = places
    one.pace(seconds=500)
    one.clock.freeze()
    fields = {
        name: [each.format(base=one.base_url) for each in value] if name == "image_urls" else value
        for name, value in plan.items()
    }
    task_id = created(one, **fields)
    assert poll(other, task_id)["status"] in ("pending", "processing")
    cost = poll(one, task_id)["cost"]
    assert balance(other)["used_balance"] == 0
    one.clock.advance(seconds=7)
    (task,) = one.tasks
    task.complete()
    assert (task.status, task.progress, task.failure) == ("completed", 100, None)
    for world in (other, one):
        data = poll(world, task_id)
        assert (data["status"], data["actual_time"], data["cost"]) == ("completed", 7, cost)
        (image,) = data["result"]["images"]
        assert httpx.get(image["url"][0]).status_code == 200
        assert balance(world)["used_balance"] == pytest.approx(cost)


@pytest.mark.parametrize("plan", PLANS[:4], ids=str)
def test_task_fails_now_whatever_was_planned(plan: dict[str, Any], places: Places) -> None:
    one, other = places
    one.pace(seconds=500)
    task_id = created(one, **plan)
    poll(other, task_id)
    (task,) = other.tasks
    task.fail("no cats today")
    assert (task.status, task.failure) == ("failed", "no cats today")
    for world in (one, other):
        data = poll(world, task_id)
        assert (data["status"], data["error"]["message"]) == ("failed", "no cats today")
        assert "result" not in data
        assert balance(world)["used_balance"] == 0
    one.clock.advance(hours=1)
    assert balance(other)["used_balance"] == 0


def test_message_of_a_failure_is_written_as_every_other(world: FakeAPIMart) -> None:
    world.pace(seconds=500)
    task_id = created(world)
    world.tasks[0].fail("http://user:s3cret@host/")
    assert poll(world, task_id)["error"]["message"] == "failed: http://***@host/"


@pytest.mark.parametrize("plan", [{}, {"prompt": "[fake: fail]"}], ids=str)
def test_task_that_has_ended_is_refused(plan: dict[str, Any], places: Places) -> None:
    one, other = places
    task_id = created(one, **plan)
    status = poll(one, task_id)["status"]
    for world in places:
        for end in (world.tasks[0].complete, world.tasks[0].fail):
            with pytest.raises(ControlError, match=f"task {task_id} is {status} already"):
                end()
    url = f"{other.base_url}/_fake/tasks/{task_id}/fail"
    assert httpx.post(url, headers=authorized(other), json={}).status_code == 409


def test_task_is_ended_once(places: Places) -> None:
    one, other = places
    one.pace(seconds=500)
    task_id = created(one)
    here, there = one.tasks[0], other.tasks[0]
    here.fail()
    with pytest.raises(ControlError, match=f"task {task_id} is failed already"):
        there.complete()
    assert poll(other, task_id)["error"]["message"] == "task failed on purpose"


def test_callback_comes_at_the_end_that_was_asked_for(places: Places) -> None:
    one, other = places
    one.pace(seconds=500)
    with Receiver(answers(200)) as receiver:
        for each in (one, other):
            created(each, webhook=receiver.url)
        one.tasks[0].complete()
        other.tasks[1].fail("no cats today")
        wait_until(lambda: len(receiver.requests) == 2, "the callbacks")
        sent = {each.data["id"]: each.data for each in receiver.requests}
        first, second = (sent[task.id] for task in one.tasks)
        assert (first["status"], second["status"]) == ("completed", "failed")
        assert second["error"]["message"] == "no cats today"
        assert httpx.get(first["result"]["images"][0]["url"][0]).status_code == 200


def test_task_that_ended_is_charged_once_though_the_clock_was_set_back(places: Places) -> None:
    one, other = places
    one.pace(seconds=500)
    one.clock.freeze()
    task_id = created(one)
    one.clock.advance(seconds=500)
    cost = balance(other)["used_balance"]
    assert cost > 0
    one.clock.at(one.clock.now - 400)
    other.tasks[0].complete()
    assert balance(one)["used_balance"] == pytest.approx(cost)
    assert poll(other, task_id)["actual_time"] == 100


def test_end_of_a_task_outlives_a_restart(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(storage=f"dir:{tmp_path}", task_seconds=500)
    world = FakeAPIMart(server.url, "key")
    done, failed = created(world), created(world)
    world.tasks[0].complete()
    world.tasks[1].fail("no cats today")
    spent = balance(world)["used_balance"]
    server.stop()
    again = FakeAPIMart(start_server(storage=f"dir:{tmp_path}").url, "key")
    assert (poll(again, done)["status"], poll(again, failed)["status"]) == ("completed", "failed")
    assert balance(again)["used_balance"] == spent


def test_repeated_create_returns_a_task_that_was_ended(world: FakeAPIMart) -> None:
    world.pace(seconds=500)
    key = {"Idempotency-Key": "x"}
    task_id = created(world, headers=key)
    world.tasks[0].complete()
    assert create(world, headers=key).json()["data"][0]["task_id"] == task_id
    assert poll(world, task_id)["status"] == "completed"


WRONG = [
    ({"message": 1}, "message: Input should be a valid string"),
    ({"message": "x" * 8193}, "message: expected at most 8192 characters"),
    ({"reason": "x"}, "unknown field reason; valid are message"),
]


@pytest.mark.parametrize(("body", "message"), WRONG)
def test_failure_that_cannot_be_kept_is_refused(
    body: dict[str, Any], message: str, world: FakeAPIMart
) -> None:
    url = f"{world.base_url}/_fake/tasks/{created(world)}/fail"
    answer = httpx.post(url, headers=authorized(world), json=body)
    assert (answer.status_code, message in answer.text) == (400, True), answer.text


@given(
    now_ms=st.integers(-1000, 10**9),
    seconds=st.floats(0, 86_400),
    polls=st.integers(0, 3),
    failure=st.none() | st.just("x"),
)
def test_plan_that_was_ended_has_ended_in_that_millisecond(
    now_ms: int, seconds: float, polls: int, failure: str | None
) -> None:
    keys = ("image/8253563199749-a1b2c3d4-x.png",)
    task = task_of(seconds=seconds, polls=polls, image_keys=keys)
    now_ms += CREATED_MS
    ended = task.ended_at(now_ms, failure)
    state = state_of(ended, now_ms, Polls())
    end = max(now_ms, CREATED_MS)
    assert state == ("completed" if failure is None else "failed", 100, end)
    assert ended.image_keys == (f"image/{9_999_999_999_999 - end}-a1b2c3d4-x.png",)


@given(st.data())
def test_account_is_what_it_would_be_had_the_task_been_planned_so(data: st.DataObject) -> None:
    plans = st.tuples(st.integers(0, 5), st.integers(0, 1), st.none() | st.just("x"))
    tasks = [
        task_of(f"task_{number}", seconds=seconds, polls=polls, failure=failure)
        for number, (seconds, polls, failure) in enumerate(
            data.draw(st.lists(plans, min_size=1, max_size=6))
        )
    ]
    account, expected = Account(), Account()
    for task in tasks:
        account.add(task)
    now_ms = CREATED_MS + data.draw(st.integers(0, 6)) * 1000
    if data.draw(st.booleans()):
        account.settle(now_ms)
    chosen = data.draw(st.sampled_from(tasks))
    ended = chosen.ended_at(now_ms, data.draw(st.none() | st.just("y")))
    was_decided = not account.remove(chosen)
    assert was_decided == (
        chosen.failure is None
        and not chosen.polls
        and account.spent > 0
        and chosen.earliest_end_ms <= now_ms
    )
    if was_decided:
        return
    account.add(ended)
    for task in tasks:
        expected.add(ended if task is chosen else task)
    account.settle(now_ms)
    expected.settle(now_ms)
    assert account.spent == pytest.approx(expected.spent)
    assert account.committed == pytest.approx(expected.committed)
    assert sorted(account.take_to_look_up()) == sorted(expected.take_to_look_up())


def test_task_of_records_is_brought_up_to_date_by_its_end(world: FakeAPIMart) -> None:
    world.pace(seconds=500)
    created(world)
    (task,) = world.tasks
    assert isinstance(task, Task)
    task.complete()
    assert world.tasks[0].status == task.status


def test_other_server_forgets_its_plan_even_where_what_they_share_was_lost(
    redis_server: RedisServer, start_server: StartServer, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"storage": f"dir:{tmp_path}", "state": redis_server.url}
    one, other = (
        FakeAPIMart(start_server(task_seconds=500, **settings).url, "key") for _ in range(2)
    )
    first, second = created(one), created(one)
    one.tasks[0].complete()
    assert poll(other, second)["status"] == "pending"
    redis.Redis.from_url(redis_server.url).flushall()
    assert poll(other, first)["status"] == "completed"
    other.tasks[1].complete()
    assert poll(one, second)["status"] == "completed"


def test_world_in_this_process_is_steered_too(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    with FakeAPIMart.asgi(task_seconds=500) as world:
        added = world.uploads.add(tmp_path / "a.png")
        headers = authorized(world)
        with httpx.Client(transport=world.transport, base_url=world.base_url) as client:
            task = {"model": "gpt-image-2", "prompt": "a cat", "image_urls": [added.url]}
            client.post("/v1/images/generations", headers=headers, json=task).raise_for_status()
            assert client.get(added.url).content == PNG
            added.expire()
            assert client.get(added.url).status_code == 403
        world.tasks[0].complete()
        assert world.tasks[0].status == "completed"
        assert repr(world).endswith(": 3 requests, 1 upload, 1 task, 0 rules>")
