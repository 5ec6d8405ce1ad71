"""An answer as it came over the wire."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What came back for a request."""

    status: int
    reason: str
    headers: Sequence[tuple[str, str]]
    """Names in lower case."""
    body: bytes
    is_open: bool
    """Whether the connection can be used for another request."""
    version: str = "HTTP/1.1"

    def header(self, name: str) -> str | None:
        """Return the values of a header, by commas where there are several; None for none."""
        values = [value for each, value in self.headers if each == name]
        return ", ".join(values) if values else None

    def json(self) -> Any:
        """Return what the body says as JSON. Raises ValueError, for a repeated name too."""
        try:
            # Given bytes, it would take UTF-16 and a byte order mark too.
            return json.loads(self.body.decode(), object_pairs_hook=_unique, parse_constant=_refuse)
        except RecursionError:
            raise ValueError("it is nested too deep") from None


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise ValueError("a name stands twice in an object")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
