"""The cause of a store's failure, in one line and without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from fake_apimart_storage.interface import StorageError

_GARBAGE = (
    ResponseParserError,
    HTTPError,
    AttributeError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What boto3 raises where the answer is none of S3's."""
FAILURES = (BotoCoreError, ClientError, HTTPClientError, OSError, *_GARBAGE)
"""What a call of boto3 raises if the store fails."""

# The messages of boto3 contain the endpoint, whose user info may hold a password.
_USERINFO = re.compile(r"//\S*@")

MAX_MESSAGE_CHARACTERS = 500
"""How much is shown of a message, which may quote the store's whole answer."""

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
}
"""Explanations by S3's error code."""


def without_user_info(text: str) -> str:
    """Return `text` without what stands before the host in each URL, even if it is no valid one."""
    return _USERINFO.sub("//", text)


def code_of(error: BaseException) -> str:
    """Return the error code of S3, or an empty string if the store sent no error."""
    return str(error.response["Error"].get("Code") or "") if isinstance(error, ClientError) else ""


def cause_of(error: BaseException) -> str:
    """Return the cause of a timeout or of an exception of boto3 in one line."""
    if isinstance(error, TimeoutError):
        return "the store did not answer in time"
    if isinstance(error, _GARBAGE):
        return f"the store's answer cannot be read: {_line_of(error)}"
    if not isinstance(error, ClientError):
        return _line_of(error)
    code = code_of(error)
    message = " ".join(str(error.response["Error"].get("Message") or "").split())
    cause = _CAUSES.get(code)
    return f"{cause} ({code})" if cause else f"{code}: {message}"


def _line_of(error: BaseException) -> str:
    text = " ".join(str(error).split())[:MAX_MESSAGE_CHARACTERS]
    return without_user_info(text) or type(error).__name__


def field_of(response: Mapping[str, Any], name: str) -> Any:
    """Return a field of the store's answer. Raises StorageError where it is missing."""
    try:
        return response[name]
    except KeyError:
        raise StorageError(f"the store's answer has no {name}") from None
