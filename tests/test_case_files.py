"""The files of cases: that they say what they seem to say, and leave nothing out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fake_apimart.cases.case import Case, CaseFile
from fake_apimart.cases.placeholders import is_kind, kinds_in
from fake_apimart.cases.reading import case_files, frames, names_of_files
from fake_apimart.cases.recorded import recorded_files
from fake_apimart.cases.source import SOURCES, Source
from fake_apimart.contract.operations import OPERATIONS
from fake_apimart.settings.settings import Settings
from fake_apimart.targets.own_servers import variables_of
from pydantic import ValidationError

from tests.harness import ServerThread

FILES = case_files()
CASES = [case for file in FILES for each in file.behaviours for case in each.cases]


def operation_of(file: CaseFile) -> str:
    return file.operation


def cases_of(file: CaseFile) -> list[Case]:
    return [case for behaviour in file.behaviours for case in behaviour.cases]


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)


def said(case: Case) -> Any:
    return case.model_dump(mode="json", by_alias=True, exclude_unset=True)


def test_every_file_is_read() -> None:
    read = {f"{file.operation}.yaml" for file in case_files()} | {"frames.yaml"}
    assert read == set(names_of_files())


def test_every_recorded_case_is_among_them() -> None:
    names = {case.name for case in CASES}
    assert {case.name for file in recorded_files() for case in cases_of(file)} <= names


@pytest.mark.parametrize("file", FILES, ids=operation_of)
def test_every_behaviour_rests_on_a_source(file: CaseFile) -> None:
    assert file.title
    for behaviour in file.behaviours:
        assert behaviour.sources, behaviour.says
        assert set(behaviour.sources) <= set(SOURCES)


@pytest.mark.parametrize("file", FILES, ids=operation_of)
def test_every_placeholder_has_a_kind(file: CaseFile) -> None:
    for case in cases_of(file):
        expected = [each["expect"] for each in said(case)["steps"] if "expect" in each]
        kinds = {kind for text in texts_in(expected) for kind in kinds_in(text)}
        known = {"more", "each", "some", "one"}
        assert {kind for kind in kinds if not is_kind(kind)} <= known, case.name


@pytest.mark.parametrize("file", FILES, ids=operation_of)
def test_every_case_ends_with_what_it_expects(file: CaseFile) -> None:
    for case in cases_of(file):
        assert case.steps[-1].expect, case.name
        for step in case.steps:
            does = [step.request is not None, step.control is not None, step.callback]
            assert sum(does) <= 1, case.name


@pytest.mark.parametrize("file", FILES, ids=operation_of)
def test_every_setting_of_a_case_is_one(file: CaseFile) -> None:
    for case in cases_of(file):
        assert case.settings.keys() <= Settings.model_fields.keys(), case.name
        assert all(variables_of(case.settings).values()), case.name


def routes() -> list[tuple[str, str]]:
    return [
        (method, path)
        for operation in OPERATIONS
        for method in operation.methods
        for path in operation.paths
        if operation.world
    ]


@pytest.mark.parametrize(("method", "path"), routes())
def test_every_route_is_asked_for_by_a_case(method: str, path: str) -> None:
    pattern = re.compile(re.sub(r"\{[^}]*\}", "[^?]+", path) + r"(\?.*)?")
    asked = {
        (step.request.method, step.request.path)
        for case in CASES
        for step in case.steps
        if step.request is not None
    }
    # A URL that an upload has given is that of a file.
    given = {(each, "/f/image/x") for each, asked_path in asked if asked_path.startswith("{")}
    assert any(each == method and pattern.fullmatch(target) for each, target in asked | given)


def test_every_frame_is_used() -> None:
    named = {step.frame for case in CASES for step in case.steps} - {None, "none"}
    assert named | {"api", "file"} == frames().keys()


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("page", Source("page")),
        ("live 2026-09-19", Source("live", "2026-09-19")),
        ("live 2026-06/2026-09", Source("live", "2026-06/2026-09")),
        ("docs 2026-09-01", Source("docs", "2026-09-01")),
    ],
)
def test_source_is_read(text: str, source: Source) -> None:
    assert Source.parse(text) == source
    assert str(source) == text


@pytest.mark.parametrize("text", ["", "live", "hearsay", "live today", "page page", "live 2026"])
def test_what_is_no_source_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"source|date"):
        Source.parse(text)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"naem": "x"}, "naem"),
        ({"name": "a/b"}, "name"),
        ({"dialect": "both"}, "dialect"),
        ({"request": {"methd": "GET"}}, "methd"),
        ({"expect": [{"status": 200}]}, "source"),
        ({"expect": [{"source": "page", "stauts": 200}]}, "stauts"),
    ],
)
def test_a_word_that_is_not_known_is_refused(change: dict[str, Any], place: str) -> None:
    case = {"name": "x", "request": {}, "expect": [{"source": "page", "status": 200}]}
    with pytest.raises(ValidationError, match=place):
        Case.model_validate({**case, **change})


def test_server_returns_the_cases(server: ServerThread) -> None:
    answer = httpx.get(f"{server.url}/_fake/contract")
    assert answer.headers["content-type"] == "application/json"
    operations = answer.json()["operations"]
    assert [each["operation"] for each in operations] == [each.operation for each in case_files()]
    # Whoever reads them has the same cases.
    assert [CaseFile.model_validate(each) for each in operations] == list(case_files())
    assert json.loads(answer.content)["sources"].keys() == SOURCES.keys()
