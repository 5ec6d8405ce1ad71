"""What the control API refuses, by name. All in the shape of the upload page's errors."""

from __future__ import annotations

from fake_apimart.contract.api_error import INVALID_REQUEST, ApiError

PERMISSION = "permission_error"


def invalid_call(message: str) -> ApiError:
    """A call that cannot be; the message names the field and what is valid."""
    return ApiError(400, message, INVALID_REQUEST)


def not_json() -> ApiError:
    """A call that changes something, and that a web page's form could send."""
    return ApiError(415, "Content-Type must be application/json", INVALID_REQUEST)


def foreign_origin(origin: str) -> ApiError:
    """A call from a web page of another site."""
    return ApiError(403, f"calls from {origin} are refused", PERMISSION)


def no_bearer_key() -> ApiError:
    """A call about a world that names none."""
    message = "Authorization must be `Bearer KEY`, the key of the world that the call is about"
    return ApiError(401, message, PERMISSION)


def admin_token_needed(header: str, what: str) -> ApiError:
    """A call about the whole server, where others than this machine can reach it."""
    message = (
        f"a call about the whole server needs {header}, and that needs {what}; "
        "a call with an API key is about that key's world, and needs nothing more"
    )
    return ApiError(403, message, PERMISSION)


def unknown(what: str) -> ApiError:
    """Something that is not there."""
    return ApiError(404, f"there is no {what}", INVALID_REQUEST)


def storage_failed(cause: str) -> ApiError:
    """The store did not do its part; what was asked for may be half done."""
    return ApiError(503, f"the storage failed: {cause}", "server_error")


def needs_own_server(fault: str) -> ApiError:
    """A fault of the socket, where the socket is another ASGI server's."""
    message = (
        f"socket fault {fault} needs the server that `fake-apimart serve` starts: under another "
        "ASGI server a rule can name an error, a status or a delay"
    )
    return ApiError(400, message, INVALID_REQUEST)
