"""The call as a test with the fixture `apimart`, which checks what was answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fake_apimart.page.snippets.arrangement import arrangement_of
from fake_apimart.page.snippets.call import Call
from fake_apimart.page.snippets.expectation import assertions
from fake_apimart.page.snippets.python import Writing, indented, request_lines

KEY = "apimart.api_key"


def pytest_of(entry: Mapping[str, Any], call: Call) -> str:
    """Return a module with one test."""
    arranged = arrangement_of(entry, call)
    writing = Writing(
        arranged.url, KEY, arranged.headers, json=arranged.json, seconds=arranged.seconds
    )
    notes = [f"# {note}" for note in call.notes]
    if arranged.raises:
        sent = [f"with pytest.raises({arranged.raises}):"]
        sent += indented(request_lines(call, writing))
    else:
        checks = [*assertions(entry, call)]
        sent = [*request_lines(call, writing, "response = " if checks else ""), *checks]
    name = (entry["operation"] or "unknown").replace(".", "_")
    lines = [
        *(["import pytest"] if arranged.raises else []),
        *("import requests", "", ""),
        f"def test_{name}(apimart):",
        *indented([*notes, *arranged.before, *sent]),
    ]
    return "\n".join(lines) + "\n"
