"""The command: its output, exit statuses, start, signals and shutdown."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from fake_apimart import __version__
from fake_apimart.cli import main
from fake_apimart.common.addresses import local_url
from fake_apimart.settings.names import flag_of, variable_of
from fake_apimart.settings.settings import Settings

from tests.conftest import StartServer
from tests.harness import (
    JPEG,
    KEY,
    PNG,
    ServerProcess,
    ServerThread,
    connection,
    form,
    parse_head,
    read_to_end,
    upload_request,
    wait_until,
)

pytestmark = pytest.mark.subprocess

MEMORY = ("--storage", "memory://")


def command(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fake_apimart", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **(env or {})},
    )


def upload(url: str, content: bytes, key: str = KEY) -> httpx.Response:
    return httpx.post(
        f"{url}/v1/uploads/images",
        headers={"Authorization": f"Bearer {key}"},
        files={"file": ("a.jpg", content)},
    )


def path_of(uploaded: httpx.Response) -> str:
    return httpx.URL(uploaded.json()["url"]).raw_path.decode()


def test_serve_says_where_it_listens_and_how_to_point_a_client_at_it() -> None:
    with ServerProcess(*MEMORY) as server:
        assert re.fullmatch(
            rf"fake-apimart {re.escape(__version__)} listening on http://127\.0\.0\.1:\d+ "
            r"\(storage: memory://\)\n",
            server.first_line,
        )
        assert server.process.stdout is not None
        assert server.url in server.process.stdout.readline()
        assert httpx.get(f"{server.url}/_fake/health").json()["status"] == "ok"


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_server_cleanly(sig: signal.Signals) -> None:
    with ServerProcess(*MEMORY) as server:
        assert upload(server.url, PNG).status_code == 200
        status, log = server.end(sig)
    assert status == 0
    assert "Traceback" not in log


def test_sigterm_finishes_a_running_upload(tmp_path: Path) -> None:
    body = form(JPEG + bytes(3_000_000))
    request = upload_request(body)
    with ServerProcess("--storage", f"dir:{tmp_path}") as server:
        with connection(server.address) as sock:
            sock.sendall(request[:1_000_000])
            wait_until(lambda: any(tmp_path.rglob("*.part")), "the upload reached the folder")
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            sock.sendall(request[1_000_000:])
            status, _, answer = parse_head(read_to_end(sock))
        assert (status, json.loads(answer)["bytes"]) == (200, len(JPEG) + 3_000_000)
        assert server.process.wait(10) == 0
    assert list((tmp_path / "incoming").iterdir()) == []


def test_kill_between_uploads_loses_nothing(tmp_path: Path) -> None:
    storage = f"dir:{tmp_path}"
    contents = [JPEG, JPEG + bytes(2_000_000)]
    with ServerProcess("--storage", storage) as server:
        paths = [path_of(upload(server.url, content)) for content in contents]
        server.end(signal.SIGKILL)
    with ServerProcess("--storage", storage) as server:
        paths.append(path_of(upload(server.url, PNG)))
        served = [httpx.get(server.url + path).content for path in paths]
    assert served == [*contents, PNG]


def test_kill_within_an_upload_leaves_nothing_after_the_next_start(tmp_path: Path) -> None:
    storage = f"dir:{tmp_path}"
    request = upload_request(form(JPEG + bytes(5_000_000)))
    with ServerProcess("--storage", storage) as server, connection(server.address) as sock:
        sock.sendall(request[:3_000_000])
        wait_until(lambda: any(tmp_path.rglob("*.part")), "the upload reached the folder")
        server.end(signal.SIGKILL)
    assert any(tmp_path.rglob("*.part"))
    with ServerProcess("--storage", storage) as server:
        assert not any(tmp_path.rglob("*.part"))
        assert "swept 1 unfinished upload" in server.end()[1]
    assert not any(path.is_file() for path in (tmp_path / "objects").rglob("*"))


def test_flags_win_over_variables() -> None:
    env = {"FAKE_APIMART_API_KEYS": "one", "FAKE_APIMART_STORAGE": "dir:/nowhere"}
    with ServerProcess(*MEMORY, env=env) as server:
        assert "storage: memory://" in server.first_line
        assert upload(server.url, PNG).status_code == 401


def test_switch_sets_and_unsets() -> None:
    env = {"FAKE_APIMART_DECODE_CHECK": "1"}
    broken = b"\xff\xd8\xff\xe0 no picture"
    for flags, status in (((), 400), (("--no-decode-check",), 200)):
        with ServerProcess(*MEMORY, *flags, env=env) as server:
            assert upload(server.url, broken).status_code == status


REFUSALS = [
    (("--port", "x"), {}, "--port x: "),
    (("--dialect", "go"), {}, "--dialect go: "),
    ((), {"FAKE_APIMART_RATE_LIMIT": "often"}, "FAKE_APIMART_RATE_LIMIT=often: "),
    ((), {"FAKE_APIMART_POORT": "1"}, "FAKE_APIMART_POORT: unknown setting"),
    (
        ("--storage", "ftp:x"),
        {},
        "--storage ftp:x: expected memory://, dir:PATH or s3://BUCKET/PREFIX",
    ),
    (("--storage", "dir:/dev/null/x"), {}, "FAKE_APIMART_STORAGE=dir:/dev/null/x: cannot use"),
    (("--host", "no.such.host.invalid"), {}, "FAKE_APIMART_HOST=no.such.host.invalid: "),
    (("--host", "192.0.2.1", *MEMORY), {}, "FAKE_APIMART_HOST=192.0.2.1, FAKE_APIMART_PORT=8080: "),
]


@pytest.mark.parametrize(("flags", "env", "line"), REFUSALS)
def test_start_is_refused_in_one_line(
    flags: tuple[str, ...], env: dict[str, str], line: str
) -> None:
    refused = command("serve", *flags, env=env)
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"fake-apimart: {line}")
    assert refused.stderr.count("\n") == 1
    assert refused.stdout == ""


def test_taken_port_is_refused_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = command("serve", "--port", port, *MEMORY)
    assert refused.returncode == 2
    assert f"FAKE_APIMART_PORT={port}: cannot listen there: Address already" in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_unwritable_directory_is_refused_in_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    refused = command("serve", "--port", "0", "--storage", f"dir:{tmp_path}/data")
    assert refused.returncode == 2
    assert f"FAKE_APIMART_STORAGE=dir:{tmp_path}/data: cannot use" in refused.stderr


def test_unknown_flag_is_a_usage_error() -> None:
    refused = command("serve", "--prot", "1")
    assert refused.returncode == 2
    assert "--prot" in refused.stderr


def test_version_is_printed() -> None:
    assert command("--version").stdout == f"fake-apimart {__version__}\n"


def test_help_names_every_setting() -> None:
    help_text = command("serve", "--help").stdout
    for name in Settings.model_fields:
        assert variable_of(name) in help_text
        assert flag_of(name) in help_text


def test_help_shows_what_is_allowed_and_the_defaults() -> None:
    help_text = " ".join(command("serve", "--help").stdout.split())
    for shown in (
        "[page or live; default page; FAKE_APIMART_DIALECT]",
        "[0 to 65535; default 8080; FAKE_APIMART_PORT]",
        "[1 or more; default 20971520; FAKE_APIMART_MAX_FILE_BYTES]",
        "[default none; FAKE_APIMART_RATE_LIMIT]",
        "[default on; FAKE_APIMART_CONTROL]",
    ):
        assert shown in help_text


def test_ready_is_0_when_the_server_answers(server: ServerThread) -> None:
    env = {"FAKE_APIMART_PORT": str(server.address[1]), "FAKE_APIMART_HOST": "0.0.0.0"}
    assert command("ready", env=env).returncode == 0


def test_ready_is_1_when_nobody_answers() -> None:
    result = command("ready", env={"FAKE_APIMART_PORT": "1"})
    assert result.returncode == 1
    assert result.stderr.startswith("fake-apimart: not ready: http://127.0.0.1:1 does not answer")


def test_ready_is_2_where_the_port_is_unknown() -> None:
    assert command("ready", env={"FAKE_APIMART_PORT": "0"}).returncode == 2


@pytest.mark.parametrize("body", [b"hello", b'{"status":"ok"}', b"[]"])
def test_ready_is_1_when_another_server_answers(body: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        thread = threading.Thread(target=answer_once, args=(other, body))
        thread.start()
        result = command("ready", env={"FAKE_APIMART_PORT": str(other.getsockname()[1])})
        thread.join()
    assert result.returncode == 1
    assert "is some other server" in result.stderr


def answer_once(listener: socket.socket, body: bytes) -> None:
    sock, _ = listener.accept()
    with sock:
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


def test_ready_waits_for_a_server_that_starts_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    waiting = subprocess.Popen(
        [sys.executable, "-m", "fake_apimart", "ready", "--wait", "20"],
        env={**os.environ, "FAKE_APIMART_PORT": port},
    )
    time.sleep(0.5)
    with ServerProcess("--port", port, *MEMORY):
        assert waiting.wait(20) == 0


def test_reset_forgets_a_world_or_all(start_server: StartServer) -> None:
    server = start_server()
    env = {"FAKE_APIMART_PORT": str(server.address[1])}
    urls = {key: upload(server.url, PNG, key).json()["url"] for key in "abc"}
    assert command("reset", "--key", "a", env=env).returncode == 0
    assert [httpx.get(urls[key]).status_code for key in "abc"] == [403, 200, 200]
    assert command("reset", env=env).returncode == 0
    assert [httpx.get(urls[key]).status_code for key in "abc"] == [403, 403, 403]


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve", "s3cret"),
        ("serve", "--admin-token=", "s3cret", "s3cret"),
        ("serve", "--admin-tokn=s3cret"),
        ("serve", "--api-key", "s3cret"),
        ("serve", "--control=s3cret"),
        ("serve", "--listen-fd", "sk-s3cret-key"),
        ("serve", "--port", "sk-s3cret-key"),
        ("serve", "--storage", "s3://key:s3cret@bucket/?token=s3cret"),
        ("reset", "s3cret"),
        ("ready", "--wait", "sk-s3cret-key"),
        ("fidelity", "s3cret"),
        ("s3cret",),
        ("sk-s3cret-key", "serve"),
        ("--api-key=s3cret", "serve"),
    ],
)
def test_command_line_that_is_refused_is_not_repeated_with_its_secrets(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["fake-apimart", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    written = "".join(capfd.readouterr())
    assert written
    assert "s3cret" not in written


def test_reset_of_a_server_that_others_can_reach_needs_the_admin_token(
    start_server: StartServer,
) -> None:
    server = start_server(public_url="https://fake.example", admin_token="secret")
    env = {"FAKE_APIMART_PORT": str(server.address[1])}
    refused = command("reset", env=env)
    assert refused.returncode == 1
    assert "needs X-Fake-Admin-Token" in refused.stderr
    assert command("reset", env={**env, "FAKE_APIMART_ADMIN_TOKEN": "secret"}).returncode == 0


def test_reset_is_1_when_nobody_answers() -> None:
    result = command("reset", env={"FAKE_APIMART_PORT": "1"})
    assert result.returncode == 1
    assert result.stderr.startswith("fake-apimart: not reset: http://127.0.0.1:1 does not answer")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("url", "reached_at"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://0.0.0.0:1", "http://127.0.0.1:1"),
        ("http://[::]:1", "http://[::1]:1"),
        ("http://192.0.2.1:1", "http://192.0.2.1:1"),
    ],
)
def test_local_url_of_all_addresses_is_the_loopback(url: str, reached_at: str) -> None:
    assert local_url(url) == reached_at


def test_expired_files_are_deleted_in_the_background(tmp_path: Path) -> None:
    flags = ("--storage", f"dir:{tmp_path}", "--url-ttl-seconds", "1")
    with ServerProcess(*flags) as server:
        assert upload(server.url, PNG).status_code == 200
        objects = tmp_path / "objects"
        assert any(path.is_file() for path in objects.rglob("*"))
        wait_until(lambda: not any(p.is_file() for p in objects.rglob("*")), "the file expired")
