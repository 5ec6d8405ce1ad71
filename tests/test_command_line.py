"""The command line: its help, its completion, whose server it asks, and whose port it meets."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer.main
from fake_apimart.cli import app
from fake_apimart.flags import words_of
from fake_apimart_testing.version import __version__

from tests.conftest import StartServer
from tests.harness import PNG, ServerProcess
from tests.receivers import self_signed

MEMORY = ("--storage", "memory://")
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
OPTIONS = [
    pytest.param(option, id=f"{name} {option.opts[0]}")
    for name, command in COMMANDS.items()
    for option in command.params
]


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fake_apimart", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **environment},
    )


# Help and completion.


@pytest.mark.parametrize("option", OPTIONS)
def test_help_states_what_holds_without_each_flag(option: Any) -> None:
    assert option.help
    assert option.required or option.show_default or "default" in option.help


@pytest.mark.parametrize("option", OPTIONS)
def test_help_says_in_a_word_what_a_flag_takes(option: Any) -> None:
    assert option.is_flag or option.metavar


def test_help_states_bounds_that_a_value_itself_does_not_reach() -> None:
    (option,) = (each for each in COMMANDS["serve"].params if "--head-seconds" in each.opts)
    assert "[more than 0, up to 86400; default 60; FAKE_APIMART_HEAD_SECONDS]" in option.help


@pytest.mark.subprocess
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("fake-apimart re", ["reset", "ready", "record"]),
        ("fake-apimart serve --dial", ["--dialect"]),
        ("fake-apimart serve --dialect ", ["page", "live"]),
        ("fake-apimart serve --log-format j", ["json"]),
        ("fake-apimart serve --port ", []),
        ("fake-apimart verify --dialect l", ["live"]),
        ("fake-apimart ready --u", ["--url"]),
    ],
)
def test_shell_completes_commands_flags_and_values_and_starts_nothing(
    words: str, completed: list[str]
) -> None:
    told = command(
        _FAKE_APIMART_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(words.count(" ")),
        # A server would be refused, and complain.
        FAKE_APIMART_PORT="none",
    )
    assert (told.stdout.split(), told.stderr) == (completed, "")


@pytest.mark.subprocess
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_for_a_shell(shell: str, tmp_path: Any) -> None:
    # By name, and not the shell that happens to run these tests.
    by_name = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    told = command("--install-completion", shell, HOME=str(tmp_path), **by_name)
    assert told.returncode == 0, told.stderr
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert any("_FAKE_APIMART_COMPLETE" in text for text in written)


def test_only_settings_of_a_few_words_are_completed() -> None:
    assert words_of("dialect") == ("page", "live")
    assert words_of("storage") == words_of("port") == ()


# The server that `ready` and `reset` ask.


def asked(server: Any, how: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return flags and variables that name a server, beside settings of another one."""
    others = {"FAKE_APIMART_PORT": "1"}
    if how == "flag":
        return ("--url", f"{server.url}/"), {**others, "FAKE_APIMART_URL": "http://127.0.0.1:2"}
    return (), {**others, "FAKE_APIMART_URL": server.url}


@pytest.mark.subprocess
@pytest.mark.parametrize("how", ["flag", "variable"])
def test_ready_and_reset_ask_the_server_at_the_url(how: str, start_server: StartServer) -> None:
    server = start_server()
    headers = {"Authorization": "Bearer sk-one"}
    uploaded = httpx.post(
        f"{server.url}/v1/uploads/images", headers=headers, files={"file": ("a.png", PNG)}
    )
    flags, variables = asked(server, how)
    assert command("ready", *flags, **variables).returncode == 0
    assert httpx.get(uploaded.json()["url"]).status_code == 200
    assert command("reset", *flags, "--key", "sk-one", **variables).returncode == 0
    assert httpx.get(uploaded.json()["url"]).status_code == 403


@pytest.mark.subprocess
def test_server_is_asked_behind_a_path(start_server: StartServer) -> None:
    server = start_server()
    refused = command("ready", "--url", f"{server.url}/below/")
    assert refused.returncode == 1
    assert refused.stderr == f"fake-apimart: not ready: {server.url}/below is some other server\n"


@pytest.mark.subprocess
def test_server_is_asked_over_tls(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        secured = context.wrap_socket(listener, server_side=True)
        url = f"https://localhost:{secured.getsockname()[1]}"
        thread = threading.Thread(target=answer_once, args=(secured, BARE))
        thread.start()
        told = command("ready", "--url", url, SSL_CERT_FILE=str(certificate))
        thread.join()
        secured.close()
    assert told.stderr == f"fake-apimart: not ready: {url} is some other server\n"


@pytest.mark.subprocess
@pytest.mark.parametrize("name", ["ready", "reset"])
@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("127.0.0.1:8080", "expected a URL that begins with http:// or https://"),
        ("ftp://127.0.0.1", "expected a URL that begins with http:// or https://"),
        ("http://", "expected a URL that begins with http:// or https://"),
        ("http://127.0.0.1:99999", "Port out of range 0-65535"),
        ("http://127.0.0.1:8080/?a=b", "expected a URL without query and fragment"),
        ("http://me:s3cret@127.0.0.1", "expected a URL without a user, such as http://"),
        ("http://bücher.example", "expected a URL in ASCII"),
    ],
)
def test_url_that_is_none_is_refused_in_a_line_that_says_why(
    name: str, url: str, problem: str
) -> None:
    by_flag = command(name, "--url", url)
    by_variable = command(name, FAKE_APIMART_URL=url)
    for refused, source in ((by_flag, "--url "), (by_variable, "FAKE_APIMART_URL=")):
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith(f"fake-apimart: {source}")
        assert f": {problem}" in refused.stderr
        assert refused.stderr.count("\n") == 1
        assert "s3cret" not in refused.stderr


@pytest.mark.subprocess
def test_free_port_is_named_by_its_url() -> None:
    told = command("ready", FAKE_APIMART_PORT="0")
    assert told.returncode == 2
    assert "name it by --url" in told.stderr


@pytest.mark.subprocess
def test_variables_of_test_suites_stop_no_server() -> None:
    env = {"FAKE_APIMART_URL": "http://127.0.0.1:1", "FAKE_APIMART_COMMAND": "uvx fake-apimart"}
    with ServerProcess(*MEMORY, env=env) as server:
        assert "listening on" in server.first_line


# A port that somebody has taken.


@contextlib.contextmanager
def somebody(answer: bytes | None) -> Iterator[int]:
    """Listen, answer one request, or none, and yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_once, args=(listener, answer))
        if answer is not None:
            thread.start()
        yield listener.getsockname()[1]
        if answer is not None:
            thread.join()


def answer_once(listener: socket.socket, answer: bytes | None) -> None:
    sock, _ = listener.accept()
    with sock:
        sock.recv(1000)
        sock.sendall(answer or b"")


NGINX = b"HTTP/1.1 404 Not Found\r\nServer: nginx/1.25\r\nContent-Length: 2\r\n\r\n[]"
BARE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
HOSTILE = b"HTTP/1.1 200 OK\r\nServer: \x1b[2J%b\r\nContent-Length: 0\r\n\r\n" % (b"x" * 5000)


@pytest.mark.subprocess
@pytest.mark.parametrize(
    ("answer", "who"),
    [
        (NGINX, "another server (nginx/1.25)"),
        (BARE, "another server"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "a program that does not answer HTTP"),
        (None, "a program that does not answer HTTP"),
    ],
    ids=["nginx", "bare", "ssh", "silent"],
)
def test_taken_port_says_who_is_there_and_how_to_choose_another(
    answer: bytes | None, who: str
) -> None:
    with somebody(answer) as port:
        refused = command("serve", "--port", str(port), *MEMORY)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.endswith(
        f" by {who}; name another by --port, or take a free one by --port 0\n"
    )


@pytest.mark.subprocess
def test_port_of_another_fake_is_known_as_such(start_server: StartServer) -> None:
    server = start_server()
    refused = command("serve", "--port", str(server.address[1]), *MEMORY)
    assert refused.returncode == 2
    assert f"in use by another fake-apimart (version {__version__});" in refused.stderr


@pytest.mark.subprocess
def test_who_has_the_port_is_told_in_one_short_line() -> None:
    with somebody(HOSTILE) as port:
        refused = command("serve", "--port", str(port), *MEMORY)
    assert refused.stderr.count("\n") == 1
    assert "\x1b" not in refused.stderr
    assert len(refused.stderr) < 400
