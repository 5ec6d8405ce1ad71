"""The pages that are made from the code, and what they promise."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fake_apimart import fidelity
from fake_apimart.settings import Settings, flag_of, variable_of

from tests.test_form_cases import REFUSED_AS_AMBIGUOUS

ROOT = Path(__file__).parents[1]
GENERATOR = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
assert GENERATOR is not None
assert GENERATOR.loader is not None
generate = importlib.util.module_from_spec(GENERATOR)
GENERATOR.loader.exec_module(generate)


@pytest.mark.parametrize("name", list(generate.PAGES))
def test_generated_page_is_up_to_date(name: str) -> None:
    page = (ROOT / "docs" / name).read_text("utf-8")
    assert page == generate.PAGES[name](), "run `make docs`"


def test_readme_s_table_has_every_setting_as_it_is_described() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for name, field in Settings.model_fields.items():
        row = rf"\| `{variable_of(name)}` \| `{flag_of(name)}` \| .* \| (.*) \|"
        found = re.search(row, readme)
        assert found is not None, name
        assert found[1] == field.description


def test_every_source_of_a_behaviour_is_known() -> None:
    for behaviours in fidelity.BEHAVIOURS.values():
        for behaviour in behaviours:
            assert behaviour.sources
            assert set(behaviour.sources) <= set(fidelity.SOURCES), behaviour.what


def test_page_names_every_recorded_request_that_is_answered_otherwise() -> None:
    assert all(name in fidelity.markdown() for name in REFUSED_AS_AMBIGUOUS)


def test_command_prints_the_page() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "fake_apimart", "fidelity"],
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert said.stdout == fidelity.markdown()


def test_changelog_is_kept() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert "## [Unreleased]" in changelog
