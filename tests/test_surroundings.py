"""The command where its surroundings are odd: it says what is missing, in one line, or goes on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_apimart.settings.reading import InvalidSettings, read_settings

from tests.harness import ServerProcess

pytestmark = [
    pytest.mark.subprocess,
    pytest.mark.skipif(os.name == "nt", reason="an environment without a home, and byte strings"),
]

MEMORY = ("--storage", "memory://")
NO_NAME = """
import pwd, runpy, sys

def unknown(user):
    raise KeyError(user)

pwd.getpwuid = unknown
runpy.run_module("fake_apimart", run_name="__main__")
"""
"""Runs the command as a user whom the system does not know."""


def run(
    *command: str | bytes, env: dict[str, str | bytes], timeout: float = 30
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, check=False, env=env
    )


def fake_apimart(*arguments: str | bytes, **env: str | bytes) -> subprocess.CompletedProcess[str]:
    inherited: dict[str, str | bytes] = dict(os.environ)
    return run(sys.executable, "-m", "fake_apimart", *arguments, env={**inherited, **env})


def assert_refused_in_one_line(refused: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert refused.returncode == 2, refused.stderr
    assert refused.stderr.startswith("fake-apimart: "), refused.stderr
    assert refused.stderr.count("\n") == 1
    for part in parts:
        assert part in refused.stderr


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("ready",), ("reset",)])
def test_user_without_a_home_is_told_to_name_a_folder(command: tuple[str, ...]) -> None:
    refused = run(sys.executable, "-c", NO_NAME, *command, env={})
    assert_refused_in_one_line(refused, "FAKE_APIMART_STORAGE=dir:~/", "no home directory")


@pytest.mark.parametrize("command", [("fidelity",), ("--version",), ("serve", "--help")])
def test_user_without_a_home_can_read_about_it(command: tuple[str, ...]) -> None:
    printed = run(sys.executable, "-c", NO_NAME, *command, env={})
    assert (printed.returncode, printed.stderr) == (0, "")


BAD = [
    ({"FAKE_APIMART_STORAGE": "dir:~no-such-user/x"}, "no home directory that ~ could stand for"),
    ({"FAKE_APIMART_STORAGE": b"dir:/tmp/\xff"}, "expected text in UTF-8"),
    ({"HOME": b"/tmp/\xff", "XDG_DATA_HOME": ""}, "expected text in UTF-8"),
    ({"FAKE_APIMART_API_KEYS": b"\xff"}, "expected text in UTF-8"),
    ({"FAKE_APIMART_ADMIN_TOKEN": b"\xff"}, "expected text in UTF-8"),
    ({"FAKE_APIMART_PUBLIC_URL": b"http://\xff"}, "expected text in UTF-8"),
    ({"FAKE_APIMART_HOST": b"\xff"}, "expected text in UTF-8"),
    ({"FAKE_APIMART_UNKNOWN": b"\xff"}, "unknown setting"),
    ({"FAKE_APIMART_HOST": "a..b"}, "no name of a host"),
    ({"FAKE_APIMART_HOST": "a" * 64}, "no name of a host"),
    ({"FAKE_APIMART_HOST": "["}, "expected a host name or an IP address"),
    ({"FAKE_APIMART_HOST": "a b"}, "expected a host name or an IP address"),
    ({"FAKE_APIMART_HOST": "a\nb"}, "expected a host name or an IP address"),
    ({"FAKE_APIMART_PUBLIC_URL": "http://h:99999"}, "Port out of range"),
    ({"FAKE_APIMART_PUBLIC_URL": "http://["}, "Invalid IPv6 URL"),
]


@pytest.mark.parametrize(("env", "reason"), BAD)
def test_setting_that_cannot_be_used_is_refused(
    env: dict[str, str | bytes], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, os.fsdecode(value))
    with pytest.raises(InvalidSettings, match=re.escape(reason)):
        read_settings()


@pytest.mark.parametrize("command", ["serve", "ready", "reset"])
def test_line_end_in_a_setting_adds_no_line_to_the_refusal(command: str) -> None:
    refused = fake_apimart(command, FAKE_APIMART_HOST=b"a\n\xff")
    assert_refused_in_one_line(refused, r"FAKE_APIMART_HOST=a\n\udcff: expected text in UTF-8")


@pytest.mark.parametrize("descriptor", ["-1", "99", "99999999999999999999"])
def test_descriptor_that_is_no_socket_is_refused_in_one_line(descriptor: str) -> None:
    refused = fake_apimart("serve", *MEMORY, "--listen-fd", descriptor)
    assert_refused_in_one_line(refused, f"--listen-fd {descriptor}: ")


@pytest.mark.parametrize("key", [b"\xff", "ключ".encode(), b"a\nb"])
def test_key_that_no_header_can_carry_is_refused_in_one_line(key: bytes) -> None:
    refused = fake_apimart("reset", "--key", key)
    assert refused.returncode == 1
    assert refused.stderr == (
        "fake-apimart: not reset: this API key cannot be sent: it is not printable ASCII\n"
    )


@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("ready",)])
def test_path_from_a_folder_that_is_gone_is_refused_in_one_line(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"import shutil; shutil.rmtree({str(gone)!r})\n" + NO_NAME
    refused = subprocess.run(
        [sys.executable, "-P", "-c", script, *command],
        cwd=gone,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "FAKE_APIMART_STORAGE": "dir:data"},
    )
    assert_refused_in_one_line(refused, "no path from the current directory")


@pytest.mark.parametrize("command", [("fidelity",), ("--version",), ("serve", "--help")])
def test_output_that_nobody_takes_ends_the_command_in_one_line(command: tuple[str, ...]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [sys.executable, "-m", "fake_apimart", *command],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=30,
        )
    assert result.returncode == 1
    assert result.stderr == "fake-apimart: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("stdout", ["/dev/full", "closed"])
def test_server_serves_although_nobody_reads_where_it_listens(stdout: str, tmp_path: Path) -> None:
    if stdout == "/dev/full" and not Path(stdout).exists():
        pytest.skip("no /dev/full")
    target = "&-" if stdout == "closed" else stdout
    command = f'exec "{sys.executable}" -m fake_apimart serve --port 0 --until-stdin-ends >{target}'
    served = subprocess.run(
        [shutil.which("sh") or "sh", "-c", command],
        input="",
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "FAKE_APIMART_STORAGE": f"dir:{tmp_path}"},
    )
    assert (served.returncode, served.stderr) == (0, "")


def test_terminal_that_cannot_show_a_character_gets_another(tmp_path: Path) -> None:
    env = {"PYTHONIOENCODING": "ascii"}
    printed = fake_apimart("fidelity", **env)
    assert (printed.returncode, printed.stderr) == (0, "")
    with ServerProcess("--storage", f"dir:{tmp_path}/ü", env=env) as server:
        assert rf"{tmp_path}/\xfc" in server.first_line
