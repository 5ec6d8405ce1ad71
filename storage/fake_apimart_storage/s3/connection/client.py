"""boto3's clients for a store, configured from the environment and files of all AWS tools."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.httpsession import URLLib3Session
from botocore.session import Session

from fake_apimart_storage.interface import StorageError
from fake_apimart_storage.s3.connection.answers import check_answer, check_redirect
from fake_apimart_storage.s3.connection.failure import failures_of_the_store, without_user_info
from fake_apimart_storage.s3.connection.patience import PATIENCE_SECONDS
from fake_apimart_storage.s3.connection.sessions import send_bodies_by, session

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONNECT_SECONDS = 3.0
READ_SHARE = 1 / 4
"""How much of the patience a call waits for each piece of an answer to what has no body."""
BODY_SHARE = 3 / 2
"""How much of the patience a connection waits with a block of a body, or for the answer to it."""
ATTEMPTS = 2
"""Together with the timeouts above, a call to a store that hangs fails within its patience."""
UNKNOWN_LIFE_SECONDS = 900
"""For how long temporary credentials are trusted that do not say when they end."""
DEFAULT_REGION = "us-east-1"
_UNUSABLE = "the AWS configuration cannot be used"

_AMAZON = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


@dataclass(frozen=True)
class Access:
    """How a store is reached, beside what all AWS tools know of it.

    URLs are presigned for `public_endpoint`, if that is given, else for the client's endpoint.
    `addressing` is where the bucket's name stands in URLs, `patience` the seconds that a call may
    be at a stand.
    """

    public_endpoint: str = ""
    addressing: Literal["auto", "path", "virtual"] = "auto"
    patience: float = PATIENCE_SECONDS


class Connection:
    """The client for the store, one that presigns URLs, and their credentials.

    `connections` is the size of the connection pool. Raises StorageError.
    """

    client: S3Client
    presigning: S3Client

    def __init__(self, connections: int, access: Access) -> None:
        self._access = access
        self._connections = connections
        with failures_of_the_store(_UNUSABLE):
            self._core = Session()
            self._session = boto3.Session(
                region_name=os.environ.get("AWS_REGION") or None, botocore_session=self._core
            )
            credentials = self._session.get_credentials()
            if credentials is None:
                raise StorageError(
                    "there are no credentials, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                    "or AWS_PROFILE"
                )
            self.credentials = credentials
            self.use_region(self._session.region_name or DEFAULT_REGION)
        self.endpoint = _without_secrets(self.client.meta.endpoint_url)

    def use_region(self, region: str) -> None:
        """Sign for `region` from now on, with clients of its own. Raises StorageError."""
        with failures_of_the_store(_UNUSABLE):
            self.region = region
            self.client = self._client(None)
            self.client.meta.events.register("after-call.s3", check_answer)
            self.client.meta.events.register_first("needs-retry.s3", check_redirect)
            # While other uploads get on, one of them may be at a stand for longer.
            seconds = self._access.patience * BODY_SHARE
            send_bodies_by(self.client, self.session(seconds, seconds))
            public = self._access.public_endpoint
            self.presigning = self._client(public) if public else self.client

    def session(self, connect: float = CONNECT_SECONDS, read: float = 0.0) -> URLLib3Session:
        """Return a session of HTTP with the store, by default with the client's own timeouts."""
        endpoint = self.client.meta.endpoint_url
        read = read or self._read_seconds
        return session(self._core, endpoint, self._connections, connect, read)

    @property
    def _read_seconds(self) -> float:
        return self._access.patience * READ_SHARE

    def _client(self, endpoint: str | None) -> S3Client:
        if self._access.addressing != "auto":
            return self._with_style(self._access.addressing, endpoint)
        # boto3 does as the user's AWS configuration says. Where that says nothing, it puts the
        # bucket into the path of each endpoint that is set, also where that is Amazon's.
        client = self._with_style(None, endpoint)
        if is_amazon(client.meta.endpoint_url) and not self._has_configured_style():
            return self._with_style("virtual", endpoint)
        return client

    def _has_configured_style(self) -> bool:
        options = self._core.get_scoped_config().get("s3")
        return isinstance(options, dict) and "addressing_style" in options

    def _with_style(self, style: str | None, endpoint: str | None) -> S3Client:
        # Hashing each body, here and in the store, takes over a tenth of a large upload.
        options: dict[str, Any] = {"payload_signing_enabled": False}
        if style is not None:
            options["addressing_style"] = style
        config = Config(
            region_name=self.region,
            signature_version="s3v4",
            s3=options,  # type: ignore[arg-type]
            connect_timeout=CONNECT_SECONDS,
            read_timeout=self._read_seconds,
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            max_pool_connections=self._connections,
            # It is for people who type; checking what programs pass takes a twentieth of a GET.
            parameter_validation=False,
            # Many stores reject the checksums that boto3 adds by default.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return self._session.client("s3", endpoint_url=endpoint, config=config)

    def seconds_presigned(self, seconds: int) -> int:
        """Return for how many of `seconds` a URL is good that the credentials sign now.

        It expires with them if they are temporary. Blocks where they must be fetched anew.
        """
        refresh_needed = getattr(self.credentials, "refresh_needed", None)
        if refresh_needed is not None:
            while seconds > 1 and refresh_needed(refresh_in=seconds):
                seconds //= 2
        elif self.credentials.token:
            return min(seconds, UNKNOWN_LIFE_SECONDS)
        return seconds


@contextlib.contextmanager
def heard(client: S3Client, event: str, handler: Callable[..., None]) -> Iterator[None]:
    """Call a handler of one of botocore's events during the block."""
    client.meta.events.register(event, handler)
    try:
        yield
    finally:
        client.meta.events.unregister(event, handler)


def is_amazon(endpoint: str) -> bool:
    """Return whether an endpoint is Amazon's own S3."""
    return (urlsplit(endpoint).hostname or "").endswith(_AMAZON)


def _without_secrets(endpoint: str) -> str:
    parts = urlsplit(without_user_info(endpoint))
    return f"{parts.scheme}://{parts.netloc}"
