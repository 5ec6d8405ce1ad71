"""A refusal of the API, and the forms in which the vendor's layers write one."""

from __future__ import annotations

from enum import Enum

INVALID_REQUEST = "invalid_request_error"
"""The commonest type of an error."""


class Shape(Enum):
    """The forms in which the vendor's layers state an error; for JSON, its keys in their order."""

    PAGE = ("message", "type")
    """The upload page's own errors."""
    DOCUMENTED = ("code", "message", "type")
    """The table of statuses in the documentation; `code` is the status."""
    GATEWAY = ("code", "message", "param", "type")
    """The gateway in front of all handlers."""
    ROUTER = ("message", "type", "param", "code")
    """The gateway's answer where no route matches."""
    S3 = ()
    """The XML of the store that file URLs lead to."""


class ApiError(Exception):
    """A refusal: HTTP status, message and type, and what the shape asks for beside them.

    `names_request` puts the request's id behind the message.
    """

    def __init__(
        self,
        status: int,
        message: str,
        type: str = "",
        *,
        shape: Shape = Shape.PAGE,
        code: int | str = "",
        names_request: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.shape = shape
        self.code = code
        self.param = ""
        self.names_request = names_request
        self.headers = headers or {}
