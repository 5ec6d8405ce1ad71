"""A JSON answer in the very bytes that the vendor's server writes."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from fake_apimart.go.json import marshal


class JSONResponse(Response):
    """`content` as Go's `encoding/json` writes it, keys in the order given (live/go)."""

    media_type = "application/json; charset=utf-8"

    def render(self, content: Any) -> bytes:
        return marshal(content)
