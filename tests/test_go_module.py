"""The fixture for Go by the lines of its page alone, against one server."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests import go_module
from tests.harness import ServerThread
from tests.pages import blocks
from tools.pages.go_names import source
from tools.project import ROOT

PAGE = ROOT / "docs" / "testing" / "go.md"
EXAMPLE = ROOT / "examples" / "go"
GET, TEST = (block for block in blocks(PAGE, "sh")[:2])

needs_go = pytest.mark.skipif(
    os.name == "nt" or shutil.which("go") is None, reason="needs bash and Go"
)


def test_module_has_the_licence_of_the_project() -> None:
    assert (go_module.FOLDER / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_module_needs_the_standard_library_alone() -> None:
    assert not (go_module.FOLDER / "go.sum").exists()
    said = (go_module.FOLDER / "go.mod").read_text()
    assert re.fullmatch(rf"module {go_module.NAME}\n\ngo 1\.\d+\n", said)


def test_names_are_those_that_the_server_takes() -> None:
    text = source()
    assert '\tUploadsCreate     Operation = "uploads.create"\n' in text
    assert '\tErrorRateLimited         Error = "rate_limited"\n' in text
    assert '\tSocketDribble            SocketFault = "dribble"\n' in text


@pytest.mark.subprocess
@needs_go
def test_tests_of_the_page_and_of_the_example_pass(server: ServerThread, tmp_path: Path) -> None:
    environment = go_module.go_environment(tmp_path, "off", FAKE_APIMART_URL=server.url)
    page = tmp_path / "page"
    page.mkdir()
    code = [block for block in blocks(PAGE, "go") if not block.startswith("// ")]
    (page / "pictures_test.go").write_text("\n".join(code), "utf-8")
    go_module.run("go mod init example.com/pictures", page, environment)
    example = Path(shutil.copytree(EXAMPLE, tmp_path / "example"))
    for folder, tests in ((page, code), (example, [(example / "pictures_test.go").read_text()])):
        go_module.run(f"{GET}test -z $(gofmt -l .)\ngo vet ./...", folder, environment)
        assert go_module.run(TEST, folder, environment).startswith("ok ")
        passed = go_module.run("go test -v ./...", folder, environment)
        assert passed.count("--- PASS: ") == "".join(tests).count("\nfunc Test") >= 10
