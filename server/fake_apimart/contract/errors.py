"""Every error of the vendor's API, by name.

Each function returns an ApiError for handlers to raise; how it is written to the wire is decided by
`rendering`. The tag after each description names its source, as in docs/fidelity.md.
"""

from __future__ import annotations

from fake_apimart.contract.amounts import MINIMUM_BALANCE
from fake_apimart.contract.api_error import INVALID_REQUEST, ApiError, Shape


def _gateway_error(status: int, message: str, code: str = "") -> ApiError:
    return ApiError(
        status, message, "apimart_error", shape=Shape.GATEWAY, code=code, names_request=True
    )


def invalid_api_key() -> ApiError:
    """Refuse a request with no key, an empty key or an unknown one (live)."""
    return _gateway_error(401, "invalid API key")


def invalid_url(method: str, path: str) -> ApiError:
    """Refuse a path without an operation, or with none for this method (live; text go)."""
    return ApiError(404, f"Invalid URL ({method} {path})", INVALID_REQUEST, shape=Shape.ROUTER)


def rate_limited(retry_after: int) -> ApiError:
    """Refuse a request over the rate limit for `retry_after` seconds (page; header assumed)."""
    return ApiError(
        429,
        "Rate limit exceeded. Please try again later",
        "rate_limit_error",
        shape=Shape.DOCUMENTED,
        code=429,
        headers={"Retry-After": str(retry_after)},
    )


def invalid_form(text: str, *, close: bool = False) -> ApiError:
    """Refuse a form without a readable file; `text` is Go's reason (page, go).

    `close` closes the connection after the answer, as Go does if it has stopped reading the body.
    """
    return ApiError(
        400,
        f"missing or invalid file field: {text}",
        INVALID_REQUEST,
        headers={"Connection": "close"} if close else None,
    )


def incomplete_body() -> ApiError:
    """Refuse a truncated body under an ASGI server that does not say why it ended (text go)."""
    return ApiError(400, "unexpected EOF", INVALID_REQUEST)


def file_too_large(size: int, maximum: int) -> ApiError:
    """Refuse a file of `size` bytes; `maximum` bytes are allowed (page)."""
    return ApiError(413, f"file size {size} exceeds maximum {maximum} bytes", INVALID_REQUEST)


def unsupported_image_type(content_type: str) -> ApiError:
    """Refuse a file whose type is none of the four allowed (page)."""
    return ApiError(
        400,
        f"unsupported image type: {content_type}, allowed: jpeg, png, gif, webp",
        INVALID_REQUEST,
    )


def invalid_image_content() -> ApiError:
    """Refuse an image of an allowed type that does not decode (live, once)."""
    return ApiError(400, "invalid image content", INVALID_REQUEST)


def upload_failed() -> ApiError:
    """Report that the storage failed to take the file (page)."""
    return ApiError(500, "failed to upload image", "server_error")


def insufficient_balance(token_id: int, remaining: float) -> ApiError:
    """Refuse a key that has less than the minimum left (live; keys and request id assumed).

    `token_id` is the key's number, `remaining` is in the currency.
    """
    return _gateway_error(
        402,
        f"[token_id={token_id}] insufficient balance "
        f"(current: {remaining:.6f} USD, required: {MINIMUM_BALANCE:.6f} USD)",
    )


def invalid_parameter(message: str) -> ApiError:
    """Refuse an invalid request; the message names the field (docs, else assumed)."""
    return ApiError(400, message, INVALID_REQUEST, shape=Shape.DOCUMENTED, code=400)


def build_request_failed(message: str) -> ApiError:
    """Refuse a request that the model or moderation does not accept (docs)."""
    message = f"build_request_failed: {message}"
    return ApiError(500, message, "server_error", shape=Shape.DOCUMENTED, code=500)


def content_moderation_failed() -> ApiError:
    """Refuse a prompt that moderation does not accept (docs)."""
    return build_request_failed("content moderation failed: sensitive content detected")


def invalid_task_id(language: str | None) -> ApiError:
    """Refuse the id of no task, or of another key's task (docs).

    The message is in Chinese, unless `language` is another one (docs).
    """
    message = "无效的任务ID" if language in (None, "zh") else "Invalid task ID"
    return invalid_parameter(message)


def model_not_found(model: str) -> ApiError:
    """Refuse a model that is not offered (live status and code; text base)."""
    message = f"No available channel for model {model} under group default (distributor)"
    return _gateway_error(503, message, "model_not_found")


def no_such_model(model: str) -> ApiError:
    """Report a model that the list of models does not have: an error with status 200 (base)."""
    return ApiError(
        200,
        f"The model '{model}' does not exist",
        INVALID_REQUEST,
        shape=Shape.ROUTER,
        code="model_not_found",
        param="model",
    )


def unknown_model(model: str) -> ApiError:
    """Refuse to give the schema of an unknown model (assumed)."""
    message = f"unknown model: {model}"
    return ApiError(404, message, INVALID_REQUEST, shape=Shape.DOCUMENTED, code=404)


def idempotency_key_reused() -> ApiError:
    """Refuse an Idempotency-Key that was used with another body (docs; form assumed)."""
    return ApiError(
        409,
        "Idempotency-Key was already used with a different request",
        INVALID_REQUEST,
        shape=Shape.GATEWAY,
        code="idempotency_key_reused",
    )


def forbidden() -> ApiError:
    """Refuse a key that lacks permission (docs)."""
    message = "Access forbidden. You don't have permission to access this resource"
    return ApiError(403, message, "permission_error", shape=Shape.DOCUMENTED, code=403)


def bad_gateway() -> ApiError:
    """Report that a proxy in front of the service does not reach it (docs)."""
    message = "Bad gateway. The server is temporarily unavailable"
    return ApiError(502, message, "bad_gateway", shape=Shape.DOCUMENTED, code=502)


def service_unavailable() -> ApiError:
    """Report that the service is down, or its storage failed for a task (docs; text assumed)."""
    message = "Service temporarily unavailable. Please try again later"
    return ApiError(503, message, "service_unavailable", shape=Shape.DOCUMENTED, code=503)


def channel_busy() -> ApiError:
    """Refuse a task because no upstream channel is free (live)."""
    message = "Please wait and try again later. Thank you for your patience!"
    return ApiError(
        500,
        message,
        "apimart_error",
        shape=Shape.ROUTER,
        code="get_channel_failed",
        names_request=True,
    )


def internal_error() -> ApiError:
    """Report an internal error of the server (docs)."""
    return ApiError(
        500,
        "Internal server error. Please try again later",
        "server_error",
        shape=Shape.DOCUMENTED,
        code=500,
    )


def access_denied() -> ApiError:
    """Refuse a file that has expired (live), or never existed (assumed: no permission to list)."""
    return ApiError(403, "Access Denied", shape=Shape.S3, code="AccessDenied")


def cors_not_enabled() -> ApiError:
    """Refuse a CORS preflight for a file if files have no CORS headers (assumed, as S3 does)."""
    message = "CORSResponse: CORS is not enabled for this bucket."
    return ApiError(403, message, shape=Shape.S3, code="AccessForbidden")


def precondition_failed() -> ApiError:
    """Refuse a file that is not as `If-Match` or `If-Unmodified-Since` say (go, body as on S3)."""
    message = "At least one of the pre-conditions you specified did not hold"
    return ApiError(412, message, shape=Shape.S3, code="PreconditionFailed")


def invalid_range(size: int) -> ApiError:
    """Refuse a range that starts beyond the end of a file of `size` bytes (assumed, as S3 does)."""
    return ApiError(
        416,
        "The requested range is not satisfiable",
        shape=Shape.S3,
        code="InvalidRange",
        headers={"Content-Range": f"bytes */{size}"},
    )


def file_unavailable() -> ApiError:
    """Report that a file could not be read from the storage (assumed, as S3 does)."""
    message = "Please reduce your request rate."
    return ApiError(503, message, shape=Shape.S3, code="SlowDown")
