"""`FakeAPIMart.asgi`: worlds in this process, without a socket, for clients of httpx."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest
from fake_apimart_testing import ControlError, FakeAPIMart

from tests.harness import JPEG


@pytest.fixture(scope="module")
def opened() -> Iterator[FakeAPIMart]:
    with FakeAPIMart.asgi() as apimart:
        yield apimart


@pytest.fixture
def apimart(opened: FakeAPIMart) -> FakeAPIMart:
    """Return a world of its own on the application that these tests share."""
    return opened.another()


def client(apimart: FakeAPIMart, **options: Any) -> httpx.Client:
    return httpx.Client(transport=apimart.transport, **options, **asked_as(apimart))


def asked_as(apimart: FakeAPIMart) -> dict[str, Any]:
    return {
        "base_url": apimart.base_url,
        "headers": {"Authorization": f"Bearer {apimart.api_key}"},
    }


def upload(asking: httpx.Client) -> httpx.Response:
    return asking.post("/v1/uploads/images", files={"file": ("photo.jpg", JPEG)})


def test_upload_can_be_read_and_expires(apimart: FakeAPIMart) -> None:
    with client(apimart) as asking:
        url = upload(asking).json()["url"]
        assert url.startswith(f"{apimart.base_url}/f/")
        assert asking.get(url).content == JPEG
        assert [each.url for each in apimart.uploads] == [url]
        apimart.clock.advance(hours=72)
        assert asking.get(url).status_code == 403


def test_rules_and_the_journal_work_as_on_a_socket(apimart: FakeAPIMart) -> None:
    rule = apimart.fail("uploads.create", "rate_limited", times=2)
    with client(apimart) as asking:
        assert [upload(asking).status_code for _ in range(3)] == [429, 429, 200]
    assert rule.used == 2
    assert len(apimart.requests.matching(operation="uploads.create")) == 3


async def upload_twice(apimart: FakeAPIMart) -> list[int]:
    async with httpx.AsyncClient(transport=apimart.transport, **asked_as(apimart)) as asking:
        statuses = []

        async def upload() -> None:
            # The control API is used in the very loop whose requests it is about.
            assert apimart.uploads == []
            answer = await asking.post("/v1/uploads/images", files={"file": ("a.jpg", JPEG)})
            statuses.append(answer.status_code)

        async with anyio.create_task_group() as group:
            group.start_soon(upload)
            group.start_soon(upload)
        return statuses


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_asynchronous_clients_of_any_loop_get_answers(backend: str, apimart: FakeAPIMart) -> None:
    apimart.rate_limit("1/minute")
    assert sorted(anyio.run(upload_twice, apimart, backend=backend)) == [200, 429]


async def wait_for_own_upload(apimart: FakeAPIMart) -> int:
    async with httpx.AsyncClient(transport=apimart.transport, **asked_as(apimart)) as asking:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: asking.get("/v1/models"))
            (entry,) = await apimart.requests.wait_for_async("models.list", timeout=20)
        return entry.status or 0


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_coroutines_of_any_loop_wait_for_a_request(backend: str, apimart: FakeAPIMart) -> None:
    assert anyio.run(wait_for_own_upload, apimart, backend=backend) == 200


async def give_up_waiting(apimart: FakeAPIMart) -> None:
    with anyio.fail_after(0.2):
        await apimart.requests.wait_for_async("models.list", timeout=20)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_wait_that_is_cancelled_returns_at_once(backend: str) -> None:
    # What was asked goes on in its thread until the application ends.
    with FakeAPIMart.asgi() as apimart, pytest.raises(TimeoutError):
        anyio.run(give_up_waiting, apimart, backend=backend)


async def use_and_cancel() -> FakeAPIMart:
    with anyio.CancelScope() as scope:
        async with FakeAPIMart.asgi() as apimart:
            scope.cancel()
    return apimart


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_world_of_a_cancelled_coroutine_is_closed(backend: str) -> None:
    apimart = anyio.run(use_and_cancel, backend=backend)
    with pytest.raises(ControlError, match="has not been started"):
        len(apimart.uploads)


def test_request_is_waited_for_while_another_thread_sends_it(apimart: FakeAPIMart) -> None:
    def send() -> None:
        with client(apimart) as asking:
            upload(asking)

    sending = threading.Thread(target=send)
    sending.start()
    (entry,) = apimart.requests.wait_for("uploads.create", timeout=20)
    sending.join()
    assert entry.status == 200


def test_timeout_of_the_client_is_obeyed(apimart: FakeAPIMart) -> None:
    apimart.fail("uploads.create", delay=30)
    with client(apimart, timeout=0.2) as asking, pytest.raises(httpx.ReadTimeout):
        upload(asking)


def test_cancelled_request_returns_at_once(apimart: FakeAPIMart) -> None:
    async def send() -> None:
        async with httpx.AsyncClient(transport=apimart.transport, **asked_as(apimart)) as asking:
            await asyncio.wait_for(asking.get("/v1/models"), 0.2)

    apimart.fail("models.list", delay=1)
    with pytest.raises(TimeoutError):
        asyncio.run(send())


def test_settings_are_those_of_the_server() -> None:
    with FakeAPIMart.asgi(rate_limit="1/minute") as apimart, client(apimart) as asking:
        assert [upload(asking).status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"dialect": "unknown"}, "dialect=unknown: Input should be 'page' or 'live'"),
        ({"dialekt": "live"}, "dialekt: unknown setting; did you mean dialect?"),
        ({"x": 1}, "x: unknown setting; known are host, port, storage, "),
    ],
    ids=str,
)
def test_invalid_setting_is_named_as_it_was_given(settings: dict[str, Any], reason: str) -> None:
    with (
        pytest.raises(ControlError, match=re.escape(f"did not start: {reason}")),
        FakeAPIMart.asgi(**settings),
    ):
        pass


def test_world_that_is_not_open_says_so() -> None:
    apimart = FakeAPIMart.asgi()
    with pytest.raises(ControlError, match="has not been started: use it in a `with` statement"):
        list(apimart.uploads)
    with apimart:
        assert apimart.uploads == []
    with pytest.raises(ControlError, match="has not been started"):
        list(apimart.uploads)


def test_world_can_be_opened_again() -> None:
    apimart = FakeAPIMart.asgi()
    for _ in range(2):
        with apimart, client(apimart) as asking:
            assert upload(asking).status_code == 200
            assert len(apimart.uploads) == 1


def test_nothing_is_left_running() -> None:
    before = set(threading.enumerate())
    with FakeAPIMart.asgi() as apimart, client(apimart) as asking:
        upload(asking)
    # A thread of a pool of this process may stay.
    after = [each for each in threading.enumerate() if each not in before]
    assert not [each for each in after if each.name.startswith("fake-apimart")]


def test_rule_that_needs_a_socket_is_refused(apimart: FakeAPIMart) -> None:
    with pytest.raises(ControlError, match="socket"):
        apimart.fail("uploads.create", socket="reset_after_reading")


def test_world_on_a_socket_has_no_transport() -> None:
    with pytest.raises(ControlError, match=r"only a world of FakeAPIMart\.asgi\(\)"):
        _ = FakeAPIMart("http://127.0.0.1:8080").transport


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fake_apimart_testing.servers.in_process", None)
    with pytest.raises(ControlError, match="needs fake-apimart and httpx in this environment"):
        FakeAPIMart.asgi()
