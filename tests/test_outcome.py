"""Markers in a prompt, and metadata, that set the outcome of a task."""

from __future__ import annotations

from typing import Any

import pytest
from fake_apimart.contract.api_error import ApiError
from fake_apimart.worlds.outcome import FAILED_ON_PURPOSE, MARKERS, Outcome, outcome_of

SERVER = Outcome(seconds=2, polls=0)


@pytest.mark.parametrize(
    ("prompt", "outcome"),
    [
        ("a cat", SERVER),
        ("a cat [fake: seconds=30]", Outcome(30, 0)),
        ("[fake: seconds=0.5; polls=3]", Outcome(0.5, 3)),
        ("[FAKE: SECONDS=1]", Outcome(1, 0)),
        ("[fake: fail]", Outcome(2, 0, FAILED_ON_PURPOSE)),
        ("[fake: fail=content moderation failed]", Outcome(2, 0, "content moderation failed")),
        ("[fake: fail=a=b]", Outcome(2, 0, "a=b")),
        ("[fake: fail=x] then [fake: complete]", Outcome(2, 0)),
        ("[fake: polls=1] [fake: polls=2]", Outcome(2, 2)),
        ("[fake: moderation]", Outcome(2, 0, None, moderated=True)),
        ("a [faker] and [fakes]", SERVER),
    ],
)
def test_marker_in_the_prompt_sets_the_outcome(prompt: str, outcome: Outcome) -> None:
    assert outcome_of(prompt, None, SERVER) == outcome


@pytest.mark.parametrize(
    "marker",
    [
        "[fake]",
        "[fake:]",
        "[fake: ]",
        "[fake: x=1]",
        "[fake: seconds]",
        "[fake: seconds=-1]",
        "[fake: seconds=nan]",
        "[fake: seconds=inf]",
        "[fake: polls=1.5]",
        "[fake: polls=-1]",
        "[fake: seconds=1; x]",
        "[fake: seconds=1",
    ],
)
def test_marker_that_does_not_parse_says_what_was_expected(marker: str) -> None:
    with pytest.raises(ApiError) as refusal:
        outcome_of(f"a cat {marker}", None, SERVER)
    assert refusal.value.status == 400
    assert f"marker {marker} in prompt does not parse: expected" in refusal.value.message
    assert all(each.form in refusal.value.message for each in MARKERS.values())


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({}, SERVER),
        ({"seconds": 5}, Outcome(5, 0)),
        ({"seconds": 0.5, "polls": 3}, Outcome(0.5, 3)),
        ({"outcome": "failed", "message": "no"}, Outcome(2, 0, "no")),
        ({"message": "no"}, Outcome(2, 0, "no")),
        ({"outcome": "failed"}, Outcome(2, 0, FAILED_ON_PURPOSE)),
        ({"outcome": "completed"}, Outcome(2, 0)),
    ],
)
def test_metadata_sets_the_outcome(given: dict[str, Any], outcome: Outcome) -> None:
    assert outcome_of("a cat", {"fake_apimart": given, "own": 1}, SERVER) == outcome


@pytest.mark.parametrize(
    "given",
    [
        [],
        "failed",
        {"x": 1},
        {"seconds": "soon"},
        {"seconds": -1},
        {"polls": 1.5},
        {"polls": True},
        {"outcome": "cancelled"},
        {"message": 5},
        {"outcome": 5},
    ],
)
def test_metadata_that_does_not_parse_is_refused(given: Any) -> None:
    with pytest.raises(ApiError, match=r"metadata\.fake_apimart does not parse: expected"):
        outcome_of("a cat", {"fake_apimart": given}, SERVER)


def test_prompt_wins_over_metadata_and_that_over_the_server() -> None:
    metadata = {"fake_apimart": {"seconds": 7, "polls": 7}}
    assert outcome_of("[fake: seconds=9]", metadata, SERVER) == Outcome(9, 7)
