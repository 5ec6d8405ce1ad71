"""The languages, and an entry of the journal in each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fake_apimart.page.snippets.call import Call
from fake_apimart.page.snippets.curl import curl_of
from fake_apimart.page.snippets.javascript import javascript_of
from fake_apimart.page.snippets.pytest_test import pytest_of
from fake_apimart.page.snippets.python import python_of
from fake_apimart.page.snippets.reading import call_of

Write = Callable[[Mapping[str, Any], Call, str], str]
"""Returns the text for an entry, its call and the base URL of this server."""

SNIPPETS: dict[str, Write] = {
    "curl": lambda entry, call, base_url: curl_of(call, base_url),
    "python": lambda entry, call, base_url: python_of(call, base_url),
    "javascript": lambda entry, call, base_url: javascript_of(call, base_url),
    "pytest": lambda entry, call, base_url: pytest_of(entry, call),
}
"""By the name of the language."""


def snippets_of(entry: Mapping[str, Any], base_url: str) -> dict[str, str]:
    """Return an entry of the journal, in the control API's form, as code of each language.

    `base_url` is where this server is reached, without a slash at its end.
    """
    call = call_of(entry)
    return {name: write(entry, call, base_url) for name, write in SNIPPETS.items()}
