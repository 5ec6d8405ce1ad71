"""Lifecycle rules, by which the store itself deletes objects some days after they expired."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

MIN_DAYS = 4
"""Shortest lifetime that a rule is given, in days."""
_SECONDS_PER_DAY = 86_400
_ID_PREFIX = "fake-apimart:"
_MAX_ID_LENGTH = 255
"""S3's limit."""

Rule = dict[str, Any]


def lifecycle_rule(prefix: str, lifetime: int) -> Rule:
    """Return the rule for objects below `prefix`, which live `lifetime` seconds.

    Stores count days from midnight UTC, so the rule adds one day.
    """
    days = max(MIN_DAYS, math.ceil(lifetime / _SECONDS_PER_DAY) + 1)
    return {
        "ID": (_ID_PREFIX + prefix)[:_MAX_ID_LENGTH],
        "Filter": {"Prefix": prefix},
        "Status": "Enabled",
        "Expiration": {"Days": days},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }


def merge_rules(rules: Sequence[Rule], lifetimes: Mapping[str, int]) -> list[Rule]:
    """Return `rules` with ours added or replaced, and rules of others unchanged."""
    ours = {rule["ID"]: rule for rule in (lifecycle_rule(*item) for item in lifetimes.items())}
    merged = [_keep_if_equal(rule, ours.pop(rule.get("ID", ""), rule)) for rule in rules]
    return merged + list(ours.values())


def _keep_if_equal(stored: Rule, desired: Rule) -> Rule:
    """Return `stored` if it equals `desired` in all fields that the store has kept."""
    known = {name: desired[name] for name in stored if name in desired}
    return stored if known == stored and "Expiration" in known else desired
