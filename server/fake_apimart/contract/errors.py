"""Every refusal of the vendor's, by name.

Handlers raise what these functions build; none knows how an error looks on the wire. The tag behind
each description names its source, as in docs/fidelity.md.
"""

from __future__ import annotations

from fake_apimart.contract.api_error import INVALID_REQUEST, ApiError, Shape


def _gateway_error(status: int, message: str, code: str = "") -> ApiError:
    return ApiError(
        status, message, "apimart_error", shape=Shape.GATEWAY, code=code, names_request=True
    )


def invalid_api_key() -> ApiError:
    """No key, an empty or an unknown one (live)."""
    return _gateway_error(401, "invalid API key")


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


def insufficient_balance() -> ApiError:
    """Nothing is left to pay a task with (live status; shape assumed)."""
    return _gateway_error(402, "insufficient balance")


def invalid_parameter(message: str) -> ApiError:
    """A generation request that cannot be; the message names the field (docs, else assumed)."""
    return ApiError(400, message, INVALID_REQUEST, shape=Shape.DOCUMENTED, code=400)


def build_request_failed(message: str) -> ApiError:
    """A request that the model refuses, or moderation (docs)."""
    message = f"build_request_failed: {message}"
    return ApiError(500, message, "server_error", shape=Shape.DOCUMENTED, code=500)


def content_moderation_failed() -> ApiError:
    """A prompt that moderation refuses (docs)."""
    return build_request_failed("content moderation failed, please adjust the prompt")


def invalid_task_id(language: str | None) -> ApiError:
    """No such task, or another key's; in Chinese, unless another `language` was named (docs)."""
    message = "无效的任务ID" if language in (None, "zh") else "Invalid task ID"
    return invalid_parameter(message)


def model_not_found(model: str) -> ApiError:
    """A model that is not offered (live status and code; text assumed)."""
    message = f"No available channel for model {model}"
    return _gateway_error(503, message, "model_not_found")


def unknown_model(model: str) -> ApiError:
    """A schema asked for of a model that is not known (assumed)."""
    message = f"unknown model: {model}"
    return ApiError(404, message, INVALID_REQUEST, shape=Shape.DOCUMENTED, code=404)


def idempotency_key_reused() -> ApiError:
    """The same Idempotency-Key with another body (docs; form assumed)."""
    return ApiError(
        409,
        "Idempotency-Key was already used with a different request",
        INVALID_REQUEST,
        shape=Shape.GATEWAY,
        code="idempotency_key_reused",
    )


def forbidden() -> ApiError:
    """A key that may not do this (docs; text assumed)."""
    message = "You do not have permission to access this resource"
    return ApiError(403, message, "permission_error", shape=Shape.DOCUMENTED, code=403)


def bad_gateway() -> ApiError:
    """What stands before the service does not reach it (docs)."""
    message = "Bad gateway. The server is temporarily unavailable"
    return ApiError(502, message, "bad_gateway", shape=Shape.DOCUMENTED, code=502)


def service_unavailable() -> ApiError:
    """The service is down, or its store did not take or give a task (docs; text assumed)."""
    message = "Service temporarily unavailable. Please try again later"
    return ApiError(503, message, "service_unavailable", shape=Shape.DOCUMENTED, code=503)


def channel_busy() -> ApiError:
    """No upstream is free to take a task (live)."""
    message = "Please wait and try again later. Thank you for your patience!"
    return ApiError(503, message, "apimart_error", shape=Shape.GATEWAY, code="get_channel_failed")


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
