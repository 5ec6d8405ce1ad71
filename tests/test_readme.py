"""Run the commands of README.md and docs/installing.md for a checkout, in a copy of the project."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.harness import DEADLINE_SECONDS, PNG
from tests.inner_runs import without_plugins
from tests.pages import (
    INSTALLING,
    ROOT,
    blocks,
    lines_to_install,
    lines_with_docker,
    one_liners,
    service_blocks,
)
from tests.pages import README as PAGE
from tools.project import SOURCE

README = PAGE.read_text("utf-8")
PYTHON = blocks(PAGE, "python")
COMMANDS = blocks(PAGE, "sh")
TESTING_README = ROOT / "clients" / "python" / "README.md"
WITHOUT_MAKE, WAIT_AND_RESET = (
    block for block in blocks(INSTALLING, "sh") if ".venv/bin/fake-apimart" in block
)

PROJECT_FILES = (
    *("pyproject.toml", "hatch_build.py", "clients/python/pyproject.toml"),
    "constraints.txt",
)

pytestmark = pytest.mark.skipif(
    os.name == "nt" or shutil.which("make") is None, reason="needs make and a POSIX shell"
)


class Shell:
    """A shell in a copy of the project that runs the README's code on a free port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])
        # The make that runs the tests must not pass its arguments to the README's make.
        outer = {"ARGS", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES"}
        self.env = {
            **{name: value for name, value in os.environ.items() if name not in outer},
            "FAKE_APIMART_PORT": self.port,
            "FAKE_APIMART_STORAGE": f"dir:{folder}/data",
            # Reuse the environment that runs the tests in place of one that make would create.
            "VENV": sys.prefix,
        }

    def command(self, code: str) -> list[str]:
        code = re.sub(r"127\.0\.0\.1:808[01]", f"127.0.0.1:{self.port}", code)
        return ["bash", "-euo", "pipefail", "-c", re.sub(r"(?<!\S)\.venv/", f"{sys.prefix}/", code)]

    def run(self, code: str) -> str:
        result = subprocess.run(
            self.command(code),
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """Yield a shell while the server of `make run` is running."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("Makefile", "docs"):
        (folder / name).symlink_to(ROOT / name)
    # The stamps must be newer than their sources, so that make finds everything installed.
    for name in PROJECT_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for name in ("installed", "installed-dev"):
        Path(sys.prefix, name).touch()
    shell = Shell(folder)
    serving = subprocess.Popen(
        shell.command("exec make run"),
        cwd=folder,
        env=shell.env,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert serving.stdout is not None
    lines = iter(serving.stdout)
    assert any("listening on" in line for line in lines)
    yield shell
    os.killpg(serving.pid, signal.SIGTERM)
    serving.wait(DEADLINE_SECONDS)
    serving.stdout.close()


def test_first_command_stands_within_25_lines_of_under_200() -> None:
    lines = README.splitlines()
    assert lines.index("```sh") < 25
    assert len(lines) < 200


def test_commands_are_the_known_ones() -> None:
    starts = [code.split()[:2] for code in COMMANDS]
    assert starts == [
        ["uvx", "fake-apimart"],  # tests/installed
        ["curl", "--request"],
        ["api=http://127.0.0.1:8080/v1", "key='Authorization:"],
    ], "a new command needs a test here"


def test_ways_to_start_it_are_the_known_ones() -> None:
    assert [line.split()[:2] for line in one_liners()] == [
        ["uvx", "fake-apimart"],  # tests/installed
        ["pipx", "run"],  # tests/installed
        ["pip", "install"],  # tests/installed
        ["docker", "run"],  # tests/containers
        ["docker", "compose"],  # tests/containers, as in docs/docker.md
        ["make", "run"],  # here: the server that all these tests use
    ]
    assert COMMANDS[0] == f"{one_liners()[0]}\n"


def test_commands_to_install_it_are_the_known_ones() -> None:
    published = [*lines_to_install(), *lines_with_docker()]
    checkout = ["make run", *WITHOUT_MAKE.splitlines(), *WAIT_AND_RESET.splitlines()]
    printed = [line for block in blocks(INSTALLING, "sh") for line in block.splitlines()]
    assert set(printed) <= {*published, *checkout}, "a new command needs a test"
    assert {*published, *checkout} <= {*printed, *one_liners()}
    assert len(service_blocks()) == 2


def test_continuous_integration_runs_the_readme_s_tests() -> None:
    assert "make coverage" in (ROOT / ".ci" / "run").read_text().splitlines()


def test_curl_command_uploads_as_shown(shell: Shell) -> None:
    answer = json.loads(shell.run(COMMANDS[1]))
    shown = json.loads(blocks(PAGE, "json")[0])
    assert list(answer) == list(shown)
    for key in ("filename", "content_type", "bytes"):
        assert answer[key] == shown[key]


def test_loop_ends_with_a_picture(shell: Shell) -> None:
    assert '"status":"completed"' in shell.run(COMMANDS[2])
    with Image.open(shell.folder / "picture.png") as image:
        assert (image.format, image.size) == ("PNG", (1360, 768))


def test_python_sample_prints_the_url(shell: Shell) -> None:
    path = shell.folder / "sample.py"
    path.write_text(PYTHON[1].replace("127.0.0.1:8080", f"127.0.0.1:{shell.port}"))
    assert shell.run(f"{sys.executable} sample.py").startswith("http://127.0.0.1:")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node")
def test_javascript_sample_prints_the_url(shell: Shell) -> None:
    (code,) = blocks(PAGE, "javascript")
    path = shell.folder / "sample.mjs"
    path.write_text(code.replace("127.0.0.1:8080", f"127.0.0.1:{shell.port}"))
    assert shell.run("node sample.mjs").startswith("http://127.0.0.1:")


def test_commands_without_make_serve(shell: Shell) -> None:
    set_up, install, serve = WITHOUT_MAKE.splitlines()
    assert set_up == "python3 -m venv .venv"
    assert install == ".venv/bin/pip install -c constraints.txt ./clients/python ."
    # `make wheel-test` covers a fresh installation; here the others run, in an environment that
    # names no port, as a reader's.
    other = Shell(shell.folder)
    del other.env["FAKE_APIMART_PORT"]
    code = serve.replace("--port 8081", f"--port {other.port}")
    assert code != serve
    serving = subprocess.Popen(
        other.command(f"exec {code}"), env=other.env, stdout=subprocess.PIPE, text=True
    )
    assert serving.stdout is not None
    assert "(storage: memory://)" in serving.stdout.readline()
    assert other.run(WAIT_AND_RESET) == ""
    serving.terminate()
    assert serving.wait(DEADLINE_SECONDS) == 0
    serving.stdout.close()


def test_application_of_the_sample_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_APIMART_STORAGE", "memory://")
    names: dict[str, Any] = {}
    exec(PYTHON[2], names)
    app = names["app"]

    async def health() -> Any:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        ):
            return (await client.get("/_fake/health")).json()

    assert asyncio.run(health())["storage"] == "memory://"


MY_PROGRAM = """
import os, requests

def upload(path):
    for _ in range(3):
        answer = requests.post(
            os.environ["APIMART_BASE_URL"] + "/v1/uploads/images",
            headers={"Authorization": "Bearer " + os.environ["APIMART_API_KEY"]},
            files={"file": open(path, "rb").read()},
        )
        if answer.ok:
            return answer.json()["url"]
"""


@pytest.mark.parametrize("code", [PYTHON[0], *blocks(TESTING_README, "python")])
def test_test_that_uses_the_fixture_passes(code: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(my_program=MY_PROGRAM, test_it=code)
    pytester.syspathinsert()
    (pytester.path / "photo.png").write_bytes(PNG)
    pytester.runpytest_subprocess(*without_plugins()).assert_outcomes(passed=1)


def test_links_point_to_files() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    links = [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    ]
    assert len(links) > len(pages)
    for page, target in links:
        assert (page.parent / target).exists(), f"{page.name} leads to {target}"


@pytest.mark.parametrize("language", ["python", "node"])
def test_links_of_the_test_package_lead_somewhere_from_its_page_on_the_index(language: str) -> None:
    text = (ROOT / "clients" / language / "README.md").read_text("utf-8")
    links = re.findall(r"\]\((?!#|https://docs\.astral\.sh/)([^)]+)\)", text)
    assert links
    for link in links:
        path = link.removeprefix(SOURCE)
        assert path != link, f"{link} leads elsewhere"
        file = path.removeprefix("/blob/main/").lstrip("/").partition("#")[0]
        assert (ROOT / file).exists(), link
