"""Magic keys, whose name configures their world: `sk-fake-NAME` or `sk-fake-NAME--anything`.

They work from any client in any language, without a call to the control API. A key with the
prefix and any other name is ordinary, and valid even if it is not among the configured keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fake_apimart.contract.operations import KEYED

PREFIX = "sk-fake-"
_END_OF_NAME = "--"
FAILURE = "task failed by its key"
SLOW_SECONDS = 2.0
"""Delay that the key `slow` adds to each answer."""
SLOW_TASK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Magic:
    """The effect of a name: settings of the world, and rules in the control API's form."""

    meaning: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    rules: tuple[Mapping[str, Any], ...] = ()


def _always(error: str, *operations: str) -> tuple[Mapping[str, Any], ...]:
    return tuple({"operation": name, "error": error} for name in operations)


NAMES = {
    "rate-limited": Magic(
        "uploads and new tasks are answered 429",
        rules=_always("rate_limited", "uploads.create", "generations.create"),
    ),
    "invalid": Magic("every call is answered 401", rules=_always("invalid_key", *KEYED)),
    "no-balance": Magic(
        "nothing left: all but the poll of a task and the balance is answered 402",
        {"balance": 0.0},
    ),
    "upload-500": Magic(
        "uploads are read, and answered 500 `failed to upload image`",
        rules=_always("upload_failed", "uploads.create"),
    ),
    "tasks-fail": Magic(f"tasks fail: `{FAILURE}`", {"task_failure": FAILURE}),
    "page": Magic("answers are as on the vendor's page", {"dialect": "page"}),
    "live": Magic("answers are as the live service was seen to give them", {"dialect": "live"}),
    "slow": Magic(
        f"answers take {SLOW_SECONDS:g} seconds longer, and tasks {SLOW_TASK_SECONDS:g} seconds",
        {"task_seconds": SLOW_TASK_SECONDS},
        tuple({"operation": name, "delay": SLOW_SECONDS} for name in KEYED),
    ),
}
"""The effects by name; any other name means ORDINARY."""

KEYS = {f"{PREFIX}{name}": magic for name, magic in NAMES.items()}
"""The effects by the shortest key of each name."""

ORDINARY = Magic("an ordinary key")


def is_fake(api_key: str) -> bool:
    """Return whether a key has the prefix of test keys, which any server can accept."""
    return api_key.startswith(PREFIX)


def magic_of(api_key: str) -> Magic:
    """Return the effect of a key's name; ORDINARY if it has none."""
    if not is_fake(api_key):
        return ORDINARY
    name, _, _ = api_key.removeprefix(PREFIX).partition(_END_OF_NAME)
    return NAMES.get(name, ORDINARY)
