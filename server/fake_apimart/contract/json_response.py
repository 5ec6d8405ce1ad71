"""A JSON response with the same bytes as the vendor's server writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from fake_apimart.go.json import marshal

_CONTENT_TYPE = (b"content-type", b"application/json; charset=utf-8")


class JSONResponse(Response):
    """A response of JSON as Go's `encoding/json` writes it, keys in the order given (live/go)."""

    def __init__(
        self, content: Any, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status_code = status
        self.background = None
        self.body = marshal(content)
        # Set here because Starlette's own `init_headers` takes as long as writing the JSON.
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), _CONTENT_TYPE]
        for name, value in (headers or {}).items():
            self.headers.append(name, value)
