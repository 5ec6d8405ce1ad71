"""How each operation is described in the OpenAPI document, by the name of its handler."""

from __future__ import annotations

from fake_apimart.contract.documentation import Documentation
from fake_apimart.contract.operations import OPERATIONS

DOCUMENTATION: dict[str, Documentation] = {
    each.handler: Documentation(
        tag=each.name.partition(".")[0],
        summary=each.name,
        answers=(),
        parameters=dict.fromkeys(("name", "task_id", "model", "language", "operation"), ""),
    )
    for each in OPERATIONS
}
