"""What of the storage is needed to work on many of its objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fake_apimart_storage.s3.connection.calls import Calls
from fake_apimart_storage.s3.connection.reads import Reads
from fake_apimart_storage.s3.versions import Keeping

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BATCH_THREADS = 32
"""Threads for calls of many; the connections that these need at the same time."""


class Store(Protocol):
    """The part of S3Storage that is used here."""

    client: S3Client
    reads: Reads
    batch_calls: Calls
    keeping: Keeping

    def target(self, key: str) -> dict[str, str]:
        """Return bucket and key of an object as parameters of a call."""

    async def delete_versions(self, key: str) -> None:
        """Delete the versions that a versioned bucket has kept of an object."""

    def note_damage(self, key: str, problem: str) -> None:
        """Log once for each key that what is under it cannot be used."""
