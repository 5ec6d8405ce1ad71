"""Where a fixture's server comes from: an address, a command, this environment, or PATH."""

from __future__ import annotations

import importlib.metadata
import os
import shlex
import sys
import threading
from pathlib import Path

import pytest
from fake_apimart_testing import ControlError, FakeAPIMart, Server
from fake_apimart_testing.servers.command import OF_THIS_ENVIRONMENT, found_command
from fake_apimart_testing.servers.shared import SharedServer, asked_url

from tests.harness import ServerThread, answers, wait_until
from tests.worlds import upload

OURS = shlex.join(OF_THIS_ENVIRONMENT)
ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="runs a script of the shell")


@pytest.fixture(autouse=True)
def nowhere_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset what names a server."""
    for name in ("URL", "COMMAND"):
        monkeypatch.delenv(f"FAKE_APIMART_{name}", raising=False)


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let the package be missing here, and return a folder that is all of PATH."""

    def distribution(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_url_of_the_environment_is_used_and_left_running(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_APIMART_URL", f"{server.url}/")
    monkeypatch.setenv("FAKE_APIMART_COMMAND", "no-such-command")
    with FakeAPIMart() as apimart:
        assert apimart.base_url == server.url
        assert upload(apimart).status_code == 200
    assert answers(server.url)


def test_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_APIMART_URL", "http://127.0.0.1:1")
    assert Server("http://127.0.0.1:2").url == "http://127.0.0.1:2"


def test_package_of_this_environment_is_used() -> None:
    assert found_command() == OF_THIS_ENVIRONMENT


def test_command_on_path_is_used_where_the_package_is_missing(not_installed: Path) -> None:
    there = script(not_installed / "fake-apimart", "exit 1")
    assert found_command() == (str(there),)


@pytest.mark.usefixtures("not_installed")
def test_missing_server_is_an_error_that_says_where_one_can_come_from() -> None:
    with pytest.raises(ControlError, match="pip install fake-apimart") as raised, FakeAPIMart():
        pass
    assert "FAKE_APIMART_URL" in str(raised.value)
    assert "FAKE_APIMART_COMMAND to a command such as 'uvx fake-apimart'" in str(raised.value)


@pytest.mark.subprocess
@pytest.mark.usefixtures("not_installed")
@pytest.mark.parametrize("command", [OURS, f"  {OURS} "], ids=["as it is", "with blanks"])
def test_command_of_the_environment_starts_the_server(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_APIMART_COMMAND", command)
    with FakeAPIMart() as apimart:
        assert upload(apimart).status_code == 200
        url = apimart.base_url
    assert not answers(url)


@ON_POSIX
@pytest.mark.subprocess
def test_command_may_print_lines_and_be_a_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapper = script(tmp_path / "a folder's wrapper", f'echo preparing\n{OURS} "$@"\nexit $?')
    monkeypatch.setenv("FAKE_APIMART_COMMAND", shlex.quote(str(wrapper)))
    with FakeAPIMart() as apimart:
        assert upload(apimart).status_code == 200
        url = apimart.base_url
    assert not answers(url)


@pytest.mark.subprocess
@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("no-such-command --flag", "no-such-command --flag: .*no-such-command"),
        ("'unclosed", "FAKE_APIMART_COMMAND='unclosed: No closing quotation"),
        ("'' --flag", "FAKE_APIMART_COMMAND='' --flag: it names no program"),
        (shlex.join([sys.executable, "-c", "print('hello')"]), "-c .*hello.* serve said nothing"),
        (shlex.join([sys.executable, "-c", "raise SystemExit('no, sorry')"]), "no, sorry"),
    ],
    ids=["missing", "unclosed", "nameless", "silent", "refusing"],
)
def test_command_that_starts_no_server_is_named(
    command: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_APIMART_COMMAND", command)
    with pytest.raises(ControlError, match=reason), FakeAPIMart():
        pass


@ON_POSIX
@pytest.mark.subprocess
def test_command_that_never_serves_ends_with_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    wrapper = script(tmp_path / "slow", f"touch {started}\nsleep 600\nexit 1")
    monkeypatch.setenv("FAKE_APIMART_COMMAND", str(wrapper))
    shared = SharedServer()
    refused: list[ControlError] = []

    def ask() -> None:
        with pytest.raises(ControlError) as raised:
            asked_url(shared.address)
        refused.append(raised.value)

    asking = threading.Thread(target=ask)
    asking.start()
    wait_until(started.exists, "the command runs")
    shared.close()
    asking.join()
    assert "the server did not start" in str(refused[0])


@pytest.mark.subprocess
def test_many_that_ask_are_told_of_the_same_server() -> None:
    shared = SharedServer()
    urls = {asked_url(shared.address) for _ in range(3)}
    (url,) = urls
    assert answers(url)
    shared.close()
    assert not answers(url)


@pytest.mark.subprocess
def test_failure_to_start_is_told_to_all_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = tmp_path / "tries"
    code = f"open({str(tries)!r}, 'a').write('.'); raise SystemExit('no, sorry')"
    monkeypatch.setenv("FAKE_APIMART_COMMAND", shlex.join([sys.executable, "-c", code]))
    shared = SharedServer()
    for _ in range(2):
        with pytest.raises(ControlError, match="no, sorry"):
            asked_url(shared.address)
    shared.close()
    assert tries.read_text() == "."


def test_shared_server_that_has_ended_is_named() -> None:
    shared = SharedServer()
    shared.close()
    with pytest.raises(ControlError, match="the test run that shares its server has ended"):
        asked_url(shared.address)
