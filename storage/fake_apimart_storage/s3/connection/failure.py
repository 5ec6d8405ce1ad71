"""The border to the store: whatever goes wrong beyond it is a StorageError of one line.

It is a border and no list of exceptions: boto3 raises its own, those of urllib3 and of the standard
library, and, where an answer is none of S3's, whatever its parsers stumble over.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from fake_apimart_storage.interface import ObjectNotFound, StorageError

# The messages of boto3 contain the endpoint, whose user info may hold a password.
_USERINFO = re.compile(r"//\S*@")

_MAX_MESSAGE_CHARACTERS = 500
"""How much is shown of a message, which may quote the store's whole answer."""

_MISSING = ("NoSuchKey", "NoSuchUpload")
"""The error codes of S3 for what is not there."""

_CAUSES = {
    "InvalidAccessKeyId": "the access key id is unknown there (AWS_ACCESS_KEY_ID)",
    "SignatureDoesNotMatch": "the secret key is wrong (AWS_SECRET_ACCESS_KEY)",
    "NoSuchBucket": "there is no such bucket",
    "AccessDenied": "access denied",
    "RequestTimeTooSkewed": "this machine's clock and the store's differ too much",
    "ExpiredToken": "the credentials have expired",
    "InvalidToken": "the session token is wrong (AWS_SESSION_TOKEN)",
    "AuthorizationHeaderMalformed": "the region is wrong (AWS_REGION)",
    "PermanentRedirect": "the bucket is in another region (AWS_REGION)",
    "IllegalLocationConstraintException": "the bucket is in another region (AWS_REGION)",
    "SecondLevelDomainForbidden": (
        "the store wants the bucket in the host name (FAKE_APIMART_S3_ADDRESSING=virtual)"
    ),
}
"""Explanations by S3's error code."""

_GENERAL = ("AccessDenied",)
"""Codes whose explanation says so little that the store's own words follow it."""

_FAILED_CALL = "the call of the store failed"
"""What is said of an exception that is neither the store's answer nor one of boto3's own."""

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def failures_of_the_store(unexpected: str = _FAILED_CALL) -> Iterator[None]:
    """Raise what fails inside as StorageError, or as ObjectNotFound where the store says so.

    The message is one line, which begins with `unexpected` where the exception alone would not say
    what it is about. The traceback is in the log at the level of debugging alone.
    """
    try:
        yield
    except (ObjectNotFound, StorageError):
        raise
    except Exception as error:
        logger.debug("the store failed", exc_info=True)
        if code_of(error) in _MISSING:
            raise ObjectNotFound(_line(error)) from error
        raise StorageError(cause_of(error, unexpected)) from error


def without_user_info(text: str) -> str:
    """Return `text` without what stands before the host in each URL, even if it is no valid one."""
    return _USERINFO.sub("//", text)


def code_of(error: BaseException) -> str:
    """Return the error code of S3, or an empty string if the store sent no error."""
    return _shown(_error_of(error).get("Code"))


def was_refused(error: BaseException) -> bool:
    """Return whether the store has said that it did not do what was asked for."""
    cause = error.__cause__ or error
    if not isinstance(cause, ClientError) or not code_of(cause):
        return False
    status = cause.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return 400 <= status < 500


def cause_of(error: BaseException, unexpected: str = _FAILED_CALL) -> str:
    """Return the cause of a failure in one line."""
    if isinstance(error, TimeoutError):
        return "the store did not answer in time"
    if isinstance(error, ClientError):
        return cause_in(_error_of(error)) or _status_line(error)
    if isinstance(error, ResponseParserError):
        return f"the store's answer cannot be read: {_line(error)}"
    if isinstance(error, BotoCoreError | OSError):
        return _line(error)
    return f"{unexpected}: {_line(error)}"


def cause_in(said: Mapping[str, Any]) -> str:
    """Return the cause that code and message of an error of S3's state, empty if both are.

    The code is at the end, since logs would take one such as `CredentialsNotSupported: ` for the
    name of a secret, and hide what follows.
    """
    code, message = _shown(said.get("Code")), _shown(said.get("Message"))
    cause = _CAUSES.get(code)
    if cause is None:
        return f"{message} ({code})" if code and message else code or message
    if code in _GENERAL and message and message.rstrip(".").lower() != cause:
        return f"{cause}: {message} ({code})"
    return f"{cause} ({code})"


def _status_line(error: ClientError) -> str:
    metadata = error.response.get("ResponseMetadata") if isinstance(error.response, dict) else None
    status = metadata.get("HTTPStatusCode") if isinstance(metadata, dict) else None
    return _line(error) if status is None else f"the store answers {status}, and says no more"


def _error_of(error: BaseException) -> Mapping[str, Any]:
    response = error.response if isinstance(error, ClientError) else None
    said = response.get("Error") if isinstance(response, Mapping) else None
    return said if isinstance(said, Mapping) else {}


def _line(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        # boto3 makes some messages of what the store has sent.
        logger.debug("a failure has no message", exc_info=True)
        text = ""
    return _shown(text) or type(error).__name__


def _shown(said: object) -> str:
    """Return what the store or boto3 said in one line of text, cut, and without user info."""
    text = " ".join(str(said or "").split())[:_MAX_MESSAGE_CHARACTERS]
    printable = "".join(each if each.isprintable() else "\ufffd" for each in text)
    return without_user_info(printable)


def field_of(response: Mapping[str, Any], name: str) -> Any:
    """Return a field of the store's answer. Raises StorageError where it is missing."""
    try:
        return response[name]
    except KeyError:
        raise StorageError(f"the store's answer has no {name}") from None
