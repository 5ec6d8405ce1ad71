"""The recipes of docs/testing that start the image, with the one that was built here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests import go_module
from tests.containers.engine import ROOT, docker
from tests.containers.published import published_names

RECIPES = ROOT / "docs" / "testing"
# Its helper image cannot be pulled everywhere; containers end with the tests anyway.
ENVIRONMENT = {"TESTCONTAINERS_RYUK_DISABLED": "true"}
_MINUTES = 10


def check() -> None:
    """Run them all. The built image has the published one's names meanwhile."""
    with published_names():
        for name, run in _RUNS.items():
            with tempfile.TemporaryDirectory() as folder:
                sys.stdout.write(f"docs/testing/{name}.md\n")
                sys.stdout.flush()
                run(Path(folder))


def files_in(page: str, opening: Mapping[str, str]) -> dict[str, str]:
    """Return the files that a page shows, by the names in their first lines.

    `opening` says how such a line begins, by the language of the block.
    """
    found = {}
    for language, text in re.findall(r"^```(\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        first, _, rest = text.partition("\n")
        if language in opening and first.startswith(opening[language]):
            found[first.removeprefix(opening[language]).strip()] = rest
    return found


def _python(folder: Path) -> None:
    page = (RECIPES / "python.md").read_text("utf-8")
    for name, content in files_in(page, {"python": "# "}).items():
        (folder / name).write_text(content, "utf-8")
    python = folder / "venv" / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    _run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], folder)
    needed = [str(ROOT / "clients" / "python"), "testcontainers", "pytest", "requests"]
    _run([*uv, "pip", "install", "--quiet", "--python", str(python), *needed], folder)
    _run([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"], folder)


def _java(folder: Path) -> None:
    page = (RECIPES / "java.md").read_text("utf-8")
    example = ROOT / "examples" / "java"
    source = (example / "src/test/java/FakeApimartTest.java").read_text("utf-8")
    for block in re.findall(r"^```(?:java|xml)\n(.*?)^```", page, re.MULTILINE | re.DOTALL):
        # Both may be indented as they like.
        shown, whole = _words(block), _words(source + (example / "pom.xml").read_text("utf-8"))
        assert all(line in whole for line in shown), "docs/testing/java.md shows other code"
    shutil.copytree(example, folder / "java", ignore=shutil.ignore_patterns("target"))
    _run(["mvn", "--quiet", "--batch-mode", "test"], folder / "java")


def _go(folder: Path) -> None:
    page = (RECIPES / "go.md").read_text("utf-8")
    blocks = re.findall(r"^```go\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    tests = "\n".join(each for each in blocks if not each.startswith("// "))
    (folder / "project").mkdir()
    (folder / "project" / "pictures_test.go").write_text(tests, "utf-8")
    said = subprocess.run(["go", "env", "GOPROXY"], stdout=subprocess.PIPE, text=True, check=True)
    environment = go_module.go_environment(folder, said.stdout.strip(), **ENVIRONMENT)
    ours, testcontainers = re.findall(r"^go get \S+$", page, re.MULTILINE)
    (by_docker,) = re.findall(r"^```sh\n(docker run .*?)^```", page, re.MULTILINE | re.DOTALL)
    script = f"go mod init example.com/pictures\n{ours}\n{by_docker}"
    try:
        go_module.run(script, folder / "project", environment)
    finally:
        docker("rm", "--force", "apimart")
    for name, content in files_in(page, {"go": "// "}).items():
        (folder / "project" / name).write_text(content, "utf-8")
    script = f"{testcontainers}\ngo test -count=1 ./..."
    go_module.run(script, folder / "project", environment)


def _node(folder: Path) -> None:
    """Run the ten tests of the example, by the page's global setup and by the fixture's own."""
    _run(["make", "clients/node/node_modules/installed"], ROOT)
    npm = ["npm", "pack", "--silent", "--pack-destination", str(folder)]
    _run(npm, ROOT / "clients" / "node")
    (archive,) = folder.glob("*.tgz")
    example = folder / "example"
    ignored = shutil.ignore_patterns("node_modules")
    shutil.copytree(ROOT / "examples" / "vitest", example, ignore=ignored)
    page = (RECIPES / "node.md").read_text("utf-8")
    files = files_in(page, {"js": "// "})
    flags = ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    needed = [str(archive), *re.findall(r"`npm install --save-dev (testcontainers@\d+)`", page)]
    _run(["npm", "install", "--silent", "--save-dev", *flags, *needed], example)
    vitest = ["npx", "vitest", "run", "pictures"]
    # Without a command that starts a server, the fixture starts the container by itself.
    path = str(Path(shutil.which("node") or "").parent)
    assert not any(shutil.which(name, path=path) for name in ("uvx", "fake-apimart")), path
    _run(vitest, example, PATH=path)
    for name, content in files.items():
        (example / name).write_text(content, "utf-8")
    _run(vitest, example)


def _words(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _run(command: list[str], folder: Path, **variables: str) -> None:
    """Run a command in a folder; raise CalledProcessError where it fails."""
    environment = {**os.environ, **ENVIRONMENT, **variables}
    environment.pop("PYTHONPATH", None)
    subprocess.run(command, cwd=folder, env=environment, check=True, timeout=_MINUTES * 60)


_RUNS: Mapping[str, Callable[[Path], None]] = {
    "python": _python,
    "java": _java,
    "go": _go,
    "node": _node,
}
