"""The documentation pages: generated ones are up to date, and their examples work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_apimart.fidelity import page as fidelity_page
from fake_apimart.settings.names import flag_of, variable_of
from fake_apimart.settings.settings import Settings
from fake_apimart.worlds.world import name_of

from tests.harness import JPEG, PNG, ServerProcess
from tests.inner_runs import without_plugins
from tests.pages import ROOT, blocks
from tests.test_form_cases import CASES, REFUSED_AS_AMBIGUOUS
from tools.pages import PAGES, RESULTS


@pytest.mark.parametrize("name", list(PAGES))
def test_generated_page_is_up_to_date(name: str) -> None:
    page = (ROOT / name).read_text("utf-8")
    assert page == PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("name", list(RESULTS))
def test_result_on_a_page_is_what_the_server_draws(name: str) -> None:
    assert (ROOT / name).read_bytes() == RESULTS[name](), "run `make docs`"


def test_readme_describes_settings_as_they_are_described() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    rows = re.findall(r"\| `(FAKE_APIMART_\w+)` \| `(.*?)` \| .* \| (.*) \|", readme)
    described = {
        (variable_of(name), flag_of(name), field.description)
        for name, field in Settings.model_fields.items()
    }
    assert len(rows) > 5
    assert set(rows) <= described


def test_tests_on_the_page_for_testers_pass(pytester: pytest.Pytester) -> None:
    code = blocks(ROOT / "docs" / "testing.md", "python")
    tests = "".join(code).count("def test_")
    assert tests > 0
    pytester.makepyfile("\n\n".join(code))
    (pytester.path / "photo.png").write_bytes(PNG)
    result = pytester.runpytest_subprocess(*without_plugins(), "-W", "error")
    result.assert_outcomes(passed=tests)


@pytest.mark.subprocess
@pytest.mark.skipif(os.name == "nt" or shutil.which("curl") is None, reason="needs bash and curl")
def test_commands_of_the_control_api_s_page_work(tmp_path: Path) -> None:
    commands = "\n".join(blocks(ROOT / "docs" / "control.md", "sh"))
    (tmp_path / "photo.jpg").write_bytes(JPEG)
    with ServerProcess("--storage", "memory://") as server:
        here = commands.replace("http://127.0.0.1:8080", server.url).replace("curl ", "curl -f ")
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", here],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
    assert result.returncode == 0, result.stderr
    assert '"own_settings":{"task_seconds":0.0,"balance":5.0}' in result.stdout
    assert '-photo.jpg","path":' in result.stdout
    assert f'"id":"{name_of("my-test")[:8]}"' in result.stdout


def test_page_names_every_recorded_request_that_is_answered_otherwise() -> None:
    assert all(name in fidelity_page.markdown() for name in REFUSED_AS_AMBIGUOUS)


@pytest.mark.subprocess
def test_command_prints_the_page() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "fake_apimart", "fidelity"],
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert result.stdout == fidelity_page.markdown()


def test_changelog_counts_the_recorded_requests_as_they_are() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    as_recorded = len(CASES) - len(REFUSED_AS_AMBIGUOUS)
    assert f"{as_recorded} of {len(CASES)} recorded requests" in changelog
