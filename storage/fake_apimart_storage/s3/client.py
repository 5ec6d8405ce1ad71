"""boto3's client for a store, configured from the environment and files of all AWS tools."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from fake_apimart_storage.interface import StorageError
from fake_apimart_storage.s3.failure import cause_of, without_user_info

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 3
READ_SECONDS = 5
ATTEMPTS = 2
"""Together with the timeouts above, a call to a store that hangs fails within 13 seconds."""

_AMAZON = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


class Connection:
    """The client for the store, one that presigns URLs, and their credentials.

    URLs are presigned for `public_endpoint`, if that is given, else for the client's endpoint.
    `connections` is the size of the connection pool. Raises StorageError.
    """

    def __init__(self, connections: int, public_endpoint: str = "") -> None:
        try:
            self._session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
            self.region = self._session.region_name or "us-east-1"
            self._credentials = self._session.get_credentials()
            if self._credentials is None:
                raise StorageError(
                    "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                    "or AWS_PROFILE"
                )
            self.client = self._client(connections)
            self.presigning = (
                self._client(connections, public_endpoint) if public_endpoint else self.client
            )
        except (BotoCoreError, ValueError) as error:
            raise StorageError(cause_of(error)) from error
        self.endpoint = _without_secrets(self.client.meta.endpoint_url)

    def _client(self, connections: int, endpoint: str | None = None) -> S3Client:
        client = self._with_style("auto", connections, endpoint)
        if is_amazon(client.meta.endpoint_url):
            return client
        # Only Amazon is sure to have a host name for each bucket.
        return self._with_style("path", connections, endpoint)

    def _with_style(
        self, style: Literal["auto", "path"], connections: int, endpoint: str | None
    ) -> S3Client:
        config = Config(
            region_name=self.region,
            signature_version="s3v4",
            # Hashing each body, here and in the store, takes over a tenth of a large upload.
            s3={"addressing_style": style, "payload_signing_enabled": False},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            max_pool_connections=connections,
            # Many stores reject the checksums that boto3 adds by default.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return self._session.client("s3", endpoint_url=endpoint, config=config)

    def credentials_outlast(self, seconds: int) -> bool:
        """Return whether the credentials, which may be temporary, stay valid for `seconds`."""
        refresh_needed = getattr(self._credentials, "refresh_needed", None)
        return refresh_needed is None or not refresh_needed(refresh_in=seconds)


def is_amazon(endpoint: str) -> bool:
    """Return whether an endpoint is Amazon's own S3."""
    return (urlsplit(endpoint).hostname or "").endswith(_AMAZON)


def _without_secrets(endpoint: str) -> str:
    parts = urlsplit(without_user_info(endpoint))
    return f"{parts.scheme}://{parts.netloc}"
