"""The layout shows the architecture: which module may import which, and how long they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "server").rglob("*.py"), *(ROOT / "storage").rglob("*.py")])
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 60
OURS = ("fake_apimart", "fake_apimart_storage")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts[1:]
    return ".".join(parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    """What a module imports of ours at its top, for its types alone included."""
    statements = ast.parse(path.read_text("utf-8")).body
    for node in [*statements, *(each for at in statements for each in getattr(at, "body", []))]:
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name for name in names if name.split(".")[0] in OURS)


GRAPH = {module_name(path): set(imports(path)) for path in SOURCES}


def reachable(module: str, seen: set[str]) -> set[str]:
    for other in GRAPH.get(module, set()) & GRAPH.keys() - seen:
        seen.add(other)
        reachable(other, seen)
    return seen


def name_of(path: Path) -> str:
    return module_name(path)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_circle_of_imports(path: Path) -> None:
    module = module_name(path)
    # A package's own `__init__` gathers its modules, which never import it back.
    assert module not in reachable(module, set()) - {"fake_apimart", "fake_apimart_storage"}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    module, imported = module_name(path), reachable(module_name(path), set())
    if module.startswith("fake_apimart_storage"):
        assert not [other for other in imported if not other.startswith("fake_apimart_storage")]
    if module.startswith("fake_apimart.go"):
        allowed = ("fake_apimart.go", "fake_apimart.common.caches")
        assert not [other for other in imported if not other.startswith(allowed)]
    if module.startswith(("fake_apimart.testing", "fake_apimart.pytest_plugin")):
        assert imported <= {each for each in GRAPH if each.startswith("fake_apimart.testing")}


def test_storage_knows_nothing_of_http() -> None:
    for path in (ROOT / "storage").rglob("*.py"):
        text = path.read_text("utf-8")
        for word in ("starlette", "fastapi", "uvicorn", "http."):
            assert word not in text, path.name


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_module_and_its_functions_are_short(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= MAX_MODULE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, node.name


# `request_id` and `access_log` only write a given instant out, `readiness` waits on behalf of the
# command, S3 goes by the real time of machines, whatever the clock of a test says, `incoming` by
# how long a disk really takes, and a test may set a world's clock by a datetime of its own.
IMPORTERS = {
    "time": {
        "fake_apimart.http.access_log",
        "fake_apimart.common.clock",
        "fake_apimart.readiness",
        "fake_apimart.contract.request_id",
        "fake_apimart_storage.incoming",
        "fake_apimart_storage.s3.bucket",
    },
    "random": {"fake_apimart.common.randomness"},
    "uuid": {"fake_apimart.common.randomness"},
    "secrets": set(),
    "datetime": {"fake_apimart.testing.clock"},
}


@pytest.mark.parametrize(("module", "importers"), IMPORTERS.items())
def test_time_and_chance_are_injected(module: str, importers: set[str]) -> None:
    found = {
        module_name(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.Import) and module in [alias.name for alias in node.names])
        or (isinstance(node, ast.ImportFrom) and node.module == module)
    }
    assert found == importers


def test_every_module_says_what_it_is() -> None:
    for path in SOURCES:
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path
