"""The outcome of a task: its duration, polls and result; and how a request sets them.

A request can do so in its metadata, `{"fake_apimart": {"outcome": "failed", "seconds": 5}}`, or in
its prompt, `[fake: seconds=30]`, which works from any client without a change to its code.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from fake_apimart.common.texts import shortened
from fake_apimart.contract import errors
from fake_apimart.contract.api_error import ApiError

FAILED_ON_PURPOSE = "task failed on purpose"
MAX_SECONDS = 86_400.0
"""Longest duration that a request can set."""
MAX_POLLS = 1_000_000

MARKED_CHARACTERS = 100_000
"""How much of a prompt is searched for markers."""
MAX_MARKERS = 100
"""How many markers of a prompt are read, and how many parts one may have."""

_MARKER = re.compile(r"\[fake\b:?([^\]]*)(\]?)", re.IGNORECASE)
_METADATA_FIELDS = {"outcome", "message", "seconds", "polls"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A task ends after `seconds` and after `polls` polls, whichever comes later.

    `failure` is the error message of a task that fails, None if it completes. A `moderated` task
    is refused by content moderation.
    """

    seconds: float = 0.0
    polls: int = 0
    failure: str | None = None
    moderated: bool = False


def outcome_of(prompt: str, metadata: dict[str, Any] | None, server: Outcome) -> Outcome:
    """Return the outcome of a task. Raises `invalid_parameter`, whose message says what is valid.

    Markers in the prompt override the metadata, and that overrides the server's outcome. What
    exceeds MARKED_CHARACTERS or MAX_MARKERS is text like any other.
    """
    outcome = _apply_metadata((metadata or {}).get("fake_apimart"), server)
    searched = prompt[:MARKED_CHARACTERS]
    for match in itertools.islice(_MARKER.finditer(searched), MAX_MARKERS):
        if match[2] or len(prompt) == len(searched):
            outcome = _apply_marker(match, outcome)
    return outcome


def _seconds(value: object) -> float:
    seconds = float(_digits(value))
    if not 0 <= seconds <= MAX_SECONDS:
        raise ValueError(value)
    return seconds


def _polls(value: object) -> int:
    polls = int(_digits(value))
    if not 0 <= polls <= MAX_POLLS:
        raise ValueError(value)
    return polls


def _digits(value: object) -> str:
    """Return a number, or text that may be one, as text. Raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)
    return str(value)


class Marker(NamedTuple):
    """A part of a marker: its syntax, as error messages state it, its meaning, and its effect."""

    form: str
    meaning: str
    apply: Callable[[Outcome, str], Outcome]


MARKERS = {
    "fail": Marker(
        "fail or fail=MESSAGE",
        f"the task fails, with the message or with `{FAILED_ON_PURPOSE}`",
        lambda outcome, value: replace(outcome, failure=value or FAILED_ON_PURPOSE),
    ),
    "complete": Marker(
        "complete",
        "the task completes, whatever the world says",
        lambda outcome, _: replace(outcome, failure=None),
    ),
    "seconds": Marker(
        "seconds=NUMBER",
        f"the task ends after so many seconds, 0 to {MAX_SECONDS:g}",
        lambda outcome, value: replace(outcome, seconds=_seconds(value)),
    ),
    "polls": Marker(
        "polls=INTEGER",
        f"the task ends after so many polls, 0 to {MAX_POLLS}",
        lambda outcome, value: replace(outcome, polls=_polls(value)),
    ),
    "moderation": Marker(
        "moderation",
        "the request is refused, as by content moderation",
        lambda outcome, _: replace(outcome, moderated=True),
    ),
}
"""The parts of a marker by name."""


def _apply_marker(match: re.Match[str], outcome: Outcome) -> Outcome:
    """Apply one `[fake: …]`, whose parts are separated by semicolons."""
    try:
        if not match[2]:
            raise ValueError("the bracket is not closed")
        parts = match[1].split(";", MAX_MARKERS)
        if len(parts) > MAX_MARKERS:
            raise ValueError("too many parts")
        for part in parts:
            name, _, value = part.strip().partition("=")
            outcome = MARKERS[name.strip().lower()].apply(outcome, value.strip())
    except (KeyError, ValueError):
        expected = ", ".join(marker.form for marker in MARKERS.values())
        raise errors.invalid_parameter(
            f"marker {shortened(match[0])} in prompt does not parse: expected [fake: PART; PART] "
            f"with parts {expected}"
        ) from None
    return outcome


def _apply_metadata(fields: object, outcome: Outcome) -> Outcome:
    """Apply the request's `metadata.fake_apimart`, if it has one."""
    if fields is None:
        return outcome
    if not isinstance(fields, dict) or not fields.keys() <= _METADATA_FIELDS:
        raise _bad_metadata()
    try:
        if "seconds" in fields:
            outcome = replace(outcome, seconds=_seconds(fields["seconds"]))
        if "polls" in fields:
            outcome = replace(outcome, polls=_polls(fields["polls"]))
    except ValueError:
        raise _bad_metadata() from None
    message = fields.get("message")
    status = fields.get("outcome", "failed" if message is not None else None)
    if status not in (None, "completed", "failed") or not isinstance(message, str | None):
        raise _bad_metadata()
    if status is not None:
        failure = (message or FAILED_ON_PURPOSE) if status == "failed" else None
        outcome = replace(outcome, failure=failure)
    return outcome


def _bad_metadata() -> ApiError:
    return errors.invalid_parameter(
        "metadata.fake_apimart does not parse: expected an object of outcome (completed or "
        "failed), message (a string), seconds (a number) and polls (an integer)"
    )
