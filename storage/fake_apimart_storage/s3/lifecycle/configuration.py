"""The rules of a bucket, exchanged with the store as bytes.

boto3 drops what it does not know. So the document is taken before boto3 parses it, and goes back in
place of what boto3 has serialized, by events that botocore documents.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from fake_apimart_storage.interface import ObjectNotFound, StorageError
from fake_apimart_storage.s3.batches.digest import content_md5
from fake_apimart_storage.s3.connection.client import heard
from fake_apimart_storage.s3.connection.failure import code_of, failures_of_the_store
from fake_apimart_storage.s3.lifecycle.document import EMPTY, UnusableDocument
from fake_apimart_storage.s3.lifecycle.merging import merged
from fake_apimart_storage.s3.lifecycle.rule import Rule

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_READ_EVENT = "before-parse.s3.GetBucketLifecycleConfiguration"
_WRITE_EVENT = "before-call.s3.PutBucketLifecycleConfiguration"
_TRANSITION_HEADER = "x-amz-transition-default-minimum-object-size"
"""What belongs to the rules beside their document."""

logger = logging.getLogger(__name__)


class _Stored(NamedTuple):
    """The rules as the store has them; `transition` is empty where the store states none."""

    document: bytes
    transition: str = ""


def set_lifecycle(
    client: S3Client, bucket: str, wanted: Sequence[Rule], retired: Collection[str] = ()
) -> bool:
    """Let the store expire objects, for the case that this server no longer runs.

    Nothing is written where the rules are there already. What cannot be done is logged: rules of
    others come first. `retired` are prefixes whose rules of earlier versions are taken away; the
    result says whether there were any.
    """
    try:
        with failures_of_the_store():
            stored = _read(client, bucket)
        document, found = merged(stored.document, wanted, retired)
        with failures_of_the_store():
            if not document:
                client.delete_bucket_lifecycle(Bucket=bucket)
            elif document != stored.document:
                _write(client, bucket, stored._replace(document=document))
    except UnusableDocument as problem:
        _warn(bucket, f"its rules cannot be changed safely: {problem}")
    except (ObjectNotFound, StorageError) as error:
        _warn(bucket, str(error))
    else:
        return found
    return False


def _warn(bucket: str, problem: str) -> None:
    logger.warning(
        "no lifecycle rule on the bucket %s, only this server deletes old files: %s",
        bucket,
        problem,
    )


def _read(client: S3Client, bucket: str) -> _Stored:
    found: list[_Stored] = []

    def take(response_dict: MutableMapping[str, Any], **_: object) -> None:
        headers = {name.lower(): value for name, value in response_dict["headers"].items()}
        found.append(_Stored(response_dict["body"], headers.get(_TRANSITION_HEADER, "")))

    try:
        with heard(client, _READ_EVENT, take):
            client.get_bucket_lifecycle_configuration(Bucket=bucket)
    except ClientError as error:
        if code_of(error) != "NoSuchLifecycleConfiguration":
            raise
        return _Stored(EMPTY)
    # An attempt that failed, before the last one, was parsed too.
    return found[-1]


def _write(client: S3Client, bucket: str, stored: _Stored) -> None:
    def put(params: MutableMapping[str, Any], **_: object) -> None:
        params["body"] = stored.document
        # Many stores know no other checksum, which this call must have.
        params["headers"]["Content-MD5"] = content_md5(stored.document)
        if stored.transition:
            params["headers"][_TRANSITION_HEADER] = stored.transition

    with heard(client, _WRITE_EVENT, put):
        client.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": []}
        )
