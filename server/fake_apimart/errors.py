"""Every refusal there is, by name, and the one place that writes them out.

Handlers raise what the functions below build; none knows how an error looks on the wire. The tag
behind each names its source, as in docs/fidelity.md.
"""

from __future__ import annotations

from enum import Enum
from html import escape

from starlette.responses import Response

from fake_apimart.json_response import JSONResponse

INVALID_REQUEST = "invalid_request_error"


class Shape(Enum):
    """The forms in which the vendor's layers state an error; for JSON, its keys in their order."""

    PAGE = ("message", "type")
    """The upload page's own errors."""
    DOCUMENTED = ("code", "message", "type")
    """The table of statuses in the documentation; `code` is the status."""
    GATEWAY = ("code", "message", "param", "type")
    """The gateway in front of all handlers; the message ends in the request's id."""
    ROUTER = ("message", "type", "param", "code")
    """The gateway's answer where no route matches."""
    S3 = ()
    """The XML of the store that file URLs lead to."""


class ApiError(Exception):
    """A refusal: HTTP status, message and type, and what the shape asks for beside them."""

    def __init__(
        self,
        status: int,
        message: str,
        type: str = "",
        *,
        shape: Shape = Shape.PAGE,
        code: int | str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.shape = shape
        self.code = code
        self.param = ""
        self.headers = headers or {}


def render(error: ApiError, request_id: str) -> Response:
    """The answer that states `error` to the client of the request `request_id`."""
    if error.shape is Shape.S3:
        return _render_xml(error, request_id)
    fields = {key: getattr(error, key) for key in error.shape.value}
    if error.shape is Shape.GATEWAY:
        fields["message"] += f" (request id: {request_id})"
    return JSONResponse({"error": fields}, error.status, error.headers)


def _render_xml(error: ApiError, request_id: str) -> Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
        f"<RequestId>{request_id}</RequestId></Error>"
    )
    return Response(body, error.status, error.headers, media_type="application/xml")


def invalid_api_key() -> ApiError:
    """No key, an empty or an unknown one (live)."""
    return ApiError(401, "invalid API key", "apimart_error", shape=Shape.GATEWAY)


def invalid_url(method: str, path: str) -> ApiError:
    """No operation at this path, or not by this method (live; text go)."""
    return ApiError(404, f"Invalid URL ({method} {path})", INVALID_REQUEST, shape=Shape.ROUTER)


def rate_limited(retry_after: int) -> ApiError:
    """Too many requests; good again in `retry_after` seconds (page; header assumed)."""
    return ApiError(
        429,
        "Rate limit exceeded. Please try again later",
        "rate_limit_error",
        shape=Shape.DOCUMENTED,
        code=429,
        headers={"Retry-After": str(retry_after)},
    )


def invalid_form(text: str, *, close: bool = False) -> ApiError:
    """No file in the form, for the reason that Go states (page, go).

    `close` ends the connection with the answer, as Go does where it read no further.
    """
    return ApiError(
        400,
        f"missing or invalid file field: {text}",
        INVALID_REQUEST,
        headers={"Connection": "close"} if close else None,
    )


def file_too_large(size: int, maximum: int) -> ApiError:
    """A file of `size` bytes, where `maximum` are allowed (page)."""
    return ApiError(413, f"file size {size} exceeds maximum {maximum} bytes", INVALID_REQUEST)


def unsupported_image_type(content_type: str) -> ApiError:
    """A file of a type that is none of the four (page)."""
    return ApiError(
        400,
        f"unsupported image type: {content_type}, allowed: jpeg, png, gif, webp",
        INVALID_REQUEST,
    )


def invalid_image_content() -> ApiError:
    """A picture of an allowed type that does not decode (live, once)."""
    return ApiError(400, "invalid image content", INVALID_REQUEST)


def upload_failed() -> ApiError:
    """The store did not take the file (page)."""
    return ApiError(500, "failed to upload image", "server_error")


def internal_error() -> ApiError:
    """A fault of the server itself (docs)."""
    return ApiError(
        500,
        "Internal server error. Please try again later",
        "server_error",
        shape=Shape.DOCUMENTED,
        code=500,
    )


def access_denied() -> ApiError:
    """A file that expired (live) or never was (assumed: a store without the right to list)."""
    return ApiError(403, "Access Denied", shape=Shape.S3, code="AccessDenied")


def cors_not_enabled() -> ApiError:
    """A preflight at a file, where files carry no CORS headers (assumed, as S3 answers)."""
    message = "CORSResponse: CORS is not enabled for this bucket."
    return ApiError(403, message, shape=Shape.S3, code="AccessForbidden")


def invalid_range(size: int) -> ApiError:
    """A range that begins behind the end of a file of `size` bytes (assumed, as S3 answers)."""
    return ApiError(
        416,
        "The requested range is not satisfiable",
        shape=Shape.S3,
        code="InvalidRange",
        headers={"Content-Range": f"bytes */{size}"},
    )


def file_unavailable() -> ApiError:
    """The store could not be read (assumed, as S3 answers)."""
    message = "Please reduce your request rate."
    return ApiError(503, message, shape=Shape.S3, code="SlowDown")
