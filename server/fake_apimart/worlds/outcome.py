"""How a task goes: how long, how many polls, to which end; and how clients set that per task.

A request may say so in its metadata, `{"fake_apimart": {"outcome": "failed", "seconds": 5}}`, or in
its prompt, `[fake: seconds=30]`, which works from any client without a change to its code.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from fake_apimart.contract import errors
from fake_apimart.contract.api_error import ApiError

FAILED_ON_PURPOSE = "task failed on purpose"
LONGEST_SECONDS = 86_400.0
MOST_POLLS = 1_000_000

_MARKER = re.compile(r"\[fake\b:?([^\]]*)(\]?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`seconds` and `polls` until the end, the slower of which decides; `failure` is the message
    of a task that fails, and None of one that completes.
    """

    seconds: float = 0.0
    polls: int = 0
    failure: str | None = None
    moderated: bool = False


def outcome_of(prompt: str, metadata: dict[str, Any] | None, server: Outcome) -> Outcome:
    """The server's outcome, changed by a request's metadata, and that by markers in its prompt.

    Raises `invalid_parameter`, saying what was expected.
    """
    outcome = _apply_metadata((metadata or {}).get("fake_apimart"), server)
    for match in _MARKER.finditer(prompt):
        outcome = _apply_marker(match, outcome)
    return outcome


def _seconds(value: object) -> float:
    seconds = float(str(value))
    if not 0 <= seconds <= LONGEST_SECONDS or math.isnan(seconds):
        raise ValueError(value)
    return seconds


def _polls(value: object) -> int:
    polls = int(str(value))
    if not 0 <= polls <= MOST_POLLS:
        raise ValueError(value)
    return polls


MARKERS: dict[str, tuple[str, Callable[[Outcome, str], Outcome]]] = {
    "fail": (
        "fail or fail=MESSAGE",
        lambda outcome, value: replace(outcome, failure=value or FAILED_ON_PURPOSE),
    ),
    "complete": ("complete", lambda outcome, _: replace(outcome, failure=None)),
    "seconds": (
        "seconds=NUMBER",
        lambda outcome, value: replace(outcome, seconds=_seconds(value)),
    ),
    "polls": ("polls=INTEGER", lambda outcome, value: replace(outcome, polls=_polls(value))),
    "moderation": ("moderation", lambda outcome, _: replace(outcome, moderated=True)),
}
"""What a marker in a prompt can say: how it is written, and what it does."""


def _apply_marker(match: re.Match[str], outcome: Outcome) -> Outcome:
    """One `[fake: …]`, whose parts stand between semicolons."""
    try:
        if not match[2]:
            raise ValueError("the bracket is not closed")
        for part in match[1].split(";"):
            name, _, value = part.strip().partition("=")
            outcome = MARKERS[name.strip().lower()][1](outcome, value.strip())
    except (KeyError, ValueError):
        expected = ", ".join(form for form, _ in MARKERS.values())
        raise errors.invalid_parameter(
            f"marker {match[0]} in prompt does not parse: expected [fake: PART; PART] with parts "
            f"{expected}"
        ) from None
    return outcome


def _apply_metadata(given: object, outcome: Outcome) -> Outcome:
    if given is None:
        return outcome
    if not isinstance(given, dict) or not given.keys() <= {
        "outcome",
        "message",
        "seconds",
        "polls",
    }:
        raise _bad_metadata()
    try:
        if "seconds" in given:
            outcome = replace(outcome, seconds=_seconds(given["seconds"]))
        if "polls" in given:
            outcome = replace(outcome, polls=_polls(given["polls"]))
    except ValueError:
        raise _bad_metadata() from None
    message = given.get("message")
    end = given.get("outcome", "failed" if message is not None else None)
    if end not in (None, "completed", "failed") or not isinstance(message, str | None):
        raise _bad_metadata()
    if end is not None:
        failure = (message or FAILED_ON_PURPOSE) if end == "failed" else None
        outcome = replace(outcome, failure=failure)
    return outcome


def _bad_metadata() -> ApiError:
    return errors.invalid_parameter(
        "metadata.fake_apimart does not parse: expected an object of outcome (completed or "
        "failed), message (a string), seconds (a number) and polls (an integer)"
    )
