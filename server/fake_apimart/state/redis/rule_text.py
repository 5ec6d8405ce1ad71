"""Rules as they are kept in Redis: as JSON."""

from __future__ import annotations

import base64
import json
from typing import Any

from fake_apimart.go.json import marshal
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
            "bytes": rule.bytes,
            "source": rule.source,
        }
    )


def rule_of(rule_id: int, used: int, body: bytes) -> Rule:
    """Return the rule that `body_of` described."""
    described: dict[str, Any] = json.loads(body)
    answer = described.pop("answer")
    rule = Rule(**described, id=rule_id, used=used)
    if answer is not None:
        headers = tuple((name, value) for name, value in answer["headers"])
        rule.answer = RawAnswer(answer["status"], headers, base64.b64decode(answer["body"]))
    return rule


def permanent(rules: tuple[Rule, ...]) -> bytes:
    """Return rules as scripts take those that a key's name implies."""
    return marshal(
        [
            {
                "operation": rule.operation,
                "times": "",
                "after": 0,
                "body": body_of(rule).decode(),
            }
            for rule in rules
        ]
    )
