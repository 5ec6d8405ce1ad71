"""An error of the API, and the shapes in which the vendor's layers write errors."""

from __future__ import annotations

from enum import Enum

INVALID_REQUEST = "invalid_request_error"
"""The most common `type` of an error."""


class Shape(Enum):
    """The shape of an error, by the layer that writes it; for JSON, its keys in order."""

    PAGE = ("message", "type")
    """The upload page's own errors."""
    DOCUMENTED = ("code", "message", "type")
    """The errors in the documentation's table of statuses; `code` is the status."""
    GATEWAY = ("code", "message", "param", "type")
    """Errors of the gateway in front of all handlers."""
    ROUTER = ("message", "type", "param", "code")
    """The gateway's error if no route matches."""
    S3 = ()
    """The XML errors of the store that serves file URLs."""


class ApiError(Exception):
    """An error to answer with: HTTP status, message, type, and what else its shape contains.

    `names_request` appends the request id to the message.
    """

    def __init__(
        self,
        status: int,
        message: str,
        type: str = "",
        *,
        shape: Shape = Shape.PAGE,
        code: int | str = "",
        param: str = "",
        names_request: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.shape = shape
        self.code = code
        self.param = param
        self.names_request = names_request
        self.headers = headers or {}
