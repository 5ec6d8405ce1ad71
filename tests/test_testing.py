"""`fake_apimart_testing`: tests that drive a child server, or a server that runs elsewhere."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, get_args

import fake_apimart_testing
import httpx
import pytest
import tenacity
from fake_apimart.contract.operations import JOURNALED
from fake_apimart.http.socket_faults import SOCKET_FAULTS
from fake_apimart.worlds.faults import ERRORS
from fake_apimart_testing import ControlError, FakeAPIMart, Server, names

from tests.harness import JPEG, ServerProcess, ServerThread, answers, wait_until
from tests.worlds import authorized, created, poll, upload, upload_url

IMPORTING = """
import sys
before = set(sys.modules)
import fake_apimart_testing.{module}
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
allowed = set(sys.stdlib_module_names) | {{"fake_apimart_testing"}} | set({besides})
assert new <= allowed, new - allowed
ours = {{name for name in sys.modules if name.startswith("fake_apimart_testing.")}}
assert "{module}" != "pytest_plugin" or ours == {{"fake_apimart_testing.pytest_plugin"}}, ours
assert not {{"asyncio", "http", "subprocess", "json", "threading"}} & (set(sys.modules) - before)
"""


def run_python(script: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *flags, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.subprocess
def test_importing_takes_nothing_but_the_standard_library() -> None:
    result = run_python(IMPORTING.format(module="client", besides=[]))
    assert result.returncode == 0, result.stderr


@pytest.mark.subprocess
def test_plugin_imports_nothing_of_ours() -> None:
    script = "import pytest, typing\n" + IMPORTING.format(
        module="pytest_plugin", besides=["pytest"]
    )
    result = run_python(script)
    assert result.returncode == 0, result.stderr


@pytest.mark.subprocess
def test_child_serves_within_the_with_statement() -> None:
    with FakeAPIMart() as apimart:
        assert httpx.get(upload_url(apimart)).content == JPEG
        url = apimart.base_url
        assert answers(url)
    assert not answers(url)


@pytest.mark.subprocess
def test_child_serves_within_an_async_with_statement() -> None:
    async def use() -> str:
        async with FakeAPIMart() as apimart, httpx.AsyncClient() as client:
            sent = client.post(
                f"{apimart.base_url}/v1/uploads/images",
                headers=authorized(apimart),
                files={"file": ("a.jpg", JPEG)},
            )
            _, (entry,) = await asyncio.gather(
                sent, apimart.requests.wait_for_async("uploads.create")
            )
            assert entry.status == 200
            return apimart.base_url

    assert not answers(asyncio.run(use()))


@pytest.mark.subprocess
def test_world_can_be_used_before_and_after_its_server_runs() -> None:
    apimart = FakeAPIMart()
    with pytest.raises(ControlError, match="has not been started: use it in a `with` statement"):
        _ = apimart.base_url
    with apimart:
        upload(apimart)
        assert len(apimart.uploads) == 1
    with apimart:
        assert answers(apimart.base_url)
        assert apimart.uploads == []


PARENT = """
import os, signal, sys
from fake_apimart_testing import FakeAPIMart
apimart = FakeAPIMart().__enter__()
print(apimart.base_url, flush=True)
{end}
"""


@pytest.mark.subprocess
@pytest.mark.parametrize(
    "end",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.kill(os.getpid(), signal.SIGINT)",
        "os._exit(3)",
        "sys.exit(1)",
        "raise RuntimeError",
        "",
    ],
)
def test_child_ends_with_its_parent(end: str) -> None:
    result = run_python(PARENT.format(end=end))
    url = result.stdout.strip()
    wait_until(lambda: not answers(url), "the server ended")


@pytest.mark.subprocess
def test_child_has_a_clock_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeAPIMart() as apimart:
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: 0.0)
        assert abs(apimart.clock.now - now) < 30
        assert abs(upload(apimart).json()["created_at"] - now) < 30


@pytest.mark.subprocess
def test_child_takes_settings_but_not_where_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_APIMART_TASK_SECONDS", "0")
    monkeypatch.setenv("FAKE_APIMART_PORT", "1")
    monkeypatch.setenv("FAKE_APIMART_STORAGE", "s3://no-such-bucket")
    monkeypatch.setenv("FAKE_APIMART_CONTROL", "off")
    with FakeAPIMart() as apimart:
        assert poll(apimart, created(apimart))["status"] == "completed"


@pytest.mark.subprocess
def test_child_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_APIMART_BALANCE", "much")
    with (
        pytest.raises(ControlError, match=r"did not start: .*FAKE_APIMART_BALANCE=much"),
        FakeAPIMart(),
    ):
        pass


@pytest.mark.subprocess
def test_server_elsewhere_is_driven_by_its_url() -> None:
    flags = ("--host", "0.0.0.0", "--storage", "memory://", "--api-keys", "real")
    with ServerProcess(*flags) as process:
        url = f"http://127.0.0.1:{process.url.rpartition(':')[2]}"
        with FakeAPIMart(f"{url}/") as apimart:
            assert apimart.base_url == url
            apimart.fail("uploads.create", "rate_limited")
            assert [upload(apimart).status_code for _ in range(2)] == [429, 200]
            apimart.clock.advance(hours=72)
            assert [each.alive for each in apimart.uploads] == [False]
        assert answers(url)


@pytest.mark.parametrize(
    "url",
    [
        *("127.0.0.1:8080", "ftp://127.0.0.1", "http://", "nonsense", "http://[::::", "http://a:x"),
        *("http://a:" + "9" * 5000, "http://user:s3cret@"),
    ],
)
def test_invalid_url_is_refused(url: str) -> None:
    with pytest.raises(ControlError, match="is no URL of a server, such as"):
        _ = list(FakeAPIMart(url).uploads)


def test_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ControlError, match=r"http://127\.0\.0\.1:1 does not answer: .*refused"):
        _ = list(FakeAPIMart("http://127.0.0.1:1").uploads)


def test_another_server_is_recognised() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            sock, _ = other.accept()
            with sock:
                sock.recv(1000)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        answering = threading.Thread(target=answer)
        answering.start()
        url = f"http://127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ControlError, match="is no fake-apimart: it answered 200 hello"):
            _ = list(FakeAPIMart(url).uploads)
        answering.join()


def test_server_without_control_is_named(start_server: Callable[..., ServerThread]) -> None:
    server = start_server(control=False)
    with pytest.raises(ControlError, match=r"has no control API: .*FAKE_APIMART_CONTROL on"):
        _ = list(FakeAPIMart(server.url).uploads)


def test_connection_that_the_server_closed_is_reopened(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as apimart:
        assert apimart.uploads == []
        connection = apimart._control._connection
        assert connection is not None
        connection.sock.shutdown(socket.SHUT_RDWR)
        assert apimart.uploads == []


def test_world_is_used_by_many_threads(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as apimart:
        threads = [threading.Thread(target=upload, args=(apimart,)) for _ in range(8)]
        asking = [threading.Thread(target=lambda: apimart.uploads) for _ in range(8)]
        for thread in threads + asking:
            thread.start()
        for thread in threads + asking:
            thread.join()
        assert len(apimart.uploads) == 8


def test_environment_points_programs_at_the_world(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeAPIMart(server.url) as apimart:
        apimart.env.setenv(monkeypatch)
        assert os.environ["APIMART_BASE_URL"] == server.url
        assert os.environ["APIMART_API_KEY"] == apimart.api_key


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "127.0.0.1"),
        ({"NO_PROXY": ""}, "127.0.0.1"),
        ({"NO_PROXY": "example.com, .local"}, "example.com,.local,127.0.0.1"),
        ({"no_proxy": "one", "NO_PROXY": "another"}, "one,127.0.0.1"),
        ({"NO_PROXY": "127.0.0.1,one"}, "127.0.0.1,one"),
        ({"NO_PROXY": "*"}, "*"),
    ],
    ids=str,
)
def test_environment_lets_no_proxy_come_between(
    before: dict[str, str], after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    env = FakeAPIMart("http://127.0.0.1:8080").env
    assert (env["NO_PROXY"], env["no_proxy"]) == (after, after)


def test_worlds_have_keys_of_their_own_whatever_random_is_seeded_with(
    server: ServerThread,
) -> None:
    import random

    keys = set()
    for _ in range(3):
        random.seed(1)
        keys.add(FakeAPIMart(server.url).api_key)
    assert len(keys) == 3


def test_other_tenants_end_with_the_world(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as apimart:
        other = apimart.another()
        url = upload_url(other)
        assert apimart.uploads == []
        assert httpx.get(url).status_code == 200
    assert httpx.get(url).status_code == 403


def test_rule_that_was_never_met_fails_the_with_statement(server: ServerThread) -> None:
    apimart = FakeAPIMart(server.url)
    apimart.fail("uploads.create", "rate_limited")
    apimart.fail("uploads.create", "forbidden", optional=True)
    with pytest.raises(AssertionError, match=r"never met: .*rate_limited.*Nothing was sent"):
        apimart.__exit__(None, None, None)


def test_error_of_the_test_is_not_hidden_by_a_rule(server: ServerThread) -> None:
    def use() -> None:
        with FakeAPIMart(server.url) as apimart:
            apimart.fail("uploads.create", "rate_limited")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use()


def test_rule_counts_and_can_be_removed(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as apimart:
        rule = apimart.fail("uploads.create", "upload_failed", times=None)
        assert [upload(apimart).status_code for _ in range(2)] == [500, 500]
        rule.remove()
        assert upload(apimart).status_code == 200
        assert rule.used == 2
        assert repr(rule) == ("<Rule uploads.create error='upload_failed' times=None>")


def test_invalid_rules_and_settings_are_refused_when_they_are_written(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as apimart:
        with pytest.raises(
            ControlError, match=r"unknown error upload_failed; valid for tasks\.get"
        ):
            apimart.fail("tasks.get", "upload_failed")
        with pytest.raises(ControlError, match="rate_limit: expected a rate such as 60/minute"):
            apimart.rate_limit("often")


def test_what_was_never_met_is_shown_with_the_nearest_requests_alone(server: ServerThread) -> None:
    apimart = FakeAPIMart(server.url)
    apimart.fail("uploads.create", "forbidden", where={"filename": "b.png"}, after=1)
    for _ in range(12):
        upload(apimart)
    with pytest.raises(AssertionError) as raised:
        apimart.__exit__(None, None, None)
    first, *shown = str(raised.value).splitlines()
    assert first == (
        "never met: <Rule uploads.create error='forbidden' where={'filename': 'b.png'} after=1>. "
        "Nearest were:"
    )
    assert shown == ["  <uploads.create: POST /v1/uploads/images -> 200>"] * 10


def test_requests_are_a_sequence(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as apimart:
        assert apimart.requests == []
        for _ in range(3):
            upload(apimart)
        first, second, third = (each.id for each in apimart.requests)
        assert [each.id for each in apimart.requests[:2]] == [first, second]
        assert next(reversed(apimart.requests)).id == third


def test_world_that_was_never_opened_can_be_closed_once(server: ServerThread) -> None:
    FakeAPIMart(server.url).close()
    with pytest.raises(ControlError, match="the server has not been started"):
        FakeAPIMart().close()


def test_servers_say_where_they_are() -> None:
    assert repr(Server("http://127.0.0.1:1/")) == "<Server at http://127.0.0.1:1>"
    assert repr(Server()) == "<Server, not running>"
    with pytest.raises(TypeError, match="url must be a str or None, not int: 5"):
        Server(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(("times", "passes"), [(2, True), (9, False)])
def test_retries_of_a_client_are_proven(times: int, passes: bool, server: ServerThread) -> None:
    @tenacity.retry(stop=tenacity.stop_after_attempt(3), retry=tenacity.retry_if_result(bool))
    def refused() -> bool:
        return upload(apimart).status_code == 429

    with FakeAPIMart(server.url) as apimart:
        apimart.fail("uploads.create", "rate_limited", times=times)
        if passes:
            assert refused() is False
        else:
            with pytest.raises(tenacity.RetryError):
                refused()
        assert len(apimart.requests.matching("uploads.create")) == 3


def test_records_have_a_one_line_repr(server: ServerThread) -> None:
    with FakeAPIMart(server.url) as apimart:
        apimart.pace(seconds=0)
        url = upload_url(apimart)
        task_id = created(apimart, image_urls=[url], size="1:1")
        (uploaded,), (task,) = apimart.uploads, apimart.tasks
        assert repr(uploaded) == f"<Upload 'a.jpg' image/jpeg {len(JPEG)} bytes>"
        assert uploaded.url == url
        assert repr(task) == f"<Task {task_id} completed 'a cat'>"
        assert (task.size, task.images, task.references) == ((1024, 1024), 1, [uploaded.name])
        assert "POST /v1/images/generations -> 200" in repr(apimart.requests)


@pytest.mark.subprocess
@pytest.mark.skipif(os.name == "nt", reason="sends a signal")
def test_child_outlives_an_interrupt_until_the_tests_have_ended() -> None:
    script = """
import os, signal, time
from fake_apimart_testing import FakeAPIMart
# A shell lets what runs in its background ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
with FakeAPIMart() as apimart:
    try:
        os.killpg(0, signal.SIGINT)
        time.sleep(20)
    except KeyboardInterrupt:
        print(apimart.uploads)
"""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "[]\n", "")


@pytest.mark.subprocess
def test_log_of_a_child_is_returned_at_its_end() -> None:
    server = Server().start()
    answer: Any = httpx.get(f"{server.url}/_fake/health").json()
    assert answer["storage"] == "memory://"
    assert server.stop() == ""
    assert server.stop() == ""


def test_names_that_editors_complete_are_those_that_the_server_takes() -> None:
    assert get_args(names.Operation) == JOURNALED
    assert get_args(names.Error) == tuple(ERRORS)
    assert get_args(names.SocketFault) == tuple(SOCKET_FAULTS)
    for name in ("Operation", "Error", "SocketFault"):
        assert getattr(fake_apimart_testing, name) is getattr(names, name)


def test_any_text_is_a_name_for_type_checkers(world: FakeAPIMart) -> None:
    # mypy, which checks the tests too, takes a plain str here.
    for operation in JOURNALED:
        world.fail(operation, status=418, optional=True)
        assert world.requests.matching(operation) == []
