"""Rules of the source tree: described rooms, short modules and functions, one injected clock.

import-linter checks which room may import which (`make check`); pyproject.toml has its contracts.
"""

from __future__ import annotations

import ast
import functools
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "server" / "fake_apimart"
TESTING = ROOT / "clients" / "python" / "fake_apimart_testing"
DATA = PACKAGE / "contract" / "cases"
SOURCES = sorted(
    path
    for root in (ROOT / "server", ROOT / "storage", TESTING.parent)
    for path in root.rglob("*.py")
    if not path.is_relative_to(DATA)
)
ROOMS = sorted({path.parent for path in SOURCES})
DESCRIBED = [each for each in ROOMS if each.parent == PACKAGE or each.is_relative_to(TESTING)]
PROGRAMS = sorted(
    path for name in ("benchmarks", "soak", "tools") for path in ROOT.joinpath(name).rglob("*.py")
)
"""What is no part of a package, and held to the same measures."""
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 60
MAX_MODULES = 12
ROOM_LINES = range(3, 6)
"""Lines of a room's docstring: a title, a blank line, and what belongs there and what does not."""


def module_name(path: Path) -> str:
    return room_name(path.with_suffix("")).removesuffix(".__init__")


def room_name(path: Path) -> str:
    depth = 2 if path.is_relative_to(TESTING) else 1
    return ".".join(path.relative_to(ROOT).parts[depth:])


def modules_of(room: Path) -> list[Path]:
    return [path for path in room.glob("*.py") if path.name != "__init__.py"]


def docstring(path: Path) -> str:
    return ast.get_docstring(tree(path)) or ""


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@pytest.mark.parametrize(
    "room", [*ROOMS, *sorted({path.parent for path in PROGRAMS})], ids=room_name
)
def test_room_has_at_most_a_dozen_modules(room: Path) -> None:
    assert 0 < len(modules_of(room)) <= MAX_MODULES


@pytest.mark.parametrize("room", DESCRIBED, ids=room_name)
def test_room_describes_what_belongs_there(room: Path) -> None:
    assert len(docstring(room / "__init__.py").splitlines()) in ROOM_LINES


def test_layers_of_the_linter_are_the_rooms() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers = next(each for each in config["contracts"] if each["type"] == "layers")
    listed = {name for layer in layers["layers"] for name in layer.split(" | ")}
    listed |= set(layers["exhaustive_ignores"])
    there = {each.name for each in ROOMS if each.parent == PACKAGE}
    assert listed == there | {path.stem for path in modules_of(PACKAGE)}


def test_architecture_page_lists_the_folders_and_modules() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    drawn = set(re.findall(r"^    ([a-z_0-9]+)/ ", page, re.MULTILINE))
    assert drawn == {room.name for room in ROOMS if room.parent == PACKAGE}
    for room in DESCRIBED:
        name = room.name if room.parent == PACKAGE else room.relative_to(TESTING.parent)
        described = re.search(rf"^## `{name}/`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
        assert described, name
        named = set(re.findall(r"^\| `([a-z_0-9]+)` \|", described[1], re.MULTILINE))
        assert named == {path.stem for path in modules_of(room)}, name


@pytest.mark.parametrize("path", [*SOURCES, *PROGRAMS], ids=module_name)
def test_module_and_its_functions_are_short(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= MAX_MODULE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, node.name


# `request_id` and `access_log` only format a given time. `readiness` waits for the command. S3
# needs the machine's real time, whatever a test's clock says. `incoming` measures how long disk
# writes really take, `workers` how long processes take to stop. The clock of the test package
# accepts a datetime, and the page writes times out. What runs cases is no part of a server, and
# takes the time that servers take.
IMPORTERS = {
    "time": {
        "fake_apimart.client.connection",
        "fake_apimart.common.clock",
        "fake_apimart.contract.request_id",
        "fake_apimart.observability.access_log",
        "fake_apimart.readiness",
        "fake_apimart.record_command",
        "fake_apimart.targets.foreign",
        "fake_apimart.verify.run_case",
        "fake_apimart.verify.wire",
        "fake_apimart.verify_command",
        "fake_apimart.workers",
        "fake_apimart_storage.incoming",
        "fake_apimart_storage.s3.bucket",
        "fake_apimart_storage.s3.connection.patience",
        "fake_apimart_storage.s3.transfer.part",
        # Writes times out, and reads no clock.
        "fake_apimart_testing.world.report",
    },
    "random": {"fake_apimart.common.randomness"},
    "uuid": {"fake_apimart.common.randomness"},
    # Servers that share a state must differ, even where they are given the same seed.
    "secrets": {"fake_apimart.state.redis.state", "fake_apimart.targets.own_servers"},
    "datetime": {
        "fake_apimart.page.wording",
        "fake_apimart.record_command",
        "fake_apimart_testing.clock",
        "fake_apimart.verify_command",
    },
}


@pytest.mark.parametrize(("module", "importers"), IMPORTERS.items())
def test_time_and_randomness_are_injected(module: str, importers: set[str]) -> None:
    found = {
        module_name(path)
        for path in SOURCES
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Import) and module in [alias.name for alias in node.names])
        or (isinstance(node, ast.ImportFrom) and node.module == module)
    }
    assert found == importers


def test_every_module_has_a_docstring() -> None:
    for path in SOURCES:
        assert docstring(path), path
