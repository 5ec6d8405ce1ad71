"""Callbacks: the end of a task is posted to the client's server, with retries."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import h11
import pytest
from fake_apimart.callbacks import attempts, callbacks, delivery, pending
from fake_apimart.callbacks.target import target_of
from fake_apimart.go.url import URLError
from fake_apimart_storage.memory import MemoryObject, MemoryStorage
from hypothesis import given
from hypothesis import strategies as st

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
    monkeypatch.setattr(attempts, "RETRY_SECONDS", (0.05, 0.05, 0.05))


def url_of(receiver: http.server.HTTPServer) -> str:
    return f"http://127.0.0.1:{receiver.server_address[1]}"


@pytest.mark.parametrize(
    ("path", "callback"),
    [
        ("", "/callback"),
        ("/", "/callback"),
        ("/hooks", "/hooks/callback"),
        ("/hooks/", "/hooks/callback"),
        ("/hook?token=a", "/hook/callback?token=a"),
        ("?token=a/b", "/callback?token=a/b"),
        ("/hook#part", "/hook/callback"),
        ("/hook?token=a#part?x", "/hook/callback?token=a"),
        ("/%E5%9B%BE", "/%E5%9B%BE/callback"),
    ],
)
def test_end_is_posted_flat_to_the_callback(
    path: str, callback: str, receiver: http.server.HTTPServer, start_server: StartServer
) -> None:
    server = start_server(task_seconds=0.3)
    task_id = task_id_of(create(server, webhook=url_of(receiver) + path))
    wait_until(lambda: Receiver.received, "the callback")
    ((posted_to, data),) = Receiver.received
    assert posted_to == callback
    assert data == poll(server, task_id)
    assert data["status"] == "completed"


@pytest.mark.parametrize(
    ("webhook", "host", "port", "authority", "request_target"),
    [
        ("HTTPS://A.Example", "a.example", 443, "a.example", "/callback"),
        ("http://u:p@a:80/x?y#z", "a", 80, "a:80", "/x/callback?y"),
        ("http://[::1]:9/", "::1", 9, "[::1]:9", "/callback"),
        ("http://[fe80::1%25lo]/", "fe80::1%lo", 80, "[fe80::1]", "/callback"),
        ("http://图.example/", "xn--wcs.example", 80, "xn--wcs.example", "/callback"),
        ("http://a:/x", "a", 80, "a", "/x/callback"),
        ("http://a:000080/x", "a", 80, "a:80", "/x/callback"),
        ("http://a_b./", "a_b.", 80, "a_b.", "/callback"),
        ("http://a/a b|%2f?c d|图", "a", 80, "a", "/a%20b%7C%2f/callback?c%20d|%E5%9B%BE"),
    ],
)
def test_callback_stands_behind_the_path(
    webhook: str, host: str, port: int, authority: str, request_target: str
) -> None:
    target = target_of(webhook)
    assert (target.host, target.port, target.authority) == (host, port, authority)
    assert target.request_target == request_target


UNUSABLE = [
    *(
        "x",
        "/hook",
        "//a/hook",
        "ftp://a",
        "mailto:a@b",
        "http:a",
        "http:/a",
        "http://",
        "http:///a",
    ),
    *("http://:80/", "http://?x", "http://a:x", "http://a:0", "http://a:65536", "http://a:-1"),
    *("http://a:" + "9" * 5000, "http://a:٣/", "http://[::1", "http://[::::", "http://[1.2.3.4]"),
    *(
        "http://a b/",
        "http://a\n/",
        "http://a/%zz",
        "http://999.1.1.1/",
        "http://a..b/",
        "http://./",
    ),
    *(
        "http://evil\uff20a/",
        "http://a\uff0fb",
        "http://" + "a" * 64,
        "http://a/" + "b" * 9000,
        "http://\ufffd/",
    ),
    *("http://a\\b/", " http://a/", "http://a$b/", "http://a:80:80/"),
]


@pytest.mark.parametrize("webhook", UNUSABLE, ids=range(len(UNUSABLE)))
@pytest.mark.parametrize("name", ["webhook", "WebHook"])
def test_unusable_webhook_is_refused_and_named(
    name: str, webhook: str, server: ServerThread
) -> None:
    fields: dict[str, Any] = {name: webhook}
    answer = create(server, **fields)
    message = "webhook must be an http or https URL with a host and a valid port"
    error = {"code": 400, "message": message, "type": "invalid_request_error"}
    assert (answer.status_code, answer.json()) == (400, {"error": error})


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.from_regex(r"[0-9:@a-z.%\[\]?#/-]*", fullmatch=True),
)
def test_webhook_that_is_taken_can_be_posted_to(host: str, path: str, odd: str) -> None:
    for webhook in (f"http://{host}/{path}", f"http://{odd}", f"http://{odd}@a{host}/?{path}"):
        try:
            target = target_of(webhook)
        except URLError:
            continue
        assert target.path.endswith("/callback")
        assert 0 < target.port < 65536
        headers = [("Host", target.authority)]
        sent = h11.Connection(h11.CLIENT).send(
            h11.Request(method="POST", target=target.request_target, headers=headers)
        )
        assert sent is not None
        assert sent.count(b"\r\n") == 3
        assert target.shown.isascii()
        assert target.shown.isprintable()


@pytest.mark.parametrize("is_up", [True, False])
def test_password_of_a_webhook_is_sent_and_not_logged(
    is_up: bool,
    receiver: http.server.HTTPServer,
    server: ServerThread,
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = url_of(receiver).removeprefix("http://") if is_up else "127.0.0.1:9"
    webhook = f"http://user:pa@s3cret@{host}/?token=s3cret"
    with caplog.at_level("INFO", "fake_apimart"):
        create(server, prompt="[fake: seconds=0]", webhook=webhook)
        wait_until(lambda: "status 200" in caplog.text or "given up" in caplog.text, "the end")
    assert "s3cret" not in caplog.text
    assert f" to http://{host}/callback" in caplog.text
    assert len(Receiver.received) == is_up


def test_receiver_that_dribbles_is_given_up(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(delivery, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(attempts, "RETRY_SECONDS", ())
    done = threading.Event()

    def dribble(listener: socket.socket) -> None:
        with listener.accept()[0] as connection, contextlib.suppress(OSError):
            while not done.wait(0.02):
                connection.sendall(b"HTTP/1.1 200 OK\r\n"[:1])

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        caplog.at_level("WARNING", "fake_apimart.callbacks"),
    ):
        thread = threading.Thread(target=dribble, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        create(server, prompt="[fake: seconds=0]", webhook=f"http://127.0.0.1:{port}/")
        wait_until(lambda: "given up" in caplog.text, "the end of the try")
        done.set()
        thread.join()
    assert "no answer within 0.1 seconds" in caplog.text


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
    monkeypatch.setattr(pending, "LONGEST_PAUSE_SECONDS", 0.01)
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
    with caplog.at_level("WARNING", "fake_apimart.callbacks"):
        create(server, prompt="[fake: seconds=0]", webhook="http://127.0.0.1:9/")
        wait_until(lambda: "given up" in caplog.text, "the end of the tries")
    assert caplog.text.count("Connection refused") == 4


def test_too_many_callbacks_are_not_kept(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(callbacks, "MAX_PENDING", 0)
    with caplog.at_level("WARNING", "fake_apimart.callbacks"):
        create(server, webhook="http://127.0.0.1:9/")
        wait_until(lambda: "are waiting already" in caplog.text, "the warning")


def test_server_that_stops_gives_up_callbacks_that_wait(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []
    server = start_server(task_seconds=1000)
    monkeypatch.setattr(
        callbacks.logger, "info", lambda text, *given: messages.append(text % given)
    )
    assert create(server, webhook="http://127.0.0.1:9/").status_code == 200
    server.stop()
    assert messages == ["1 callback(s) still pending at the end"]
