"""Conditions of rules: what each operator means, what is refused, and what hostile texts cost."""

from __future__ import annotations

import fnmatch
import json
import time
from typing import Any

import pytest
from fake_apimart.contract.operations import BY_NAME, JOURNALED
from fake_apimart.worlds.conditions import (
    MAX_GLOB,
    MAX_TEXT,
    OPERATORS,
    SUBJECTS,
    Facts,
    checked,
    needs_body,
)
from hypothesis import given, settings
from hypothesis import strategies as st

CREATE = "generations.create"
UPLOAD = "uploads.create"

FACTS: dict[str, Any] = {
    "filename": "photo.PNG",
    "size": 1000,
    "content_type": "image/png",
    "json": {
        "model": "gpt-image-2",
        "Prompt": "a cat and a dog",
        "n": 2,
        "seed": 1.0,
        "nothing": None,
        "flag": True,
        "image_urls": ["https://a/1.png", {"url": "https://a/2.png"}],
        "metadata": {"tenant": "blue", "deep": {"er": [[1, 2], "x"]}},
        "dots.in.name": 1,
    },
}
HEADERS = {b"x-tenant": "a", b"user-agent": "python-httpx/0.28"}

MET: list[tuple[str, Any, bool]] = [
    ("filename", "photo.PNG", True),
    ("filename", "photo.png", False),
    ("filename", {"glob": "*.PNG"}, True),
    ("filename", {"glob": "*.png"}, False),
    ("filename", {"glob": "*.[Pp][Nn][Gg]"}, True),
    ("filename", {"glob": "ph?to*"}, True),
    ("filename", {"glob": "photo"}, False),
    ("filename", {"glob": "*"}, True),
    ("filename", {"glob": ""}, False),
    ("filename", {"contains": "oto."}, True),
    ("filename", {"contains": ""}, True),
    ("filename", {"contains": "*"}, False),
    ("filename", {"contains": "photo", "glob": "*.jpg"}, False),
    ("size", 1000, True),
    ("size", 1001, False),
    ("size", {"at_least": 1000}, True),
    ("size", {"at_least": 1001}, False),
    ("size", {"at_most": 1000}, True),
    ("size", {"at_most": 999}, False),
    ("size", {"at_least": 1, "at_most": 2000}, True),
    ("content_type", {"glob": "image/*"}, True),
    ("content_type", "image/jpeg", False),
    ("header", {"X-Tenant": "a"}, True),
    ("header", {"x-tenant": "b"}, False),
    ("header", {"X-Other": {"glob": "*"}}, False),
    ("header", {"User-Agent": {"contains": "httpx"}, "X-Tenant": "a"}, True),
    ("header", {"User-Agent": {"contains": "httpx"}, "X-Tenant": "b"}, False),
    ("prompt", {"contains": "cat"}, True),
    ("prompt", "a cat", False),
    ("json", {"model": "gpt-image-2"}, True),
    ("json", {"MODEL": {"glob": "gpt-*"}}, True),
    ("json", {"prompt": {"contains": "dog"}}, True),
    ("json", {"n": 2}, True),
    ("json", {"n": 2.0}, True),
    ("json", {"n": "2"}, False),
    ("json", {"n": True}, False),
    ("json", {"n": {"at_least": 1.5}}, True),
    ("json", {"n": {"at_most": 1}}, False),
    ("json", {"n": {"glob": "2"}}, False),
    ("json", {"seed": 1}, True),
    ("json", {"seed": True}, False),
    ("json", {"flag": True}, True),
    ("json", {"flag": 1}, False),
    ("json", {"flag": {"at_least": 0}}, False),
    ("json", {"nothing": "None"}, False),
    ("json", {"missing": {"glob": "*"}}, False),
    ("json", {"metadata.tenant": "blue"}, True),
    ("json", {"metadata.Tenant": "blue"}, True),
    ("json", {"metadata": {"equal": {"tenant": "blue"}}}, False),
    ("json", {"metadata.deep": {"equal": {"er": [[1, 2.0], "x"]}}}, True),
    ("json", {"metadata.deep.er.0.1": 2}, True),
    ("json", {"metadata.deep.er.2": "x"}, False),
    ("json", {"metadata.deep.er.-1": "x"}, False),
    ("json", {"metadata.deep.er.99999999999999999999": "x"}, False),
    ("json", {"image_urls.0": {"glob": "https://*"}}, True),
    ("json", {"image_urls.1.url": {"contains": "2.png"}}, True),
    ("json", {"image_urls": {"contains": "https://a/1.png"}}, True),
    ("json", {"image_urls": {"contains": "https://a"}}, False),
    ("json", {"image_urls": ["https://a/1.png"]}, False),
    ("json", {"model.x": 1}, False),
    ("json", {"dots.in.name": 1}, False),
]


def facts_of(known: dict[str, Any], headers: dict[bytes, str] | None = None) -> Facts:
    facts = Facts((headers or {}).get)
    facts.learn(known)
    return facts


def operation_with(subject: str) -> str:
    return next(name for name in JOURNALED if subject in BY_NAME[name].subjects)


@pytest.mark.parametrize(("subject", "wanted", "is_met"), MET)
def test_condition_is_met_or_not(subject: str, wanted: Any, is_met: bool) -> None:
    where = checked({subject: wanted}, operation_with(subject))
    assert facts_of(FACTS, HEADERS).verdict(where) is is_met
    assert Facts(HEADERS.get).verdict(where) in (None, is_met)


def test_every_operator_and_subject_is_asked_here() -> None:
    asked = json.dumps([wanted for _, wanted, _ in MET])
    assert {subject for subject, _, _ in MET} == set(SUBJECTS)
    assert all(f'"{operator}"' in asked for operator in OPERATORS)


def test_every_operation_has_subjects_that_there_are() -> None:
    for name in JOURNALED:
        assert set(BY_NAME[name].subjects) <= set(SUBJECTS)
        assert "header" in BY_NAME[name].subjects


def test_operators_of_subjects_are_those_there_are() -> None:
    assert {each for subject in SUBJECTS.values() for each in subject.operators} == set(OPERATORS)


def test_what_is_known_may_be_enough() -> None:
    where = checked({"filename": "a.png", "size": {"at_least": 5}, "header": {"x": "y"}}, UPLOAD)
    facts = Facts({b"x": "y"}.get)
    assert facts.verdict(where) is None
    facts.learn({"filename": "a.png"})
    assert facts.verdict(where) is None
    facts.learn({"size": 7})
    assert facts.verdict(where) is True
    facts.learn({"filename": "b.png"})
    assert facts.verdict(where) is False
    assert facts_of({}).verdict(where) is False


def test_what_never_became_known_is_not_there() -> None:
    facts = facts_of({})
    facts.is_complete = True
    assert facts.verdict(checked({"size": {"at_least": 0}}, UPLOAD)) is False
    assert facts.verdict(checked({"prompt": {"glob": "*"}}, CREATE)) is False


@pytest.mark.parametrize("value", [None, 1, "text", [], {}, {"prompt": None}, {"prompt": 5}])
def test_json_of_any_kind_has_no_prompt(value: Any) -> None:
    assert facts_of({"json": value}).verdict(checked({"prompt": {"glob": "*"}}, CREATE)) is False


@pytest.mark.parametrize(
    ("where", "operation", "is_needed"),
    [
        ({"header": {"a": "b"}}, UPLOAD, False),
        ({"header": {"a": "b"}, "size": 1}, UPLOAD, True),
        ({"filename": "a"}, "files.get", False),
        ({"prompt": "a"}, CREATE, True),
    ],
)
def test_body_is_needed_for_what_is_not_in_the_head(
    where: dict[str, Any], operation: str, is_needed: bool
) -> None:
    assert needs_body(checked(where, operation), operation) is is_needed


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from([*OPERATORS, *SUBJECTS])
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*OPERATORS, "a", "prompt", "0"]) | st.text(), inner)
    ),
    max_leaves=12,
)
WHERE = st.dictionaries(st.sampled_from(list(SUBJECTS)) | st.text(max_size=3), JSON, max_size=4)


@settings(deadline=None)
@given(st.sampled_from(JOURNALED), WHERE, JSON, st.text(), st.integers())
def test_whatever_is_asked_of_whatever_is_refused_or_answered(
    operation: str, given_where: dict[str, Any], value: Any, text: str, size: int
) -> None:
    try:
        where = checked(given_where, operation)
    except ValueError:
        return
    known = {"filename": text, "size": size, "content_type": text, "json": value}
    facts = facts_of(known, {b"a": text, b"prompt": text})
    assert facts.verdict(where) in (True, False)
    # As it comes back from where it is stored.
    assert facts.verdict(json.loads(json.dumps(where))) is facts.verdict(where)
    assert checked(where, operation) == where


ALPHABET = st.text("ab.*?[]!-", max_size=12)


@settings(deadline=None)
@given(ALPHABET, ALPHABET)
def test_pattern_means_what_it_means_in_a_shell(pattern: str, text: str) -> None:
    where = checked({"filename": {"glob": pattern}}, UPLOAD)
    assert facts_of({"filename": text}).verdict(where) is fnmatch.fnmatchcase(text, pattern)


HOSTILE = [
    "*a" * (MAX_GLOB // 2),
    "*" * MAX_GLOB,
    "*" + "a?" * 98 + "b",
    "*" + "?a" * 90 + "*b*",
    "[a-b]*" * 33,
    "*[!a]" * 40,
]


@pytest.mark.parametrize("pattern", HOSTILE)
@pytest.mark.parametrize("text", ["a" * 10_000_000, "ab" * MAX_TEXT])
def test_pattern_takes_no_long_time_for_any_text(pattern: str, text: str) -> None:
    where = checked({"filename": {"glob": pattern}}, UPLOAD)
    facts = facts_of({"filename": text})
    started = time.process_time()
    facts.verdict(where)
    # Some 30 ms; what grows by more than the product of both lengths would take years.
    assert time.process_time() - started < 2


def test_of_a_text_only_its_beginning_is_looked_at() -> None:
    text = "a" * (MAX_TEXT - 1) + "bc"
    facts = facts_of({"filename": text})
    assert facts.verdict(checked({"filename": {"contains": "ab"}}, UPLOAD)) is True
    assert facts.verdict(checked({"filename": {"contains": "bc"}}, UPLOAD)) is False
    assert facts.verdict(checked({"filename": {"glob": "*b"}}, UPLOAD)) is True


def test_large_object_is_looked_through_once_for_all_rules() -> None:
    facts = facts_of({"json": {"Tenant": 1, "deep": {f"f{n}": n for n in range(50_000)}}})
    started = time.monotonic()
    for number in range(1000):
        path, value = f"deep.F{number}", number
        assert facts.verdict({"json": {path: {"equal": value}, "tenant": {"equal": 1}}})
    assert time.monotonic() - started < 2
