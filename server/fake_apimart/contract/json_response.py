"""A JSON response with the same bytes as the vendor's server writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.responses import Response

from fake_apimart.go.json import marshal

_CONTENT_TYPE = (b"content-type", b"application/json; charset=utf-8")


class JSONResponse(Response):
    """A response of JSON as Go's `encoding/json` writes it, keys in the order given (live/go)."""

    body: bytes

    def __init__(
        self, content: Any, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self._set(marshal(content), status, headers or {})

    def _set(self, body: bytes, status: int, headers: Mapping[str, str]) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        # Set here because Starlette's own `init_headers` takes as long as writing the JSON.
        self.raw_headers = [(b"content-length", b"%d" % len(self.body)), _CONTENT_TYPE]
        for name, value in headers.items():
            self.headers[name] = value


class JSONListResponse(JSONResponse):
    """An object with a list of values that are encoded already, and with other fields behind it.

    A long list is encoded value by value, with pauses, where all at once would hold up the server.
    """

    def __init__(self, name: str, values: Iterable[bytes], **others: Any) -> None:
        fields = [marshal(name) + b":[" + b",".join(values) + b"]"]
        fields += [marshal(other) + b":" + marshal(value) for other, value in others.items()]
        self._set(b"{%b}" % b",".join(fields), 200, {})
