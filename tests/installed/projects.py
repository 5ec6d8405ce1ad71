"""Projects of users, each in an environment of its own: the examples, the page, and old pins."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import venv
from collections.abc import Mapping
from pathlib import Path

from tests.harness import PNG
from tests.installed.environment import install
from tests.installed.wheels import TESTING, stand_ins
from tests.pages import ROOT, blocks

TESTING_PAGE = ROOT / "docs" / "testing.md"
OLD_PINS = ("pydantic<2", "fastapi==0.115", "boto3<1.40")
"""What a project may have pinned, none of which the server could run with."""


def check(folder: Path) -> None:
    """Run the tests of all of them."""
    folder.mkdir()
    constraints = stand_ins(folder / "constraints.txt")
    for example in ("pytest", "flask", "django", "celery"):
        check_example(folder / example, constraints, ROOT / "examples" / example)
    check_page(folder / "page", constraints)
    check_old_pins(folder / "pins", folder / "page" / "env")


def check_example(folder: Path, constraints: Path, example: Path) -> None:
    """Run an example with its requirements, serially and in parallel."""
    env = environment(folder, constraints, "-r", str(example / "requirements.txt"), "pytest-xdist")
    shutil.copytree(example, folder / "project")
    for workers in ((), ("-n", "2")):
        run_pytest(env, folder / "project", *workers)


def check_page(folder: Path, constraints: Path) -> None:
    """Run all tests of docs/testing.md with no more than what it imports."""
    needed = ("fake-apimart", "pytest", "requests", "httpx")
    env = environment(folder, constraints, *needed)
    write_page(folder / "project")
    run_pytest(env, folder / "project")


def check_old_pins(folder: Path, other: Path) -> None:
    """Run the page's tests beside old pins, with the command of another environment.

    What needs the server beside the tests is refused there, in one line that says so.
    """
    env = environment(folder, None, *OLD_PINS, str(TESTING), "pytest", "requests", "httpx")
    write_page(folder / "project")
    command = {"FAKE_APIMART_COMMAND": str(other / "bin" / "fake-apimart")}
    run_pytest(env, folder / "project", "-k", "not without_a_socket", variables=command)
    refused = run_pytest(env, folder / "project", "-k", "without_a_socket", may_fail=True)
    assert "FakeAPIMart.asgi() needs fake-apimart and httpx in this environment" in refused
    nowhere = run_pytest(env, folder / "project", "-k", "test_upload", may_fail=True)
    assert "there is no fake-apimart here: install it" in nowhere


def environment(folder: Path, constraints: Path | None, *requirements: str) -> Path:
    """Return a new environment that has what is required, and nothing else."""
    env = folder / "env"
    venv.create(env)
    install(env, constraints, *requirements)
    return env


def write_page(project: Path) -> None:
    """Write the code of the page as the tests of a project."""
    project.mkdir()
    code = "\n\n".join(blocks(TESTING_PAGE, "python"))
    (project / "test_page.py").write_text(code, "utf-8")
    (project / "photo.png").write_bytes(PNG)


def run_pytest(
    env: Path,
    project: Path,
    *flags: str,
    variables: Mapping[str, str] | None = None,
    may_fail: bool = False,
) -> str:
    """Run the tests with warnings as errors, and return what was printed."""
    plain = {name: value for name, value in os.environ.items() if not is_ours(name)}
    # PATH has the system's programs alone: no fake-apimart of this checkout.
    path = os.pathsep.join(each for each in os.defpath.split(os.pathsep) if each)
    done = subprocess.run(
        [env / "bin" / "pytest", "-q", "-W", "error", *flags],
        cwd=project,
        env={**plain, "PATH": path, **(variables or {})},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert may_fail or done.returncode == 0, done.stdout
    return done.stdout


def is_ours(name: str) -> bool:
    """Whether a variable of this process says something to the fixture, or to pytest."""
    return re.match(r"FAKE_APIMART_|PYTEST_", name) is not None
