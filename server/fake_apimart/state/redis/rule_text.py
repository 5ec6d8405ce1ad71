"""Rules as they are kept in Redis: as JSON."""

from __future__ import annotations

import base64
import json
from typing import Any

from fake_apimart.go.json import marshal
from fake_apimart.http.socket_faults import Dribble
from fake_apimart.worlds.faults import RawAnswer, Rule


def body_of(rule: Rule) -> bytes:
    """Return what a rule does, and how often, as JSON."""
    answer = rule.answer and {
        "status": rule.answer.status,
        "headers": rule.answer.headers,
        "body": base64.b64encode(rule.answer.body).decode(),
    }
    return marshal(
        {
            "operation": rule.operation,
            "error": rule.error,
            "answer": answer,
            "socket": rule.socket,
            "delay": rule.delay,
            "times": rule.times,
            "after": rule.after,
            "every": rule.every,
            "where": rule.where,
            "headers": rule.headers,
            "dribble": rule.dribble,
            "bytes": rule.bytes,
            "source": rule.source,
        }
    )


def rule_of(rule_id: int, used: int, body: bytes) -> Rule:
    """Return the rule that `body_of` described."""
    described: dict[str, Any] = json.loads(body)
    answer, headers, dribble = (described.pop(name) for name in ("answer", "headers", "dribble"))
    rule = Rule(**described, headers=_pairs(headers), id=rule_id, used=used)
    rule.dribble = dribble and Dribble(*dribble)
    if answer is not None:
        body = base64.b64decode(answer["body"])
        rule.answer = RawAnswer(answer["status"], _pairs(answer["headers"]), body)
    return rule


def _pairs(headers: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in headers)


def conditions_of(rule: Rule) -> bytes:
    """Return the conditions of a rule as JSON, nothing where it has none."""
    return marshal(rule.where) if rule.where else b""


def permanent(rules: tuple[Rule, ...]) -> bytes:
    """Return rules as scripts take those that a key's name implies."""
    return marshal(
        [
            {
                "operation": rule.operation,
                "times": "",
                "after": 0,
                "every": 1,
                "where": "",
                "body": body_of(rule).decode(),
            }
            for rule in rules
        ]
    )
