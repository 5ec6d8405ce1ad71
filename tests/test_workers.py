"""`--workers`: several processes behind one address, which start, stop and recover as one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness import (
    AUTHORIZED,
    DEADLINE_SECONDS,
    JPEG,
    PNG,
    ServerProcess,
    catches_signals,
    connection,
    form,
    parse_head,
    read_to_end,
    upload_request,
    wait_until,
)
from tests.redis_server import RedisServer

pytestmark = [
    pytest.mark.subprocess,
    pytest.mark.skipif(sys.platform == "win32", reason="workers need signals"),
]

WORKERS = 2
STOP_SECONDS = 16.0

Start = Callable[..., ServerProcess]


@pytest.fixture
def start(redis_url: str, tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a server of two workers; it is killed after the test."""
    started: list[ServerProcess] = []

    def begin(*flags: str, **environment: str) -> ServerProcess:
        own = ("--workers", str(WORKERS), "--state", redis_url, "--storage", f"dir:{tmp_path}")
        started.append(ServerProcess(*own, *flags, env=environment))
        return started[-1]

    yield begin
    for server in started:
        server.process.kill()
        server.process.communicate()


def children(process_id: int) -> list[int]:
    """Return the ids of the workers of a server."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True
    )
    rows = (line.split(None, 2) for line in listed.stdout.splitlines())
    return [
        int(row[0])
        for row in rows
        if row[1] == str(process_id) and len(row) > 2 and "spawn_main" in row[2]
    ]


def workers_of(server: ServerProcess) -> list[int]:
    return children(server.process.pid)


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def upload(url: str, content: bytes = PNG) -> httpx.Response:
    """Upload on a connection of its own, which any worker may take."""
    files = {"file": ("a.png", content)}
    there = f"{url}/v1/uploads/images"
    return httpx.post(there, headers=AUTHORIZED, files=files, timeout=DEADLINE_SECONDS)


def run_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fake_apimart", *arguments],
        capture_output=True,
        text=True,
        # Several processes start here, and those that still begin are waited for at the end.
        timeout=3 * DEADLINE_SECONDS,
        check=False,
        env={**os.environ, **environment},
    )


def test_workers_announce_themselves_once_and_are_one_fake(start: Start) -> None:
    server = start()
    assert len(workers_of(server)) == WORKERS
    rule = {"operation": "uploads.create", "error": "rate_limited", "times": 2}
    httpx.post(f"{server.url}/_fake/faults", json=rule, headers=AUTHORIZED).raise_for_status()
    uploaded = [upload(server.url) for _ in range(20)]
    assert Counter(each.status_code for each in uploaded) == {200: 18, 429: 2}
    names = {each.json()["url"] for each in uploaded if each.status_code == 200}
    assert len(names) == 18
    for url in names:
        assert httpx.get(url).content == PNG
    status, log = server.end()
    assert (status, server.process.returncode) == (0, 0)
    assert "Traceback" not in log
    # The line itself has been read.
    assert "listening on" not in log


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("to_group", [False, True], ids=["supervisor", "group"])
def test_signal_lets_a_running_upload_end(
    sig: signal.Signals, to_group: bool, start: Start
) -> None:
    server = start()
    workers = workers_of(server)
    request = upload_request(form(JPEG + bytes(3_000_000)))
    with connection(server.address) as sock:
        sock.sendall(request[:1_000_000])
        time.sleep(0.3)
        # Ctrl+C and service managers tell all processes, and the supervisor tells them again.
        for process_id in workers if to_group else ():
            os.kill(process_id, sig)
        began = time.monotonic()
        server.process.send_signal(sig)
        time.sleep(0.5)
        sock.sendall(request[1_000_000:])
        assert parse_head(read_to_end(sock))[0] == 200
    _, log = server.process.communicate(timeout=DEADLINE_SECONDS)
    assert server.process.returncode == 0, log
    assert time.monotonic() - began < STOP_SECONDS
    assert not any(map(is_alive, workers))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")
@pytest.mark.parametrize("seconds", [0, 0.5, 1.0, 1.5])
def test_ctrl_c_while_workers_start_ends_all_without_a_word(
    seconds: float, redis_url: str, tmp_path: Path
) -> None:
    flags = ("--port", "0", "--workers", "2", "--state", redis_url, "--storage", f"dir:{tmp_path}")
    with subprocess.Popen(
        [sys.executable, "-m", "fake_apimart", "serve", *flags],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        wait_until(lambda: catches_signals(process), "the command begins")
        time.sleep(seconds)
        workers = children(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        _, log = process.communicate(timeout=DEADLINE_SECONDS)
    assert (process.returncode, log) == (0, "")
    assert not any(map(is_alive, workers))


def test_workers_without_a_folder_for_their_metrics_are_refused_in_one_line(tmp_path: Path) -> None:
    program = (
        "import sys, tempfile\n"
        "tempfile.tempdir = '/dev/null/none'\n"
        "from fake_apimart.cli import main\n"
        "main()\n"
    )
    flags = ("--port", "0", "--workers", "2", "--state", "redis://127.0.0.1:9/0")
    refused = subprocess.run(
        [sys.executable, "-c", program, "serve", *flags, "--storage", f"dir:{tmp_path}"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert refused.returncode == 2
    assert refused.stderr.startswith("fake-apimart: workers count requests in a folder (")
    assert refused.stderr.endswith("or FAKE_APIMART_METRICS=off\n")


def test_second_signal_ends_all_at_once(
    start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("temporary")
    server = start(TMPDIR=str(folder))
    workers = workers_of(server)
    with connection(server.address) as sock:
        sock.sendall(upload_request(form(JPEG))[:200])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        began = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(DEADLINE_SECONDS) == 128 + signal.SIGINT
    # A worker alone would go on for five.
    assert time.monotonic() - began < 4
    wait_until(lambda: not any(map(is_alive, workers)), "the workers end")
    assert list(folder.iterdir()) == []


def test_stop_comes_in_time_though_a_worker_hangs(start: Start) -> None:
    server = start()
    workers = workers_of(server)
    os.kill(workers[0], signal.SIGSTOP)
    began = time.monotonic()
    status, log = server.end()
    assert (status, time.monotonic() - began < STOP_SECONDS + 1) == (0, True)
    assert f"worker {workers[0]} does not stop, and is killed" in log
    assert not any(map(is_alive, workers))


def test_workers_end_with_their_supervisor(start: Start) -> None:
    server = start()
    workers = workers_of(server)
    server.process.kill()
    wait_until(lambda: not any(map(is_alive, workers)), "the workers end")


def test_end_of_standard_input_stops_all(redis_url: str, tmp_path: Path) -> None:
    flags = ("--workers", "2", "--state", redis_url, "--storage", f"dir:{tmp_path}")
    command = [sys.executable, "-m", "fake_apimart", "serve", "--port", "0", *flags]
    with subprocess.Popen(
        [*command, "--until-stdin-ends"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"listening on" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(DEADLINE_SECONDS) == 0
        assert b"listening on" not in process.stdout.read()


def test_workers_take_connections_from_a_socket_that_listens_already(
    redis_url: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        flags = ("--workers", "2", "--state", redis_url, "--storage", f"dir:{tmp_path}")
        number = str(listener.fileno())
        with subprocess.Popen(
            [sys.executable, "-m", "fake_apimart", "serve", "--listen-fd", number, *flags],
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                assert upload(url).status_code == 200
            finally:
                process.terminate()
            assert process.wait(DEADLINE_SECONDS) == 0


def test_worker_that_dies_is_replaced_and_others_serve_meanwhile(start: Start) -> None:
    server = start()
    file = upload(server.url).json()["url"]
    first, second = workers_of(server)
    os.kill(first, signal.SIGKILL)
    for _ in range(20):
        assert httpx.get(file).content == PNG
    wait_until(lambda: len(set(workers_of(server)) - {first, second}) == 1, "there is another")
    assert first not in workers_of(server)
    status, log = server.end()
    assert status == 0
    assert f"worker {first} ended with status -9; another takes its place" in log


def test_replacement_that_cannot_start_is_tried_again(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    flags = ("--workers", "2", "--state", redis_server.url, "--storage", f"dir:{tmp_path}")
    with ServerProcess(*flags) as server:
        first = workers_of(server)
        redis_server.stop()
        for worker in first:
            os.kill(worker, signal.SIGKILL)
        tried = set(first)

        def are_many() -> bool:
            tried.update(workers_of(server))
            return len(tried) > 3 * WORKERS

        wait_until(are_many, "workers are started again and again", 3 * DEADLINE_SECONDS)
        redis_server.start()
        models = f"{server.url}/v1/models"
        assert httpx.get(models, headers=AUTHORIZED, timeout=DEADLINE_SECONDS).status_code == 200
        assert not set(first) & set(workers_of(server))
        status, log = server.end()
    assert status == 0
    assert "Connection refused" in log
    assert "Traceback" not in log


def test_sighup_replaces_the_workers_without_a_request_that_fails(start: Start) -> None:
    server = start()
    before = workers_of(server)
    server.process.send_signal(signal.SIGHUP)
    statuses = Counter[int]()

    def is_new() -> bool:
        statuses[upload(server.url).status_code] += 1
        now = workers_of(server)
        return len(now) == WORKERS and not set(now) & set(before)

    wait_until(is_new, "all workers are new")
    assert set(statuses) == {200}
    assert server.end()[0] == 0


@pytest.mark.parametrize("redis_is_there", [True, False])
def test_start_that_fails_ends_with_one_line(
    redis_is_there: bool, redis_url: str, tmp_path: Path
) -> None:
    state, storage = redis_url, "dir:/dev/null/x"
    if not redis_is_there:
        state, storage = "redis://127.0.0.1:9/0", f"dir:{tmp_path}"
    flags = ("--workers", "2", "--port", "0", "--state", state, "--storage", storage)
    refused = run_command("serve", *flags)
    assert (refused.returncode, refused.stdout) == (2, "")
    variable = "STORAGE=dir:/dev/null/x: cannot use" if redis_is_there else "STATE: redis://127"
    assert refused.stderr.startswith(f"fake-apimart: FAKE_APIMART_{variable}")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        ((), "would not share memory://"),
        (("--storage", "memory://"), "would not share memory://"),
        (("--storage", "memory://", "--state", "redis://127.0.0.1:9/0"), "can share"),
    ],
)
def test_what_workers_cannot_share_is_refused_in_one_line(
    flags: tuple[str, ...], what: str
) -> None:
    refused = run_command("serve", "--workers", "2", *flags)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert what in refused.stderr
    assert "FAKE_APIMART_STORAGE=" in refused.stderr
    assert refused.stderr.count("\n") == 1


def metrics_of(url: str) -> str:
    return httpx.get(f"{url}/_fake/metrics").text


def test_metrics_of_all_workers_add_up_and_leave_nothing_behind(
    start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("temporary")
    server = start(TMPDIR=str(folder))
    for _ in range(20):
        assert upload(server.url).status_code == 200
    counted = 'fake_apimart_requests_total{operation="uploads.create",status="200"} 20.0'
    wait_until(lambda: counted in metrics_of(server.url), "each worker has told of its requests")
    (connections,) = (
        line
        for line in metrics_of(server.url).splitlines()
        if line.startswith("fake_apimart_open_connections ")
    )
    os.kill(workers_of(server)[0], signal.SIGKILL)
    wait_until(lambda: len(workers_of(server)) == WORKERS, "it is replaced")
    assert counted in metrics_of(server.url)
    assert float(connections.split()[1]) >= 1
    assert server.end()[0] == 0
    assert list(folder.iterdir()) == []


def test_commands_reach_the_workers(start: Start) -> None:
    server = start()
    environment = {"FAKE_APIMART_PORT": str(server.address[1])}
    file = upload(server.url).json()["url"]
    assert run_command("ready", **environment).returncode == 0
    assert run_command("reset", **environment).returncode == 0
    assert {httpx.get(file).status_code for _ in range(10)} == {403}


def test_fixture_is_one_process_in_memory_whatever_the_environment_says() -> None:
    environment = {
        **os.environ,
        "FAKE_APIMART_WORKERS": "4",
        "FAKE_APIMART_STATE": "redis://127.0.0.1:9/0",
    }
    program = (
        "import httpx, os\n"
        "from fake_apimart_testing.servers.server import Server\n"
        "with Server() as server:\n"
        "    print(httpx.get(server.url + '/_fake/health').status_code)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "200\n"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_missing_library_is_named_with_what_installs_it(workers: str, tmp_path: Path) -> None:
    missing = tmp_path / "redis.py"
    missing.write_text("raise ModuleNotFoundError('No module named redis', name='redis')\n")
    flags = ("--port", "0", "--workers", workers, "--state", "redis://127.0.0.1:9/0")
    path = {"PYTHONPATH": str(tmp_path)}
    refused = run_command("serve", *flags, "--storage", f"dir:{tmp_path}/data", **path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "fake-apimart: FAKE_APIMART_STATE: no module redis: "
        "install it by pip install 'fake-apimart[redis]'\n"
    )
