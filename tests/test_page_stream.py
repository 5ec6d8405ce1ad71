"""The stream of what changes on the page: what it tells, when, and when it ends."""

from __future__ import annotations

import re
import socket
import threading
import time
from typing import Any

import httpx
import pytest
from fake_apimart.page.screens import events
from fake_apimart.server import FINISHING_SECONDS
from fake_apimart.state.memory.journals import MemoryJournals
from fake_apimart.worlds import pool
from fake_apimart_testing import FakeAPIMart

from tests import asgi_servers
from tests.conftest import StartServer
from tests.harness import PNG, ServerProcess, ServerThread, wait_until
from tests.worlds import authorized, created, upload


def events_of(lines: Any, count: int) -> list[str]:
    """Read so many messages of a stream."""
    found: list[str] = []
    data: list[str] = []
    for line in lines:
        if line.startswith("data: "):
            data.append(line.removeprefix("data: "))
        elif not line and data:
            found.append("\n".join(data))
            data = []
        if len(found) == count:
            break
    return found


def test_stream_tells_what_has_changed(places: tuple[FakeAPIMart, FakeAPIMart]) -> None:
    here, there = places
    with httpx.stream("GET", f"{here.base_url}/_fake/page/events", timeout=20) as answer:
        lines = answer.iter_lines()
        first = events_of(lines, 1)[0]
        assert {*re.findall(r'hx-target="#([a-z]+)"', first)} == {
            "summary",
            "uploads",
            "tasks",
            "requests",
        }
        upload(there, PNG, "news.png")
        second = events_of(lines, 1)[0]
        assert "news.png" in second
        assert 'hx-target="#tasks"' not in second


def test_head_of_the_stream_is_an_answer_of_its_own(server: ServerThread) -> None:
    with httpx.Client(base_url=server.url, timeout=5) as client:
        for _ in range(2):
            assert client.head("/_fake/page/events").status_code == 200


@pytest.mark.parametrize(
    ("status", "before", "after"), [("4xx", ["POST"], ["GET", "POST"]), ("none", ["GET"], [])]
)
def test_request_is_looked_for_by_an_answer_that_comes_late(
    server: ServerThread, status: str, before: list[str], after: list[str]
) -> None:
    with FakeAPIMart(server.url) as world:
        upload(world)
        world_id = httpx.get(f"{server.url}/_fake/worlds").json()["worlds"][0]["world"]
        world.fail("tasks.get", error="rate_limited", delay=1.5)
        query = {"status": status, "world": world_id}
        url, task_url = f"{server.url}/_fake/page/events", f"{server.url}/v1/tasks/task_x"
        with httpx.stream("GET", url, params=query, timeout=20) as answer:
            lines = answer.iter_lines()
            events_of(lines, 1)
            polling = threading.Thread(
                target=httpx.get, args=(task_url,), kwargs={"headers": authorized(world)}
            )
            polling.start()
            time.sleep(0.3)
            upload(world, b"", "empty.png")
            assert methods_shown(lines, before) == before
            assert methods_shown(lines, after) == after
            polling.join()


def methods_shown(lines: Any, wanted: list[str]) -> list[str]:
    """Return the methods of the requests that a stream shows, once they are the wanted ones."""
    shown: list[str] = []
    for _ in range(5):
        event = events_of(lines, 1)[0]
        if "requests" in re.findall(r'hx-target="#([a-z]+)"', event):
            shown = re.findall(r'class="method">([A-Z]+)<', event)
            if sorted(shown) == sorted(wanted):
                return sorted(shown)
    return shown


def test_stream_tells_that_a_journal_was_emptied(
    places: tuple[FakeAPIMart, FakeAPIMart],
) -> None:
    here, there = places
    upload(there, PNG, "news.png")
    with httpx.stream("GET", f"{here.base_url}/_fake/page/events", timeout=20) as answer:
        lines = answer.iter_lines()
        assert "news.png" in events_of(lines, 1)[0]
        there.requests.clear()
        assert methods_shown(lines, []) == []


def test_stream_that_is_told_nothing_reads_no_journal_again(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "STILL_SECONDS", 0.05)
    server = start_server()
    upload(FakeAPIMart(server.url))
    read: list[int] = []
    entries = MemoryJournals.entries

    async def noted(self: MemoryJournals, *asked: Any) -> Any:
        read.append(asked[2])
        return await entries(self, *asked)

    monkeypatch.setattr(MemoryJournals, "entries", noted)
    with httpx.stream("GET", f"{server.url}/_fake/page/events", timeout=20) as answer:
        lines = answer.iter_lines()
        events_of(lines, 1)
        wait_until(lambda: len(read) > 3, "looks again")
    assert read[0] == 0
    assert all(read[1:])


def test_stream_shows_a_world_that_had_left_the_memory_meanwhile(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MAX_WORLDS", 2)
    server = start_server()
    keys = [FakeAPIMart(server.url, api_key=f"evicted-{number}") for number in range(4)]
    upload(keys[0])
    world_id = httpx.get(f"{server.url}/_fake/worlds").json()["worlds"][0]["world"]
    url = f"{server.url}/_fake/page/events?world={world_id}"
    with httpx.stream("GET", url, timeout=20) as answer:
        lines = answer.iter_lines()
        events_of(lines, 1)
        for other in keys[1:]:
            upload(other)
        upload(keys[0], PNG, "later.png")
        shown = events_of(lines, 1)[0]
        assert "later.png" in shown.partition("<table")[2]


def test_server_stops_while_streams_are_read_or_not() -> None:
    with ServerProcess("--storage", "memory://") as server:
        streams = [socket.create_connection(server.address) for _ in range(6)]
        for each in streams:
            each.sendall(b"GET /_fake/page/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        for each in streams[::2]:
            assert each.recv(100)
        began = time.monotonic()
        status, _ = server.end()
        assert (status, time.monotonic() - began < FINISHING_SECONDS) == (0, True)
        for each in streams:
            each.close()


@pytest.mark.parametrize("way", ["TestClient", "uvicorn-httptools", "granian", "hypercorn"])
@pytest.mark.subprocess
def test_stream_under_a_foreign_server_begins_at_once_and_ends_soon(way: str) -> None:
    with asgi_servers.served(way, {"storage": "memory://"}, {}) as server:
        began = time.monotonic()
        # What is read whole ends.
        text = server.get("/_fake/page/events", {}).text
        lasted = time.monotonic() - began
    assert "hx-partial" in text
    assert events.FOREIGN_SECONDS - 1 < lasted < events.FOREIGN_SECONDS + 20


def test_name_with_line_ends_stays_one_message(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as world:
        created(world, prompt="a\r\n\r\ndata: forged\n\nid: 7\u2028x")
        worlds = httpx.get(f"{server.url}/_fake/worlds").json()["worlds"]
        query = f"world={worlds[0]['world']}"
        with httpx.stream("GET", f"{server.url}/_fake/page/events?{query}", timeout=20) as answer:
            message = events_of(answer.iter_lines(), 1)[0]
    assert "forged" in message
    assert "hx-partial" in message
