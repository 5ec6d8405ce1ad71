"""What went wrong with a store, in one line and without secrets."""

from __future__ import annotations

import re

from botocore.exceptions import ClientError

# boto3 repeats the endpoint as it was given, with a password that may be in it.
_USERINFO = re.compile(r"//[^/@\s]*@")

_WORDS = {
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
"""By S3's error code."""


def code_of(error: BaseException) -> str:
    """S3's own code of an error, or nothing where the store did not answer."""
    return error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""


def cause_of(error: BaseException) -> str:
    """The cause of an error of boto3, as one line."""
    if isinstance(error, TimeoutError):
        return "the store did not answer in time"
    if not isinstance(error, ClientError):
        return _USERINFO.sub("//", " ".join(str(error).split())) or type(error).__name__
    code = code_of(error)
    message = " ".join(error.response["Error"].get("Message", "").split())
    words = _WORDS.get(code)
    return f"{words} ({code})" if words else f"{code}: {message}"
