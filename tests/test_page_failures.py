"""What the page says where something fails, and that it goes on when that is over."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fake_apimart.machine.shortage import Shortage
from fake_apimart.worlds.state.failure import StateError
from fake_apimart_storage import StorageError
from fake_apimart_storage.memory import MemoryStorage
from fake_apimart_testing import FakeAPIMart

from tests.conftest import StartServer
from tests.harness import PNG, wait_until
from tests.worlds import upload, upload_url

PART = {"HX-Request": "true"}
ELSEWHERE = {"Host": "fake.example"}
"""What makes a request one that may have come from another machine."""


class Failing(MemoryStorage):
    """A storage whose listings fail as long as there is a `failure`."""

    failure: Exception | None = None
    failed = 0

    async def keys(self, prefix: str = "") -> AsyncIterator[str]:
        if self.failure is not None:
            self.failed += 1
            raise self.failure
        async for key in super().keys(prefix):
            yield key


@pytest.mark.parametrize(
    ("failure", "status", "said"),
    [
        (StorageError("the disk is gone"), 503, "the storage failed: the disk is gone"),
        (StateError("no Redis"), 503, "the shared state failed: no Redis"),
        (Shortage("too many open files"), 503, "unavailable"),
        (ZeroDivisionError("oops"), 500, "error"),
    ],
)
def test_failure_is_said_in_html(
    start_server: StartServer, failure: Exception, status: int, said: str
) -> None:
    storage = Failing()
    server = start_server(on=storage)
    storage.failure = failure
    answer = httpx.get(f"{server.url}/_fake/")
    assert answer.status_code == status
    assert 'role="alert"' in answer.text
    assert said in answer.text
    assert "oops" not in answer.text


def test_stream_goes_on_when_the_storage_does(start_server: StartServer) -> None:
    storage = Failing()
    server = start_server(on=storage)
    storage.failure = StorageError("the disk is gone")
    with httpx.stream("GET", f"{server.url}/_fake/page/events", timeout=30) as answer:
        wait_until(lambda: storage.failed > 0, "the stream looks")
        storage.failure = None
        upload(FakeAPIMart(server.url, api_key="k"), PNG, "later.png")
        assert any("later.png" in line for line in answer.iter_lines())


@pytest.mark.parametrize("path", ["page/now", "page/request?id=1", "page/control"])
def test_part_of_a_screen_is_not_put_where_signing_in_is_asked_for(
    start_server: StartServer, path: str
) -> None:
    answer = httpx.get(f"{start_server().url}/_fake/{path}", headers=ELSEWHERE | PART)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/_fake/")


def test_what_has_ended_already_is_ended_no_more(start_server: StartServer) -> None:
    server = start_server()
    world = FakeAPIMart(server.url, api_key="k")
    name = upload_url(world).rpartition("/")[2]
    listed = httpx.get(f"{server.url}/_fake/worlds").json()["worlds"]
    query = {"world": listed[0]["world"], "name": name}

    def end(**changed: str) -> httpx.Response:
        url = f"{server.url}/_fake/page/do/expire"
        return httpx.post(url, params=query | changed, headers=PART)

    assert "The URL is dead." in end().text
    assert "the upload has expired already" in end().text
    unknown = end(name="none")
    assert (unknown.status_code, "there is no upload none" in unknown.text) == (404, True)


def test_journal_is_emptied_by_hand(start_server: StartServer) -> None:
    server = start_server()
    with FakeAPIMart(server.url, api_key="k") as world:
        upload(world)
        answer = httpx.post(f"{server.url}/_fake/page/do/reset-journal")
        assert "The journal is empty." in answer.text
        assert world.requests == []
        assert len(world.uploads) == 1
