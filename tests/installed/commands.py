"""The documented commands that install and start the packages, as a reader's machine runs them."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
import termios
import urllib.request
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.harness import AUTHORIZED, FORM_TYPE, JPEG, form
from tests.installed.wheels import stand_ins
from tests.pages import ROOT, lines_to_install

PIPX = "pipx==1.18.4"
STOP_SECONDS = 20


def check(folder: Path) -> None:
    """Run all commands one after the other. Raises CalledProcessError or AssertionError."""
    folder.mkdir()
    machine = Machine(folder)
    for line in lines_to_install():
        sys.stdout.write(f"$ {line}\n")
        sys.stdout.flush()
        machine.run(line)


class Machine:
    """A home, a folder with the constraints of a release, a PATH with pip, uv and pipx."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.work.mkdir()
        shutil.copy(ROOT / "constraints.txt", self.work)
        self.venv = folder / "venv"
        tools = folder / "tools"
        install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(tools)]
        venv.create(tools)
        subprocess.run([*install, "-c", str(ROOT / "constraints.txt"), PIPX, "uv"], check=True)
        constraints = str(stand_ins(folder / "stand-ins.txt"))
        path = (self.venv / "bin", tools / "bin", os.environ["PATH"])
        self.env = {
            **{name: value for name, value in os.environ.items() if is_neutral(name)},
            "PATH": os.pathsep.join(map(str, path)),
            "HOME": str(folder),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
            # Where pipx keeps what it has run: not an older wheel of the same version.
            "PIPX_HOME": str(folder / "pipx"),
            "PIP_CONSTRAINT": constraints,
            "UV_CONSTRAINT": constraints,
            "FAKE_APIMART_PORT": "0",
        }

    def run(self, line: str) -> None:
        """Run a command; one that starts a server must serve an upload, and end by Ctrl+C."""
        words = shlex.split(line)
        env = self.env
        if words[:2] == ["pip", "install"]:
            venv.create(self.venv, clear=True, with_pip=True)
        if "--no-index" in words:
            # Nothing but the folder that the line names.
            env = {name: value for name, value in env.items() if not name.startswith("PIP_")}
        words[0] = shutil.which(words[0], path=env["PATH"]) or words[0]
        if words[-1] == "serve":
            serves(words, self.work, env)
            return
        subprocess.run(words, cwd=self.work, env=env, check=True, stdout=subprocess.DEVNULL)
        if words[1] == "install":
            serves([str(self.venv / "bin" / "fake-apimart"), "serve"], self.work, env)


def is_neutral(variable: str) -> bool:
    """Whether a variable of this run's environment is none that would change what is found."""
    return not variable.startswith(("FAKE_APIMART_", "XDG_", "UV_", "PIPX_", "VIRTUAL_ENV"))


def serves(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
    """Start a server in a terminal, upload a picture, read it back, and press Ctrl+C."""
    keyboard, terminal = pty.openpty()
    server = subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        stdin=terminal,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # There are no threads here.
        preexec_fn=lambda: fcntl.ioctl(terminal, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )
    with server:
        assert server.stdout is not None
        try:
            url = server.stdout.readline().split("listening on ")[1].split(" ")[0]
            request = urllib.request.Request(
                f"{url}/v1/uploads/images", form(JPEG), {**AUTHORIZED, **FORM_TYPE}
            )
            with urllib.request.urlopen(request) as answer:
                uploaded = json.load(answer)
            with urllib.request.urlopen(uploaded["url"]) as answer:
                assert answer.read() == JPEG
        finally:
            os.write(keyboard, b"\x03")
            status = server.wait(STOP_SECONDS)
            os.close(keyboard)
            os.close(terminal)
    assert status == 0
