"""The refusals of the control API, all in the shape of the upload page's errors."""

from __future__ import annotations

from collections.abc import Sequence

from fake_apimart_storage import StorageError

from fake_apimart.common.redaction import redacted_text
from fake_apimart.contract import errors
from fake_apimart.contract.api_error import INVALID_REQUEST, ApiError
from fake_apimart.observability.log import logger_of
from fake_apimart.observability.storage_failures import tell
from fake_apimart.worlds.state.failure import StateError

PERMISSION = "permission_error"

logger = logger_of(__name__)


def invalid_call(message: str) -> ApiError:
    """Refuse an invalid request; the message names the field and what is valid."""
    return ApiError(400, message, INVALID_REQUEST)


def too_large(maximum: int) -> ApiError:
    """Refuse a body of more than `maximum` bytes."""
    return ApiError(413, f"the body is larger than {maximum} bytes", INVALID_REQUEST)


def not_of_type(media_type: str) -> ApiError:
    """Refuse a request that changes state and that a form on any web page could send."""
    return ApiError(415, f"Content-Type must be {media_type}", INVALID_REQUEST)


def foreign_origin(origin: str) -> ApiError:
    """Refuse a request from a web page of another site."""
    return ApiError(403, f"calls from {redacted_text(origin)} are refused", PERMISSION)


def callback(header: str) -> ApiError:
    """Refuse a request that a fake APIMart sent itself, to a webhook."""
    return ApiError(403, f"calls with {header} are callbacks, and refused", PERMISSION)


def no_api_key() -> ApiError:
    """Refuse a request about a world without a key that identifies the world."""
    message = "Authorization must be `Bearer KEY`, or KEY alone: that of the world to be reached"
    return ApiError(401, message, PERMISSION)


def admin_token_needed(header: str, what: str) -> ApiError:
    """Refuse a request about the whole server where other machines can reach it."""
    message = (
        f"a call about the whole server, or a world by its id, needs {header}, and that "
        f"needs {what}; a call with an API key is about that key's world, and needs nothing more"
    )
    return ApiError(403, message, PERMISSION)


def two_worlds(parameter: str) -> ApiError:
    """Refuse a request that names a world by its key and by its id."""
    message = f"expected a key, whose world the call is about, or `{parameter}`: not both"
    return ApiError(400, message, INVALID_REQUEST)


def ambiguous(parameter: str, names: Sequence[str]) -> ApiError:
    """Refuse an id that several worlds have."""
    message = f"{parameter}: it may be {', '.join(names)}; give more digits"
    return ApiError(409, message, INVALID_REQUEST)


def unknown(what: str) -> ApiError:
    """Refuse a request for something that does not exist."""
    return ApiError(404, f"there is no {redacted_text(what)}", INVALID_REQUEST)


def over(what: str) -> ApiError:
    """Refuse to end what has ended already."""
    return ApiError(409, redacted_text(what), INVALID_REQUEST)


def storage_failed(cause: str) -> ApiError:
    """Report a failure of the storage: nothing is changed, but a reset may have deleted a part."""
    return ApiError(503, f"the storage failed: {redacted_text(cause)}", "server_error")


def state_failed(cause: str) -> ApiError:
    """Report that what servers share cannot be reached, or was begun anew meanwhile."""
    return ApiError(503, f"the shared state failed: {redacted_text(cause)}", "server_error")


def failed(failure: Exception) -> ApiError:
    """Report a failure of what the server stands on, for now, and log it.

    It is a StorageError, a StateError or a Shortage.
    """
    if isinstance(failure, StorageError):
        tell(logger, "the storage failed", failure)
        return storage_failed(str(failure))
    if isinstance(failure, StateError):
        logger.error("the shared state failed: %s", failure)
        return state_failed(str(failure))
    logger.error("not done: %s", failure)
    return errors.service_unavailable()


def needs_own_server(fault: str) -> ApiError:
    """Refuse a socket fault under another ASGI server, whose sockets are out of reach."""
    message = (
        f"socket fault {fault} needs the server that `fake-apimart serve` starts: under another "
        "ASGI server a rule can name an error, a status or a delay"
    )
    return ApiError(400, message, INVALID_REQUEST)
