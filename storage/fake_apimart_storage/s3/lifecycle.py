"""The lifecycle rules by which a bucket deletes what has long expired."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

SHORTEST_DAYS = 4
_SECONDS_PER_DAY = 86_400
_ID = "fake-apimart:"
# S3 allows no longer ids.
_ID_CHARACTERS = 255

Rule = dict[str, Any]


def rule(prefix: str, lifetime: int) -> Rule:
    """The rule for objects below `prefix`, which live `lifetime` seconds.

    Days count from midnight in UTC, so that one more is granted.
    """
    days = max(SHORTEST_DAYS, math.ceil(lifetime / _SECONDS_PER_DAY) + 1)
    return {
        "ID": (_ID + prefix)[:_ID_CHARACTERS],
        "Filter": {"Prefix": prefix},
        "Status": "Enabled",
        "Expiration": {"Days": days},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }


def rules_with_ours(rules: Sequence[Rule], lifetimes: Mapping[str, int]) -> list[Rule]:
    """`rules` with ours for each prefix, and everybody else's as they are."""
    ours = {each["ID"]: each for each in (rule(*item) for item in lifetimes.items())}
    result = [_stored(each, ours.pop(each.get("ID", ""), each)) for each in rules]
    return result + list(ours.values())


def _stored(stored: Rule, wanted: Rule) -> Rule:
    """`stored` where it says all that the store can keep of `wanted`."""
    known = {name: wanted[name] for name in stored if name in wanted}
    return stored if known == stored and "Expiration" in known else wanted
