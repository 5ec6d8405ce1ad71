"""The cause of a store's failure, in one line and without secrets."""

from __future__ import annotations

import re

from botocore.exceptions import ClientError

# The messages of boto3 contain the endpoint, whose user info may hold a password.
_USERINFO = re.compile(r"//\S*@")

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
    return error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""


def cause_of(error: BaseException) -> str:
    """Return the cause of a timeout or of an exception of boto3 in one line."""
    if isinstance(error, TimeoutError):
        return "the store did not answer in time"
    if not isinstance(error, ClientError):
        return without_user_info(" ".join(str(error).split())) or type(error).__name__
    code = code_of(error)
    message = " ".join(error.response["Error"].get("Message", "").split())
    cause = _CAUSES.get(code)
    return f"{cause} ({code})" if cause else f"{code}: {message}"
