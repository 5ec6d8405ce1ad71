"""Waits for requests: what each costs, and what it costs others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from fake_apimart.control.requests import EntryFilter
from fake_apimart.state.memory.state import MemoryState
from fake_apimart.worlds.entry import Entry
from fake_apimart.worlds.watches import Watches
from fake_apimart.worlds.world import World
from fake_apimart_testing import FakeAPIMart

from tests.harness import ServerThread, connection, parse_head, read_answer, wait_until
from tests.test_worlds import make_worlds
from tests.worlds import authorized

POLLS = 100


@contextlib.contextmanager
def waiting(
    server: ServerThread, world: FakeAPIMart, query: str, number: int
) -> Iterator[list[socket.socket]]:
    """Keep so many long polls waiting in a world."""
    request = (
        f"GET /_fake/requests/wait?timeout=30&{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {world.api_key}\r\n\r\n"
    ).encode()
    with contextlib.ExitStack() as stack:
        polls = [stack.enter_context(connection(server.address)) for _ in range(number)]
        for poll in polls:
            poll.sendall(request)
        yield polls


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often a wait looks at an entry, and how often an entry is written."""
    counted: Counter[str] = Counter()
    includes, to_json = EntryFilter.includes, Entry.to_json

    def counting_includes(self: EntryFilter, entry: Entry) -> bool:
        counted["looks"] += 1
        return includes(self, entry)

    def counting_to_json(self: Entry) -> dict[str, object]:
        counted["written"] += 1
        return to_json(self)

    monkeypatch.setattr(EntryFilter, "includes", counting_includes)
    monkeypatch.setattr(Entry, "to_json", counting_to_json)
    return counted


def watches_of(server: ServerThread) -> int:
    assert server.application is not None
    service = server.application.service
    assert service is not None
    state = service.worlds.state
    assert isinstance(state, MemoryState)
    return state.journals.waiting


@pytest.mark.parametrize(
    ("query", "looks"), [("operation=uploads.create", 0), ("count=900", 1), ("status=500", 1)]
)
def test_request_is_shown_once_to_those_alone_that_may_wait_for_it(
    query: str, looks: int, server: ServerThread, work: Counter[str]
) -> None:
    with FakeAPIMart(server.url) as world, waiting(server, world, query, POLLS):
        wait_until(lambda: watches_of(server) == POLLS, "all polls wait")
        work.clear()
        for _ in range(10):
            httpx.get(f"{world.base_url}/v1/models", headers=authorized(world))
        assert work == Counter(looks=10 * POLLS * looks)
    wait_until(lambda: watches_of(server) == 0, "no poll waits any more")


def test_request_in_one_world_is_not_shown_to_waits_in_others(
    server: ServerThread, work: Counter[str]
) -> None:
    with FakeAPIMart(server.url) as world, waiting(server, world, "count=900", POLLS):
        wait_until(lambda: watches_of(server) == POLLS, "all polls wait")
        work.clear()
        other = world.another()
        httpx.get(f"{other.base_url}/v1/models", headers=authorized(other))
        assert work == Counter()


def test_all_that_wait_for_a_request_get_it(server: ServerThread) -> None:
    query = "operation=models.list&count=3"
    with FakeAPIMart(server.url) as world, waiting(server, world, query, POLLS) as polls:
        wait_until(lambda: watches_of(server) == POLLS, "all polls wait")
        for _ in range(3):
            httpx.get(f"{world.base_url}/v1/models", headers=authorized(world))
        for poll in polls:
            answer = json.loads(parse_head(read_answer(poll))[2])
            assert (answer["satisfied"], len(answer["requests"])) == (True, 3)


def test_wait_outlasts_a_journal_that_is_cleared_meanwhile(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as world:
        httpx.get(f"{world.base_url}/v1/models", headers=authorized(world))
        with waiting(server, world, "operation=models.list&count=2", 1) as (poll,):
            wait_until(lambda: watches_of(server) == 1, "the poll waits")
            headers = {**authorized(world), "Content-Type": "application/json"}
            httpx.post(f"{world.base_url}/_fake/reset/journal", headers=headers)
            httpx.get(f"{world.base_url}/v1/models", headers=authorized(world))
            poll.settimeout(0.2)
            with pytest.raises(TimeoutError):
                poll.recv(1)
            poll.settimeout(20)
            httpx.get(f"{world.base_url}/v1/models", headers=authorized(world))
            assert json.loads(parse_head(read_answer(poll))[2])["satisfied"]


def test_client_that_shuts_its_side_waits_no_longer(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as world, waiting(server, world, "count=900", 1) as (poll,):
        wait_until(lambda: watches_of(server) == 1, "the poll waits")
        poll.shutdown(socket.SHUT_WR)
        answer = json.loads(parse_head(read_answer(poll))[2])
        assert answer == {"requests": [], "satisfied": False}


def test_clients_that_have_given_up_hold_no_connections(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as world:
        before = server.connections
        with waiting(server, world, "count=900", POLLS):
            wait_until(lambda: watches_of(server) == POLLS, "all polls wait")
        wait_until(lambda: server.connections <= before, "the connections end")
        assert watches_of(server) == 0


def test_delayed_request_ends_a_wait_for_its_status(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as world:
        world.fail("models.list", "service_unavailable", delay=0.3)
        url = f"{world.base_url}/v1/models"
        thread = threading.Thread(
            target=httpx.get, args=(url,), kwargs={"headers": authorized(world)}
        )
        thread.start()
        assert len(world.requests.wait_for("models.list", status=503, timeout=20)) == 1
        thread.join()


def test_wait_for_any_world_is_shown_what_comes_in_each() -> None:
    async def watch() -> None:
        worlds = make_worlds()
        watches = Watches()
        with watches.watching(None, "models.list", lambda entry: True) as watch:
            watch.expect(2)
            for key in ("a", "b"):
                assert not watch.changed.is_set()
                world: World = await worlds.by_key(key)
                watches.show(world.name, Entry("uploads.create", "POST", "/"))
                watches.show(world.name, Entry("models.list", "GET", "/"))
            assert watch.changed.is_set()

    asyncio.run(watch())
