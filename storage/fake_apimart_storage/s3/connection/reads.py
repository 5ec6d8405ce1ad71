"""GETs and HEADs of objects: signed and sent by botocore, without the machinery of its clients.

A client's call takes twice the time of its own request: a set of rules finds the endpoint anew each
time, and the answer's fields are parsed one by one. What fails is left to it all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.parsers import create_parser
from botocore.response import StreamingBody

from fake_apimart_storage.interface import StorageError
from fake_apimart_storage.s3.connection.answers import check_head
from fake_apimart_storage.s3.connection.client import Connection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FIELDS = {
    "etag": "ETag",
    "content-type": "ContentType",
    "content-range": "ContentRange",
}
_METADATA = "x-amz-meta-"
_OPERATIONS = {"GET": "GetObject", "HEAD": "HeadObject"}
_FOUND = (200, 206)
_FINAL = (403, 404, 412, 416)
"""Errors that another try, or another region, does not change."""


class Reads:
    """GETs and HEADs of objects in `bucket`."""

    def __init__(self, connection: Connection, bucket: str) -> None:
        self._connection = connection
        self._client: S3Client = connection.client
        self._bucket = bucket
        self._session = connection.session()
        target = {"Bucket": bucket, "Key": "key"}
        url = self._client.generate_presigned_url("get_object", Params=target)
        self._base = url.partition("?")[0].removesuffix("key")

    def get(self, key: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer to a GET with `Range` or `If-Match`, with the fields of boto3's.

        Blocks. Raises what boto3 raises, and StorageError.
        """
        parameters: Any = {name.replace("-", ""): value for name, value in headers.items()}

        def by_client() -> dict[str, Any]:
            return dict(self._client.get_object(Bucket=self._bucket, Key=key, **parameters))

        answer, described = self._described("GET", key, headers, by_client)
        if answer is not None:
            described["Body"] = StreamingBody(answer.raw, described["ContentLength"])
        return described

    def head(self, key: str) -> dict[str, Any]:
        """Return the answer to a HEAD, with the fields of boto3's.

        Blocks. Raises what boto3 raises, and StorageError.
        """

        def by_client() -> dict[str, Any]:
            return dict(self._client.head_object(Bucket=self._bucket, Key=key))

        return self._described("HEAD", key, {}, by_client)[1]

    def _described(
        self,
        method: str,
        key: str,
        headers: Mapping[str, str],
        by_client: Callable[[], dict[str, Any]],
    ) -> tuple[Any, dict[str, Any]]:
        """Return the store's answer and its fields, or no answer and the fields of `by_client`."""
        try:
            answer: Any = self._session.send(self._signed(method, key, headers))
        except (BotoCoreError, HTTPClientError):
            return None, by_client()
        fields = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status_code not in _FOUND:
            # It reads the answer, which frees the connection.
            refusal = _refusal(answer, fields, method)
            if answer.status_code in _FINAL:
                raise refusal
            return None, by_client()
        check_head(fields)
        return answer, _fields_of(fields)

    def _signed(self, method: str, key: str, headers: Mapping[str, str]) -> Any:
        request = AWSRequest(
            method,
            self._base + quote(key, safe="/~"),
            headers=dict(headers),
            # The body of a GET is read as it comes.
            stream_output=method == "GET",
        )
        credentials = self._connection.credentials.get_frozen_credentials()
        S3SigV4Auth(credentials, "s3", self._connection.region).add_auth(request)
        return request.prepare()


def _refusal(answer: Any, fields: dict[str, str], method: str) -> ClientError:
    said: Any = {"status_code": answer.status_code, "headers": fields, "body": answer.content}
    no_shape: Any = None
    return ClientError(create_parser("rest-xml").parse(said, no_shape), _OPERATIONS[method])


def _fields_of(fields: Mapping[str, str]) -> dict[str, Any]:
    return {
        **{_FIELDS[name]: fields[name] for name in _FIELDS if name in fields},
        "ContentLength": _length(fields),
        "Metadata": {
            name.removeprefix(_METADATA): value
            for name, value in fields.items()
            if name.startswith(_METADATA)
        },
    }


def _length(fields: Mapping[str, str]) -> int:
    said = fields.get("content-length", "")
    if not (said.isascii() and said.isdecimal()):
        raise StorageError("the store's answer has no length")
    return int(said)
