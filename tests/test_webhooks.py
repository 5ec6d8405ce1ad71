"""Callbacks: the end of a task is posted to the client's server, with retries."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from fake_apimart.tasks import callbacks as webhooks
from fake_apimart_storage.memory import MemoryObject, MemoryStorage

from tests.conftest import StartServer
from tests.generating import create, poll, task_id_of
from tests.harness import ServerThread, wait_until


class Receiver(http.server.BaseHTTPRequestHandler):
    """A handler that records what is posted, and answers with the given statuses."""

    received: ClassVar[list[tuple[str, Any]]]
    statuses: ClassVar[list[int]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, json.loads(body)))
        self.send_response(self.statuses.pop(0) if self.statuses else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep the log off standard error."""


@pytest.fixture
def receiver() -> Iterator[http.server.HTTPServer]:
    Receiver.received, Receiver.statuses = [], []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "RETRY_SECONDS", (0.05, 0.05, 0.05))


def url_of(receiver: http.server.HTTPServer) -> str:
    return f"http://127.0.0.1:{receiver.server_address[1]}"


@pytest.mark.parametrize("path", ["", "/", "/hooks", "/hooks/"])
def test_end_is_posted_flat_to_the_callback(
    path: str, receiver: http.server.HTTPServer, start_server: StartServer
) -> None:
    server = start_server(task_seconds=0.3)
    task_id = task_id_of(create(server, webhook=url_of(receiver) + path))
    wait_until(lambda: Receiver.received, "the callback")
    ((posted_to, data),) = Receiver.received
    assert posted_to == f"{path.rstrip('/')}/callback"
    assert data == poll(server, task_id)
    assert data["status"] == "completed"


def test_failure_is_posted_too(receiver: http.server.HTTPServer, server: ServerThread) -> None:
    create(server, prompt="[fake: seconds=0; fail=no]", webhook=url_of(receiver))
    wait_until(lambda: Receiver.received, "the callback")
    assert Receiver.received[0][1]["error"]["message"] == "no"


def test_task_paced_in_polls_calls_back_when_a_poll_ends_it(
    receiver: http.server.HTTPServer, start_server: StartServer
) -> None:
    server = start_server(task_seconds=0, task_polls=1)
    task_id = task_id_of(create(server, webhook=url_of(receiver)))
    assert poll(server, task_id)["status"] == "pending"
    assert poll(server, task_id)["status"] == "completed"
    wait_until(lambda: Receiver.received, "the callback")
    assert Receiver.received[0][1] == poll(server, task_id)


class CountingStorage(MemoryStorage):
    """A storage that counts the reads of a task's polls."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    async def get(self, key: str, *, with_bytes: bool = True) -> MemoryObject:
        self.reads += key.startswith("polls/")
        return await super().get(key, with_bytes=with_bytes)


def test_task_paced_in_polls_does_not_call_back_before_a_poll_ends_it(
    receiver: http.server.HTTPServer, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "CHECK_INTERVAL_SECONDS", 0.01)
    storage = CountingStorage()
    server = start_server(on=storage, task_seconds=0, task_polls=1)
    task_id = task_id_of(create(server, webhook=url_of(receiver)))
    assert poll(server, task_id)["status"] == "pending"
    before = storage.reads
    wait_until(lambda: storage.reads > before + 3, "more reads, because none found an end")
    assert Receiver.received == []


@pytest.mark.parametrize(
    ("statuses", "tries"),
    [([500, 502], 3), ([500] * 9, 4), ([404], 1), ([302], 1), ([], 1)],
)
def test_only_server_errors_are_retried(
    statuses: list[int], tries: int, receiver: http.server.HTTPServer, server: ServerThread
) -> None:
    Receiver.statuses.extend(statuses)
    create(server, prompt="[fake: seconds=0]", webhook=url_of(receiver))
    wait_until(lambda: len(Receiver.received) >= tries, "all tries")
    # Long enough for an excess attempt to arrive.
    time.sleep(0.4)
    assert len(Receiver.received) == tries
    assert {path for path, _ in Receiver.received} == {"/callback"}


def test_refused_connection_is_retried(
    receiver: http.server.HTTPServer, server: ServerThread, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", "fake_apimart.tasks.callbacks"):
        create(server, prompt="[fake: seconds=0]", webhook="http://127.0.0.1:9/")
        wait_until(lambda: "given up" in caplog.text, "the end of the tries")
    assert caplog.text.count("connection attempts failed") == 4


def test_too_many_callbacks_are_not_kept(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(webhooks, "MAX_PENDING", 0)
    with caplog.at_level("WARNING", "fake_apimart.tasks.callbacks"):
        create(server, webhook="http://127.0.0.1:9/")
        wait_until(lambda: "are waiting already" in caplog.text, "the warning")


def test_server_that_stops_gives_up_callbacks_that_wait(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []
    server = start_server(task_seconds=1000)
    monkeypatch.setattr(webhooks.logger, "info", lambda text, *given: messages.append(text % given))
    assert create(server, webhook="http://127.0.0.1:9/").status_code == 200
    server.stop()
    assert messages == ["1 callback(s) given up at the end"]
